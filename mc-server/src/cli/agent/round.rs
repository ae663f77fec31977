//! One round of an agent: what it is told, and what it does next.

use mc_domain::values::Name;
use serde_json::{Number, Value, json};
use uuid::Uuid;

use super::{Client, Failure, RunOptions};

/// The model that the made-up work is said to have been done with.
const MODEL: &str = "mission-control-runner";
/// The name of an agent that is given none.
const DEFAULT_NAME: &str = "Scout";
/// What a run is said to cost, in dollars: a number as JSON has it.
const COST: &str = "0.01";

/// An agent and the server it works with.
pub(super) struct Runner {
    options: RunOptions,
    client: Client,
    session: String,
    /// Whether it shows a credential: then it is the agent that this belongs to.
    has_credential: bool,
}

/// The agent that works: its id and its name.
struct Own {
    id: String,
    name: String,
}

impl Runner {
    pub(super) fn new(options: RunOptions, client: Client, has_credential: bool) -> Self {
        Self { options, client, session: format!("runner-{}", Uuid::now_v7()), has_credential }
    }

    /// Registers, tells that it lives, and does the next thing: what that was, in a line.
    pub(super) fn round(&self) -> Result<String, Failure> {
        let Own { id: agent, name } = self.present_itself()?;
        let answer = self.heartbeat(&agent)?;
        let directives = words(&answer["directives"]);
        if let Some(stop) =
            directives.iter().find(|directive| ["pause", "drain", "quarantine"].contains(&directive.as_str()))
        {
            return Ok(format!("{name}: told to {stop}, so nothing is done"));
        }
        if directives.iter().any(|directive| directive == "restart") {
            // What it held was taken from it; the second heartbeat tells what there is now.
            let answer = self.heartbeat(&agent)?;
            return Ok(format!("{name}: restarted; {}", self.work_or_claim(&agent, &answer)?));
        }
        Ok(format!("{name}: {}", self.work_or_claim(&agent, &answer)?))
    }

    /// Signs the agent off with a heartbeat, so nobody waits for its silence to be noticed.
    pub(super) fn say_goodbye(&self) -> Result<(), Failure> {
        let Own { id: agent, .. } = self.present_itself()?;
        let goodbye = json!({ "sessionKey": self.session, "status": "offline" });
        self.client.post(&format!("/api/agents/{agent}/heartbeat"), &goodbye).map(drop)
    }

    /// Who works: whom the credential belongs to, or who registers.
    fn present_itself(&self) -> Result<Own, Failure> {
        if self.has_credential { self.identify() } else { self.register() }
    }

    /// The agent that the credential belongs to, which an operator has registered.
    fn identify(&self) -> Result<Own, Failure> {
        let who = self.client.get("/api/whoami")?;
        let (Some(id), Some(called)) = (who["agentId"].as_str(), who["name"].as_str()) else {
            let role = who["role"].as_str().unwrap_or("nobody in particular");
            let advice = "Have one issued for the agent: mission-control credential issue --name Scout --role agent --agent \
                          Scout; or leave --credential-file out where the server asks for none";
            let what = format!("an agent works by its own credential, and this one is of the role {role}");
            return Err(Failure::new(what, Some(advice.to_owned())));
        };
        match &self.options.name {
            Some(name) if !name.is_written(called) => {
                let advice =
                    "Leave --name and AGENT_NAME out, or name the file of that agent's credential".to_owned();
                Err(Failure::new(
                    format!("the credential belongs to {called}, and not to {name}"),
                    Some(advice),
                ))
            }
            Some(_) | None => Ok(Own { id: id.to_owned(), name: called.to_owned() }),
        }
    }

    fn register(&self) -> Result<Own, Failure> {
        let RunOptions { name, role, types, emoji, project, interval, .. } = &self.options;
        let name = name.as_ref().map_or(DEFAULT_NAME, Name::as_str);
        let mut new = json!({
            "name": name,
            "role": role,
            "allowedTaskTypes": (!types.is_empty()).then_some(types),
            "heartbeatIntervalSecs": interval.duration().as_secs().min(86_400),
        });
        if let Some(emoji) = emoji {
            new["emoji"] = json!(emoji);
        }
        if let Some(project) = project {
            new["project"] = json!(project);
        }
        own(&self.client.post("/api/agents", &new)?)
    }

    fn heartbeat(&self, agent: &str) -> Result<Value, Failure> {
        let body = json!({ "sessionKey": self.session });
        self.client.post(&format!("/api/agents/{agent}/heartbeat"), &body)
    }

    fn work_or_claim(&self, agent: &str, answer: &Value) -> Result<String, Failure> {
        let assigned = answer["assignedTasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let at = |status: &str| assigned.iter().find(|task| task["status"] == status);
        match at("in_progress").or_else(|| at("assigned")) {
            Some(task) => self.work_on(agent, task),
            None => self.claim(agent, answer),
        }
    }

    fn work_on(&self, agent: &str, task: &Value) -> Result<String, Failure> {
        let (id, title) = named(task);
        if task["status"] == "assigned" {
            let plan = ["Read what is asked for", "Do it", "Check the result against the task"];
            let start = json!({ "toStatus": "in_progress", "agentId": agent, "workPlan": plan });
            if let Err(why) = self.attempt(&format!("/api/tasks/{id}/transition"), &as_agent(start, agent))? {
                return Ok(format!("could not start “{title}”: {why}"));
            }
        }
        self.end_what_was_left(agent)?;
        let run = json!({ "agentId": agent, "taskId": id, "model": MODEL, "sessionKey": self.session, "estimatedCost": cost() });
        let run = match self.attempt("/api/runs", &run)? {
            Ok(run) => run,
            Err(why) => return Ok(format!("began “{title}”, but no run was allowed: {why}")),
        };
        self.finish(agent, &id, &title, run["id"].as_str().unwrap_or_default())
    }

    /// A runner that was killed has left its run open, and what that may cost set aside. Nobody knows what it has cost.
    fn end_what_was_left(&self, agent: &str) -> Result<(), Failure> {
        let open = self.client.get(&format!("/api/runs?agentId={agent}&status=running"))?;
        let open = open.as_array().map(Vec::as_slice).unwrap_or_default();
        for run in open.iter().filter(|run| run["model"] == MODEL) {
            let run = run["id"].as_str().unwrap_or_default();
            let end = json!({ "status": "failed", "cost": null, "error": "its runner ended before it did" });
            // It may have ended by itself a moment ago.
            let _ = self.attempt(&format!("/api/runs/{run}/complete"), &as_agent(end, agent))?;
        }
        Ok(())
    }

    fn finish(&self, agent: &str, task: &str, title: &str, run: &str) -> Result<String, Failure> {
        let progress = json!({ "type": "progress", "agentId": agent, "content": "The work is done and is being checked." });
        let spent =
            json!({ "status": "completed", "inputTokens": 1200, "outputTokens": 300, "cost": cost() });
        let submit = json!({
            "toStatus": "review",
            "agentId": agent,
            "deliverable": { "name": "Result", "content": format!("What was made for: {title}") },
            "reviewChecklist": ["It does what the task asks", "It was checked against the task"],
        });
        for (path, body) in [
            (format!("/api/tasks/{task}/messages"), progress),
            (format!("/api/runs/{run}/complete"), spent),
            (format!("/api/tasks/{task}/transition"), submit),
        ] {
            if let Err(why) = self.attempt(&path, &as_agent(body, agent))? {
                return Ok(format!("worked on “{title}”, but could not hand it in: {why}"));
            }
        }
        Ok(format!("worked on “{title}” and handed it in for review"))
    }

    fn claim(&self, agent: &str, answer: &Value) -> Result<String, Failure> {
        let claimable = answer["claimableTasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        for task in claimable {
            let (id, title) = named(task);
            // Another agent may be faster, and then the next one is as good.
            if self.attempt(&format!("/api/tasks/{id}/claim"), &json!({ "agentId": agent }))?.is_ok() {
                return Ok(format!("claimed “{title}”"));
            }
        }
        Ok("nothing to do".to_owned())
    }

    /// What the server answers, or why it refuses; an error only when there is no answer.
    fn attempt(&self, path: &str, body: &Value) -> Result<Result<Value, String>, Failure> {
        let answer = self.client.try_post(path, body)?;
        Ok(if answer.is_success() { Ok(answer.body) } else { Err(answer.refusal()) })
    }
}

fn own(agent: &Value) -> Result<Own, Failure> {
    let text = |field: &str| agent[field].as_str().map(str::to_owned);
    let named = text("id").zip(text("name")).map(|(id, name)| Own { id, name });
    named.ok_or_else(|| Failure::new("the server named no agent", None))
}

/// The body of a call that an agent makes itself.
fn as_agent(mut body: Value, agent: &str) -> Value {
    body["actor"] = json!({ "type": "agent", "id": agent });
    body
}

/// What a run costs, as a number.
fn cost() -> Value {
    COST.parse::<Number>().map_or(Value::Null, Value::Number)
}

fn named(task: &Value) -> (String, String) {
    let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
    (text("id"), text("title"))
}

/// The texts of a list, or the values of a field that each of its objects has.
fn words(list: &Value) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |item: &Value| item.as_str().or_else(|| item["type"].as_str()).map(str::to_owned);
    items.iter().filter_map(word).collect()
}
