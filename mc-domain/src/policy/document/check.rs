//! What the types of a document do not say.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::{
    Document, DocumentError, FileRules, MAX_BUDGET, MAX_COUNT, MAX_ENTRY_CHARS, MAX_ERRORS, MAX_LIST_ENTRIES,
    MAX_SPAN_SECS, MAX_TOOLS,
};
use crate::{
    money::Usd,
    policy::{files, network, shell},
    policy_limits::Lifetime,
    role::Role,
    task::{MAX_MESSAGES_WATCHED, MAX_MOVES_WATCHED, MAX_RUNS_WATCHED},
};

impl Document {
    /// Checks what the types alone do not say: globs, hosts, commands, ranges, and what must fit together.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate(&self) -> Result<(), Vec<DocumentError>> {
        let errors = errors(self);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

pub(super) fn errors(document: &Document) -> Vec<DocumentError> {
    let mut check = Check(Vec::new());
    check.tools("/tools", &document.tools);
    check.list("/shell/allow", &document.shell.allow, shell::allow_entry_problem);
    check.list("/shell/deny", &document.shell.deny, shell::deny_entry_problem);
    check.list("/network/allow", &document.network.allow, host_problem);
    check.files(&document.files);
    check.money(document);
    check.thresholds(document);
    check.counts(document);
    check.spans(document);
    check.approvals(document);
    check.0.truncate(MAX_ERRORS);
    check.0
}

/// What is wrong with the name of a tool.
pub(super) fn tool_problem(name: &str) -> Option<&'static str> {
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.:/".contains(c);
    let wrong = name.is_empty() || name.len() > MAX_ENTRY_CHARS || !name.chars().all(of_name);
    wrong.then_some("a tool's name is lower-case letters, digits and _ - . : /")
}

fn host_problem(entry: &str) -> Option<String> {
    let problem = "must be a host such as github.com, *.github.com, or *";
    (!network::is_entry(entry)).then(|| problem.to_owned())
}

fn glob_problem(entry: &str) -> Option<String> {
    match () {
        () if files::allow_glob(entry).is_none() => Some("is not a valid glob".to_owned()),
        () if entry.starts_with(['/', '~']) || entry.split('/').any(|part| part == "..") => {
            Some("must be relative to the workspace and stay in it".to_owned())
        }
        () => None,
    }
}

struct Check(Vec<DocumentError>);

impl Check {
    fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(DocumentError { pointer: pointer.into(), message: message.into() });
    }

    fn tools<T>(&mut self, pointer: &str, tools: &BTreeMap<String, T>) {
        if tools.len() > MAX_TOOLS {
            self.add(pointer, format!("must have at most {MAX_TOOLS} tools"));
        }
        for tool in tools.keys().take(MAX_TOOLS) {
            if let Some(problem) = tool_problem(tool) {
                let name = tool
                    .chars()
                    .take(MAX_ENTRY_CHARS)
                    .collect::<String>()
                    .replace('~', "~0")
                    .replace('/', "~1");
                self.add(format!("{pointer}/{name}"), problem);
            }
        }
    }

    fn list(&mut self, pointer: &str, entries: &[String], problem: impl Fn(&str) -> Option<String>) {
        if entries.len() > MAX_LIST_ENTRIES {
            self.add(pointer, format!("must have at most {MAX_LIST_ENTRIES} entries"));
        }
        for (at, entry) in entries.iter().enumerate().take(MAX_LIST_ENTRIES) {
            let shape = match () {
                () if entry.trim().is_empty() => Some("must not be empty".to_owned()),
                () if entry.chars().count() > MAX_ENTRY_CHARS => {
                    Some(format!("must have at most {MAX_ENTRY_CHARS} characters"))
                }
                () if entry.chars().any(char::is_control) => {
                    Some("must not have control characters".to_owned())
                }
                () => problem(entry),
            };
            if let Some(message) = shape {
                self.add(format!("{pointer}/{at}"), message);
            }
        }
    }

    fn files(&mut self, rules: &FileRules) {
        self.list("/files/read", &rules.read, glob_problem);
        self.list("/files/write", &rules.write, glob_problem);
        self.list("/files/never", &rules.never, glob_problem);
        let odd = |root: &String| {
            !root.starts_with('/')
                || root.trim_matches('/').is_empty()
                || root.len() > MAX_ENTRY_CHARS
                || root.contains("/..")
        };
        if rules.root.as_ref().is_some_and(odd) {
            self.add("/files/root", "must be an absolute path below /, such as /srv/workspace");
        }
    }

    fn money(&mut self, document: &Document) {
        for role in Role::ALL {
            let (rules, pointer) = (document.roles.of(*role), format!("/roles/{role}"));
            self.amount(format!("{pointer}/dailyCapMicroUsd"), rules.daily_cap);
            self.amount(format!("{pointer}/perRunCapMicroUsd"), rules.per_run_cap);
            if rules.per_run_cap > rules.daily_cap {
                self.add(format!("{pointer}/perRunCapMicroUsd"), "must not be more than the daily cap");
            }
        }
        for (kind, budget) in &document.task_budgets {
            self.amount(format!("/taskBudgetsMicroUsd/{kind}"), *budget);
        }
        let least = document.runs.least_reserved;
        self.amount("/runs/leastReservedMicroUsd".to_owned(), least);
        if least == Usd::ZERO {
            self.add("/runs/leastReservedMicroUsd", "must be more than 0");
        }
    }

    fn amount(&mut self, pointer: String, amount: Usd) {
        if amount > MAX_BUDGET {
            self.add(pointer, format!("must be at most {MAX_BUDGET} dollars"));
        }
    }

    fn thresholds(&mut self, document: &Document) {
        let thresholds = &document.thresholds;
        self.range("/thresholds/warningPercent", thresholds.warning_percent, 1, 100);
        self.range("/thresholds/errorPercent", thresholds.error_percent, 1, 100);
        if thresholds.warning_percent >= thresholds.error_percent {
            self.add("/thresholds/warningPercent", "must be less than errorPercent");
        }
    }

    fn range(&mut self, pointer: &str, value: u32, min: u32, max: u32) {
        if !(min..=max).contains(&value) {
            self.add(pointer, format!("must be from {min} to {max}"));
        }
    }

    fn counts(&mut self, document: &Document) {
        let (spawn, loops, times) = (&document.spawn, &document.loops, &document.timeouts);
        self.range("/spawn/maxChildren", spawn.max_children, 0, MAX_COUNT);
        self.range("/spawn/maxDepth", spawn.max_depth, 0, MAX_COUNT);
        self.range("/spawn/maxActiveAgents", spawn.max_active_agents, 0, MAX_COUNT);
        for (name, count) in [
            ("/limits/maxThreadMessages", document.limits.max_thread_messages),
            ("/limits/maxAgents", document.limits.max_agents),
            ("/limits/maxOpenTasks", document.limits.max_open_tasks),
            ("/loops/maxReviewCycles", loops.max_review_cycles),
            ("/loops/pairRepeats", loops.pair_repeats),
            ("/loops/identicalToolErrors", loops.identical_tool_errors),
            ("/loops/failedRuns", loops.failed_runs),
            ("/timeouts/errorStreakWarning", times.error_streak_warning),
            ("/timeouts/errorStreakQuarantine", times.error_streak_quarantine),
        ] {
            self.range(name, count, 1, MAX_COUNT);
        }
        for (name, count, watched) in [
            ("/loops/maxMessages", loops.max_messages, MAX_MESSAGES_WATCHED - 1),
            ("/loops/maxAlternations", loops.max_alternations, MAX_MESSAGES_WATCHED - 2),
            ("/loops/pairTransitions", loops.pair_transitions, MAX_MOVES_WATCHED),
            ("/loops/failedRunsAmong", loops.failed_runs_among, MAX_RUNS_WATCHED),
        ] {
            self.range(name, count, 1, u32::try_from(watched).unwrap_or(MAX_COUNT));
        }
        if loops.failed_runs > loops.failed_runs_among {
            self.add("/loops/failedRuns", "must not be more than failedRunsAmong");
        }
        if times.error_streak_warning > times.error_streak_quarantine {
            self.add("/timeouts/errorStreakWarning", "must not be more than errorStreakQuarantine");
        }
    }

    fn spans(&mut self, document: &Document) {
        let (loops, times) = (&document.loops, &document.timeouts);
        for (name, span) in [
            ("/spawn/retireAfterSecs", document.spawn.retire_after_secs),
            ("/loops/messagesWindowSecs", loops.messages_window_secs),
            ("/loops/alternationsWindowSecs", loops.alternations_window_secs),
            ("/loops/pairWindowSecs", loops.pair_window_secs),
            ("/approvals/escalatesAfterSecs", document.approvals.escalates_after_secs),
            ("/timeouts/staleAfterSecs", times.stale_after_secs),
            ("/timeouts/leaseSecs", times.lease_secs),
            ("/timeouts/runTimeoutSecs", times.run_timeout_secs),
        ] {
            self.range(name, span, 1, MAX_SPAN_SECS);
        }
    }

    fn approvals(&mut self, document: &Document) {
        let rules = &document.approvals;
        self.range("/approvals/redDecisions", rules.red_decisions, 1, 2);
        let secs = |span: TimeDelta| u32::try_from(span.num_seconds()).unwrap_or(MAX_SPAN_SECS);
        let (least, most) = (secs(Lifetime::MIN), secs(Lifetime::MAX));
        self.range("/approvals/expiresAfterSecs", rules.expires_after_secs, least, most);
        self.tools("/approvals/tools", &rules.tools);
        for (tool, decisions) in rules.tools.iter().take(MAX_TOOLS) {
            self.range(&format!("/approvals/tools/{}", tool.replace('/', "~1")), *decisions, 1, 2);
        }
        if rules.escalates_after_secs >= rules.expires_after_secs {
            self.add("/approvals/escalatesAfterSecs", "must be less than expiresAfterSecs");
        }
    }
}
