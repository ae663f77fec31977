//! The policy document: every list, budget, limit and figure that an operator may change.
//!
//! `Document::default()` is what holds until another version is published. Money is stored as whole micro-dollars
//! (`dailyCapMicroUsd`); the REST interface shows and accepts dollars (`dailyCap`), see [`Document::from_rest`].
//! Reading a stored document forgives fields it does not know, so that an older program can read a newer log; reading
//! a proposed one forgives nothing.

mod check;
mod defaults;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::policy_limits::section;
pub use crate::policy_limits::{
    Limits, LoopThresholds, PolicyLimits, RoleRules, Roles, RunRules, SpawnLimits, TaskBudgets, Thresholds,
    Timeouts,
};
use crate::{money::Usd, risk::Risk, task_type::TaskType};

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
/// The largest count that a limit may be set to.
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
    /// What is wrong, as a sentence without its subject.
    pub message: String,
}

section!(
    /// What agents may do, and the figures everything is measured against.
    Document {
        /// The risk of each tool by name; others are yellow.
        tools: BTreeMap<String, Risk>,
        /// The lists that commands are judged by.
        shell: ShellRules,
        /// The list that addresses are judged by.
        network: NetworkRules,
        /// The lists that paths are judged by.
        files: FileRules,
        /// What each role may spend and spawn.
        roles: Roles,
        /// What a task may cost, by type.
        #[serde(rename = "taskBudgetsMicroUsd")]
        task_budgets: BTreeMap<TaskType, Usd>,
        /// When a budget is reported as used up.
        thresholds: Thresholds,
        /// How many sub-agents there may be, and for how long.
        spawn: SpawnLimits,
        /// When a task or an agent goes round in circles.
        loops: LoopThresholds,
        /// How many deciders an approval takes, and how long it waits for them.
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
        /// Globs of what may be read.
        read: Vec<String>,
        /// Globs of what may be written.
        write: Vec<String>,
        /// What is never touched, whatever the other two say.
        never: Vec<String>,
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

impl Document {
    /// Its numbers, as decisions are held to them.
    pub fn policy_limits(&self) -> PolicyLimits {
        PolicyLimits {
            roles: self.roles,
            spawn: self.spawn,
            thresholds: self.thresholds,
            loops: self.loops,
            timeouts: self.timeouts,
            limits: self.limits,
            escalates_after_secs: self.approvals.escalates_after_secs,
            expires_after_secs: self.approvals.expires_after_secs,
            task_budgets: TaskBudgets::said_by(|kind| {
                self.task_budgets.get(&kind).copied().unwrap_or(kind.default_budget())
            }),
            least_reserved: self.runs.least_reserved,
        }
    }

    /// The document as the REST interface shows it.
    pub fn to_rest(&self) -> Value {
        let mut rest = in_dollars(value(self));
        rest["limits"] = value(&self.limits);
        rest["runs"] = in_dollars(value(&self.runs));
        rest
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
