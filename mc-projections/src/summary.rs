//! Tells what happened, in one English sentence per event.

mod agent;
mod alert;
mod approval;
mod budget;
mod run;
mod task;

use std::borrow::Cow;

use mc_domain::{
    actor::Actor,
    credential,
    ids::{AgentId, TaskId},
    notification, policy,
    project::{self, Halt},
    recorded::{AnyEvent, Recorded},
    reservation, standup,
    text::visible,
    values::Name,
};

use crate::views::Views;

/// The most characters of a reason or a message that a sentence quotes.
const MAX_QUOTED_CHARS: usize = 140;

/// How a sentence calls the task that an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// As "the task", for readers who look at one task.
    Plain,
    /// By its title, for readers who look at many tasks.
    Titled,
}

/// One sentence without a full stop that says what happened; the views give names to agents and tasks. Invisible
/// characters in them, which could turn the sentence around, are shown by their numbers.
///
/// ```
/// use mc_domain::{agent::{Event, Profile, Role}, values::Name};
/// use mc_projections::{script::Script, summary::{Naming, sentence}};
///
/// let mut script = Script::new();
/// let profile = Profile::new(Name::new("Scout")?, Role::Intern);
/// let project = uuid::Uuid::from_u128(1).into();
/// script.agent(1, |at| Event::Registered { project, profile, parent: None, purpose: None, at });
/// assert_eq!(
///     sentence(&script.events()[0], &script.views(), Naming::Titled),
///     "Sofie registered Scout as an intern"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sentence(event: &Recorded<AnyEvent>, views: &Views, naming: Naming) -> String {
    let sentence = compose(event, views, naming);
    match visible(&sentence) {
        Cow::Borrowed(_) => sentence,
        Cow::Owned(shown) => shown,
    }
}

fn compose(event: &Recorded<AnyEvent>, views: &Views, naming: Naming) -> String {
    let names = Names { views, naming };
    let actor = &event.metadata.actor;
    let id = &event.stream.aggregate_id;
    match &event.event {
        AnyEvent::Task(fact) => task::sentence(fact, actor, &names.task_of(id), &names),
        AnyEvent::Agent(fact) => agent::sentence(fact, actor, id.parse().ok(), &names),
        AnyEvent::Run(fact) => run::sentence(fact, actor, &names),
        AnyEvent::Budget(fact) => budget::sentence(fact, id.parse().ok(), actor, &names),
        AnyEvent::Approval(fact) => approval::sentence(fact, actor, id.parse().ok(), &names),
        AnyEvent::Alert(fact) => alert::sentence(fact, actor, &names),
        AnyEvent::Project(fact) => project(fact, &names.actor(actor)),
        AnyEvent::Notification(fact) => notification(fact, &names),
        AnyEvent::Policy(fact) => policy(fact, &names.actor(actor)),
        AnyEvent::Standup(fact) => standup(fact, &names.actor(actor)),
        AnyEvent::Credential(fact) => credential(fact, &names.actor(actor), &credential_name(id, views)),
        AnyEvent::Reservation(fact) => reservation(fact, &names, &names.actor(actor), id),
    }
}

fn policy(policy::Event::Published { version, .. }: &policy::Event, who: &str) -> String {
    format!("{who} published version {version} of the policy")
}

fn project(fact: &project::Event, who: &str) -> String {
    match fact {
        project::Event::Created { profile, .. } => format!("{who} created the project {}", profile.name),
        project::Event::Edited { profile } => format!("{who} edited the project {}", profile.name),
        project::Event::SquadPaused { halt: Halt::Pause, reason, .. } => {
            format!("{who} paused the squad{}", because(reason.as_ref()))
        }
        project::Event::SquadPaused { halt: Halt::Emergency, reason, .. } => {
            format!("{who} stopped the squad at once{}", because(reason.as_ref()))
        }
        project::Event::SquadResumed { reason, .. } => {
            format!("{who} resumed the squad{}", because(reason.as_ref()))
        }
    }
}

fn credential(fact: &credential::Event, who: &str, name: &str) -> String {
    match fact {
        credential::Event::Issued { grant, .. } => {
            format!("{who} issued the credential {} to {}", grant.name, bearer(grant.bearer.role()))
        }
        // What it was called before is not in the views any more.
        credential::Event::Renamed { name } => format!("{who} renamed a credential to {name}"),
        credential::Event::Revoked { reason, .. } => {
            format!("{who} revoked the credential {name}{}", because(reason.as_ref()))
        }
        credential::Event::Used { .. } => format!("the credential {name} was used"),
        credential::Event::SessionOpened { .. } => format!("{who} opened a session by the credential {name}"),
        credential::Event::SessionUsed { .. } => format!("a session by the credential {name} was used"),
        credential::Event::SessionEnded { .. } => {
            format!("{who} ended a session by the credential {name}")
        }
    }
}

fn bearer(role: credential::Role) -> &'static str {
    match role {
        credential::Role::Operator => "an operator",
        credential::Role::Agent => "an agent",
        credential::Role::Auditor => "an auditor",
        credential::Role::Monitor => "a monitor",
    }
}

fn credential_name(id: &str, views: &Views) -> String {
    let known = id.parse().ok().and_then(|id| views.credentials.name(id));
    known.map_or_else(|| id.to_owned(), Name::to_string)
}

fn standup(fact: &standup::Event, who: &str) -> String {
    let standup::Event::Recorded { report, .. } = fact;
    let (completed, blocked) = (report.completed.len(), report.blocked.len());
    let (waiting, alerts) = (report.waiting_approvals.len(), report.open_alerts);
    format!(
        "{who} recorded the standup: {completed} completed, {blocked} blocked, {waiting} waiting for approval, \
         {alerts} alerts, ${} of ${} spent",
        report.spent, report.cap
    )
}

fn notification(fact: &notification::Event, names: &Names<'_>) -> String {
    match fact {
        notification::Event::Queued { recipient, subject, .. } => {
            let whom = match recipient {
                notification::Recipient::Operator(name) => name.to_string(),
                notification::Recipient::Agent(id) => names.agent(*id).into_owned(),
            };
            format!("{whom} is to be told: {subject}")
        }
        notification::Event::Delivered { .. } => "a notification was delivered".to_owned(),
        notification::Event::Read { .. } => "a notification was read".to_owned(),
        notification::Event::AttemptFailed { attempt, error, .. } => {
            format!("a notification did not arrive (attempt {attempt}): {error}")
        }
        notification::Event::Failed { error, .. } => format!("a notification was given up: {error}"),
        notification::Event::Expired { .. } => "a notification expired".to_owned(),
    }
}

/// Tells of a reservation. Its key is what an agent's name looks like, not how the name is written, so a sentence
/// names the agent that holds it now.
fn reservation(fact: &reservation::Event, names: &Names<'_>, who: &str, key: &str) -> String {
    let in_key = || Cow::Borrowed(key.rsplit('/').next().unwrap_or(key));
    let name = |holder: &reservation::Holder| match holder {
        reservation::Holder::Agent(id) => names.agent(*id),
        reservation::Holder::Project(_) | reservation::Holder::Approval(_) => in_key(),
    };
    match fact {
        reservation::Event::Reserved { holder } => format!("{who} reserved the name {}", name(holder)),
        reservation::Event::Released { .. } => format!("{who} gave up the name {}", in_key()),
    }
}

/// Finds names for those who act and for what they act on.
struct Names<'a> {
    views: &'a Views,
    naming: Naming,
}

impl Names<'_> {
    fn actor(&self, actor: &Actor) -> String {
        self.views.agents.actor(actor).name.into_owned()
    }

    fn agent(&self, id: AgentId) -> Cow<'_, str> {
        self.views.agents.name_or_id(id)
    }

    /// Joins names: "Scout", "Scout and Echo", "Scout, Echo and Nova".
    fn agents<'i>(&self, ids: impl IntoIterator<Item = &'i AgentId>) -> String {
        let mut names: Vec<_> = ids.into_iter().map(|id| self.agent(*id)).collect();
        match names.pop() {
            None => "nobody".to_owned(),
            Some(last) if names.is_empty() => last.into_owned(),
            Some(last) => format!("{} and {last}", names.join(", ")),
        }
    }

    fn task_of(&self, id: &str) -> String {
        match (self.naming, id.parse()) {
            (Naming::Titled, Ok(id)) => self.titled(id),
            (Naming::Plain, _) | (_, Err(_)) => "the task".to_owned(),
        }
    }

    /// ` on <task>`, or nothing without a task.
    fn on(&self, task: Option<TaskId>) -> String {
        task.map_or_else(String::new, |task| format!(" on {}", self.task(task)))
    }

    /// What an approval or an alert is about, in quotes.
    fn about(text: Option<&impl AsRef<str>>, or: &str) -> String {
        text.map_or_else(|| or.to_owned(), |text| format!("“{}”", quoted(text.as_ref())))
    }

    /// How to call a task that another aggregate's event is about.
    fn task(&self, id: TaskId) -> String {
        match self.naming {
            Naming::Titled => self.titled(id),
            Naming::Plain => "the task".to_owned(),
        }
    }

    fn titled(&self, id: TaskId) -> String {
        self.views.tasks.title(id).map_or_else(|| "a task".to_owned(), |title| format!("“{title}”"))
    }
}

/// `: <text>` for the first line of the text, cut off where it is long; nothing without a text.
fn because(text: Option<&impl AsRef<str>>) -> String {
    text.map_or_else(String::new, |text| format!(": {}", quoted(text.as_ref())))
}

fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end_matches('.');
    match line.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::{
        agent::{self, PauseReason, Profile, Role},
        task::Event,
        values::{Name, Reason},
    };

    use super::*;
    use crate::script::Script;

    fn scout(script: &mut Script) -> AgentId {
        let profile = Profile::new(Name::new("Scout").expect("a name"), Role::Intern);
        let project = uuid::Uuid::from_u128(1).into();
        script.agent(1, |at| agent::Event::Registered { project, profile, parent: None, purpose: None, at })
    }

    fn last(script: &Script) -> String {
        sentence(&script.events()[script.events().len() - 1], &script.views(), Naming::Plain)
    }

    #[test]
    fn agents_go_by_their_names() {
        let mut script = Script::new();
        let agent = scout(&mut script);
        script.by(Actor::Agent(agent)).task(1, |at| Event::Claimed { agent, at });
        assert_eq!(last(&script), "Scout claimed the task");
    }

    #[test]
    fn feedback_is_quoted_with_its_review_cycle() {
        let mut script = Script::new();
        let holder = scout(&mut script);
        let feedback = Reason::new("tighten the intro").unwrap();
        let lease = uuid::Uuid::nil().into();
        script.task(1, |at| Event::SentBack { feedback, review_cycle: 1, holder, lease, at });
        assert_eq!(last(&script), "Sofie sent the task back: tighten the intro (review cycle 1)");
    }

    #[test]
    fn what_an_agent_sets_off_is_not_told_as_its_will() {
        let mut script = Script::new();
        let agent = scout(&mut script);
        let reason = PauseReason::Budget;
        script.by(Actor::Agent(agent)).agent(1, |_| agent::Event::Paused { reason, note: None });
        assert_eq!(last(&script), "Scout was paused for its budget");
        script.agent(1, |_| agent::Event::Quarantined { note: None });
        assert_eq!(last(&script), "Scout was quarantined");
    }

    #[test]
    fn who_got_which_credential_and_what_became_of_it_is_told() {
        use mc_domain::credential::{Bearer, Credential, Event, Grant, SecretHash};

        let (mut script, id) = (Script::new(), uuid::Uuid::from_u128(1).into());
        let mut told = |event: &dyn Fn(chrono::DateTime<chrono::Utc>) -> Event| {
            script.record::<Credential>(&id, event);
            last(&script)
        };
        let (secret_hash, session_hash) = (SecretHash::of("secret"), SecretHash::of("session"));
        for (bearer, sentence) in [
            (Bearer::Operator, "Sofie issued the credential Ada to an operator"),
            (Bearer::Agent(uuid::Uuid::from_u128(1).into()), "Sofie issued the credential Ada to an agent"),
            (Bearer::Auditor, "Sofie issued the credential Ada to an auditor"),
            (Bearer::Monitor, "Sofie issued the credential Ada to a monitor"),
        ] {
            let name = Name::new("Ada").unwrap();
            let grant = Grant { name, bearer, reach: mc_domain::reach::Reach::All, expires_at: None };
            assert_eq!(told(&|at| Event::Issued { grant: grant.clone(), secret_hash, at }), sentence);
        }
        assert_eq!(told(&|at| Event::Used { at }), "the credential Ada was used");
        let opened = told(&|at| Event::SessionOpened { session_hash, at });
        assert_eq!(opened, "Sofie opened a session by the credential Ada");
        let used = told(&|at| Event::SessionUsed { session_hash, at });
        assert_eq!(used, "a session by the credential Ada was used");
        let ended = told(&|at| Event::SessionEnded { session_hash, at });
        assert_eq!(ended, "Sofie ended a session by the credential Ada");
        let renamed = told(&|_| Event::Renamed { name: Name::new("Grace").unwrap() });
        assert_eq!(renamed, "Sofie renamed a credential to Grace");
        let revoked = told(&|at| Event::Revoked { reason: Reason::new("leaked.").ok(), at });
        assert_eq!(revoked, "Sofie revoked the credential Grace: leaked");
    }

    #[test]
    fn long_reasons_are_cut_at_a_character() {
        let long = "ä".repeat(MAX_QUOTED_CHARS + 1);
        assert_eq!(quoted(&long).chars().count(), MAX_QUOTED_CHARS + 1);
        assert!(quoted(&long).ends_with('…'));
        assert_eq!(quoted("first\nsecond"), "first");
        assert_eq!(quoted("done."), "done");
    }
}
