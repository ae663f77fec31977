//! The policy document: every list, budget, limit and figure that an operator may change.
//!
//! `Document::default()` is what holds until another version is published. Money is stored as whole micro-dollars
//! (`dailyCapMicroUsd`); the REST interface shows and accepts dollars (`dailyCap`), see [`Document::from_rest`].
//! Reading a stored document forgives fields it does not know, so that an older program can read a newer log; reading
//! a proposed one forgives nothing.

mod check;
mod defaults;
mod limits;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use limits::PolicyLimits;

use super::evaluate::Risk;
use crate::{agent::Role, money::Usd, task::TaskType};

/// The most entries of one list.
pub const MAX_LIST_ENTRIES: usize = 200;
/// The most tools of the risk map, and of the approval rules.
pub const MAX_TOOLS: usize = 500;
/// The most characters of one entry or name.
pub const MAX_ENTRY_CHARS: usize = 200;
/// The largest budget of anything; more is taken for a slip.
pub const MAX_BUDGET: Usd = Usd::cents(100_000_000);
/// The longest time span, in seconds: one year.
pub const MAX_SPAN_SECS: u32 = 366 * 24 * 60 * 60;
/// The largest count.
pub const MAX_COUNT: u32 = 10_000;
/// The most errors that are listed about one document.
pub const MAX_ERRORS: usize = 1000;

/// What ends the name of a stored money field.
const MICRO_USD: &str = "MicroUsd";

/// One thing that is wrong with a proposed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct DocumentError {
    /// Where, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What, as a sentence.
    pub message: String,
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }
    };
}

section!(
    /// What agents may do, and the figures everything is measured against.
    Document {
        /// The risk of each tool by name; others are yellow.
        tools: BTreeMap<String, Risk>,
        /// Commands.
        shell: ShellRules,
        /// Addresses.
        network: NetworkRules,
        /// Paths.
        files: FileRules,
        /// What each role may spend and spawn.
        roles: Roles,
        /// What a task may cost, by type.
        #[serde(rename = "taskBudgetsMicroUsd")]
        task_budgets: BTreeMap<TaskType, Usd>,
        /// When a budget is reported as used up.
        thresholds: Thresholds,
        /// Sub-agents.
        spawn: SpawnLimits,
        /// When a task or an agent goes round in circles.
        loops: LoopThresholds,
        /// Who decides, and until when.
        approvals: ApprovalRules,
        /// How long things may stay silent.
        timeouts: Timeouts,
        /// How much there may be of one thing. It is stored only where it is not as by default, as older ones have none.
        #[serde(skip_serializing_if = "Limits::is_default")]
        limits: Limits,
        /// What holds of every run; left out of what is stored where it is as by default.
        #[serde(skip_serializing_if = "RunRules::is_default")]
        runs: RunRules,
    }
);

section!(
    /// The lists that commands are judged by.
    ShellRules {
        /// Leading words of allowed commands; a word that ends in `/` stands for every path below it; `*` allows all.
        allow: Vec<String>,
        /// Denied commands with the flags and modes that make them so; the command may be a glob.
        deny: Vec<String>,
    }
);

section!(
    /// The list that addresses are judged by.
    NetworkRules {
        /// Hosts, each with its subdomains; `*.` and a host for the subdomains alone; `*` for all.
        allow: Vec<String>,
    }
);

section!(
    /// The globs that paths are judged by, relative to the workspace; `*` alone stands for every path.
    FileRules {
        /// Where the workspace is, so that absolute paths can be told; without it they all lead out.
        #[serde(skip_serializing_if = "Option::is_none")]
        root: Option<String>,
        /// What may be read.
        read: Vec<String>,
        /// What may be written.
        write: Vec<String>,
        /// What is never touched, whatever the other two say.
        never: Vec<String>,
    }
);

section!(
    /// The rules of each role.
    #[derive(Copy)]
    Roles {
        /// Of interns.
        intern: RoleRules,
        /// Of specialists.
        specialist: RoleRules,
        /// Of leads.
        lead: RoleRules,
        /// Of the Chief Agent Officer's seat.
        cao: RoleRules,
    }
);

/// What one role may spend and spawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRules {
    /// In one UTC day.
    #[serde(rename = "dailyCapMicroUsd")]
    pub daily_cap: Usd,
    /// In one run.
    #[serde(rename = "perRunCapMicroUsd")]
    pub per_run_cap: Usd,
    /// Whether it may create sub-agents.
    pub may_spawn: bool,
}

section!(
    /// Shares of a budget that raise an alert, in percent.
    #[derive(Copy)]
    Thresholds {
        /// A warning.
        warning_percent: u32,
        /// An error.
        error_percent: u32,
    }
);

section!(
    /// How many sub-agents there may be, and for how long.
    #[derive(Copy)]
    SpawnLimits {
        /// Of one agent.
        max_children: u32,
        /// Levels below an agent that nobody spawned.
        max_depth: u32,
        /// Active agents in all.
        max_active_agents: u32,
        /// After which a sub-agent is retired.
        retire_after_secs: u32,
    }
);

section!(
    /// When a task or an agent goes round in circles.
    #[derive(Copy)]
    LoopThresholds {
        /// More messages than this within the window.
        max_messages: u32,
        /// The window of the messages.
        messages_window_secs: u32,
        /// More review cycles than this.
        max_review_cycles: u32,
        /// Two agents alternating more often than this within the window.
        max_alternations: u32,
        /// The window of the alternations.
        alternations_window_secs: u32,
        /// One pair of statuses back and forth this often …
        pair_repeats: u32,
        /// … among at least this many transitions …
        pair_transitions: u32,
        /// … within this window.
        pair_window_secs: u32,
        /// This many tool calls of one run failing with one error.
        identical_tool_errors: u32,
        /// This many failed runs …
        failed_runs: u32,
        /// … among this many last ones.
        failed_runs_among: u32,
    }
);

section!(
    /// Who decides about approvals, and until when.
    ApprovalRules {
        /// After which an undecided approval expires.
        expires_after_secs: u32,
        /// After which an undecided approval is escalated.
        escalates_after_secs: u32,
        /// How many different deciders a red action takes: 1 or 2.
        red_decisions: u32,
        /// How many deciders single tools take: 1 or 2.
        tools: BTreeMap<String, u32>,
    }
);

section!(
    /// How long things may stay silent, and how many errors an agent may make in a row.
    #[derive(Copy)]
    Timeouts {
        /// By how much a heartbeat may be later than the agent declared.
        stale_after_secs: u32,
        /// How long a task is held without a run after the last heartbeat.
        lease_secs: u32,
        /// After which a run without an end is timed out.
        run_timeout_secs: u32,
        /// The error streak that warns.
        error_streak_warning: u32,
        /// The error streak that quarantines.
        error_streak_quarantine: u32,
    }
);

section!(
    /// How much there may be of one thing, so that one agent alone does not fill what all of them share.
    #[derive(Copy)]
    Limits {
        /// Messages in the thread of one task; then only operators and the rules post there.
        max_thread_messages: u32,
        /// Agents of one project that are not offline.
        max_agents: u32,
        /// Open tasks that one agent created; operators create as many as they like.
        max_open_tasks: u32,
    }
);

section!(
    /// What holds of every run.
    #[derive(Copy)]
    RunRules {
        /// The least that is set aside for a run, whatever it is expected to cost: more than nothing.
        #[serde(rename = "leastReservedMicroUsd")]
        least_reserved: Usd,
    }
);

impl RunRules {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Roles {
    /// The rules of one role.
    pub fn of(&self, role: Role) -> &RoleRules {
        match role {
            Role::Intern => &self.intern,
            Role::Specialist => &self.specialist,
            Role::Lead => &self.lead,
            Role::Cao => &self.cao,
        }
    }
}

impl Document {
    /// The document as the REST interface takes it, money in dollars. A missing section or field is as by default.
    ///
    /// ```
    /// use mc_domain::{money::Usd, policy::document::Document};
    /// use serde_json::json;
    ///
    /// let document = Document::from_rest(&json!({ "roles": { "intern": { "dailyCap": 2.5 } } })).unwrap();
    /// assert_eq!(document.roles.intern.daily_cap, Usd::cents(250));
    /// let errors = Document::from_rest(&json!({ "sell": {}, "network": { "allow": "all" } })).unwrap_err();
    /// assert_eq!(errors.len(), 2);
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_rest(value: &Value) -> Result<Self, Vec<DocumentError>> {
        read::document(value, read::Money::Dollars)
    }

    /// The document as it is stored, money in micro-dollars, as strictly as [`Document::from_rest`].
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, Vec<DocumentError>> {
        read::document(value, read::Money::MicroUsd)
    }

    /// The document as the REST interface shows it.
    pub fn to_rest(&self) -> Value {
        let mut rest = in_dollars(value(self));
        rest["limits"] = value(&self.limits);
        rest["runs"] = in_dollars(value(&self.runs));
        rest
    }

    /// Checks what the types alone do not say: globs, hosts, commands, ranges, and what must fit together.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate(&self) -> Result<(), Vec<DocumentError>> {
        let errors = check::errors(self);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// How many different deciders an action of this tool takes.
    pub fn decisions_for(&self, tool: &str) -> u32 {
        self.decisions_on(Some(tool), self.risk_of(tool))
    }

    /// How many different deciders an action of this risk takes, and with this tool where it uses one.
    pub fn decisions_on(&self, tool: Option<&str>, risk: Risk) -> u32 {
        let of_tool = tool.and_then(|tool| self.approvals.tools.get(&known_as(tool)).copied());
        let of_risk = match risk {
            Risk::Red => self.approvals.red_decisions,
            Risk::Green | Risk::Yellow => 1,
        };
        of_tool.unwrap_or(of_risk)
    }

    /// The risk of a tool by its name alone; unknown tools are yellow.
    pub fn risk_of(&self, tool: &str) -> Risk {
        self.tools.get(&known_as(tool)).copied().unwrap_or(Risk::Yellow)
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("a document has only text keys and finite numbers")
}

/// A tool as the lists name it, whatever the case it is written in.
fn known_as(tool: &str) -> String {
    tool.trim().to_ascii_lowercase()
}

/// Money fields renamed and written in dollars, at any depth.
fn in_dollars(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let convert = |(name, value): (String, Value)| match name.strip_suffix(MICRO_USD) {
        Some(name) => (name.to_owned(), dollars(value)),
        None => (name, in_dollars(value)),
    };
    Value::Object(fields.into_iter().map(convert).collect::<Map<_, _>>())
}

fn dollars(value: Value) -> Value {
    match value {
        Value::Object(amounts) => amounts.into_iter().map(|(name, amount)| (name, dollars(amount))).collect(),
        amount => {
            let usd = amount.as_i64().and_then(|micros| Usd::from_micros(micros).ok());
            let digits = usd.and_then(|usd| usd.to_string().parse::<Number>().ok());
            digits.map_or(amount, Value::Number)
        }
    }
}

#[cfg(test)]
mod tests;
