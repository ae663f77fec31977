//! Reads a proposed document and lists everything that is wrong with it at once.

use std::{collections::BTreeMap, str::FromStr};

use serde_json::{Map, Number, Value};

use super::{
    ApprovalRules, Document, DocumentError, FileRules, LoopThresholds, MAX_ENTRY_CHARS, MAX_ERRORS,
    MICRO_USD, NetworkRules, RoleRules, Roles, RunRules, ShellRules, SpawnLimits, Thresholds, Timeouts,
    check,
};
use crate::money::{InvalidUsd, Usd};

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
        document(value, Money::Dollars)
    }

    /// The document as it is stored, money in micro-dollars, as strictly as [`Document::from_rest`].
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, Vec<DocumentError>> {
        document(value, Money::MicroUsd)
    }
}

/// The unit that a document writes money in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Money {
    /// In dollars, as the REST interface does: `dailyCap: 2.5`
    Dollars,
    /// In micro-dollars, as the log does: `dailyCapMicroUsd: 2500000`
    MicroUsd,
}

fn document(value: &Value, money: Money) -> Result<Document, Vec<DocumentError>> {
    let mut errors = Errors::default();
    let mut document = Document::default();
    let mut root = Section::open(value, String::new(), money, &mut errors);
    root.map("tools", &mut document.tools);
    root.section("shell", |section| shell(section, &mut document.shell));
    root.section("network", |section| network(section, &mut document.network));
    root.section("files", |section| files(section, &mut document.files));
    root.section("roles", |section| roles(section, &mut document.roles));
    root.budgets("taskBudgets", &mut document.task_budgets);
    root.section("thresholds", |section| thresholds(section, &mut document.thresholds));
    root.section("spawn", |section| spawn(section, &mut document.spawn));
    root.section("loops", |section| loops(section, &mut document.loops));
    root.section("approvals", |section| approvals(section, &mut document.approvals));
    root.section("timeouts", |section| timeouts(section, &mut document.timeouts));
    root.section("limits", |section| {
        section.number("maxThreadMessages", &mut document.limits.max_thread_messages);
        section.number("maxAgents", &mut document.limits.max_agents);
        section.number("maxOpenTasks", &mut document.limits.max_open_tasks);
    });
    root.section("runs", |section| runs(section, &mut document.runs));
    root.close();
    errors.0.extend(check::errors(&document).into_iter().map(|error| match money {
        Money::Dollars => DocumentError { pointer: error.pointer.replace(MICRO_USD, ""), ..error },
        Money::MicroUsd => error,
    }));
    errors.0.truncate(MAX_ERRORS);
    if errors.0.is_empty() { Ok(document) } else { Err(errors.0) }
}

fn shell(section: &mut Section<'_>, rules: &mut ShellRules) {
    section.texts("allow", &mut rules.allow);
    section.texts("deny", &mut rules.deny);
}

fn network(section: &mut Section<'_>, rules: &mut NetworkRules) {
    section.texts("allow", &mut rules.allow);
}

fn files(section: &mut Section<'_>, rules: &mut FileRules) {
    section.optional_text("root", &mut rules.root);
    section.texts("read", &mut rules.read);
    section.texts("write", &mut rules.write);
    section.texts("never", &mut rules.never);
}

fn roles(section: &mut Section<'_>, roles: &mut Roles) {
    section.section("intern", |section| role(section, &mut roles.intern));
    section.section("specialist", |section| role(section, &mut roles.specialist));
    section.section("lead", |section| role(section, &mut roles.lead));
    section.section("cao", |section| role(section, &mut roles.cao));
}

fn role(section: &mut Section<'_>, rules: &mut RoleRules) {
    section.usd("dailyCap", &mut rules.daily_cap);
    section.usd("perRunCap", &mut rules.per_run_cap);
    section.flag("maySpawn", &mut rules.may_spawn);
}

fn thresholds(section: &mut Section<'_>, thresholds: &mut Thresholds) {
    section.number("warningPercent", &mut thresholds.warning_percent);
    section.number("errorPercent", &mut thresholds.error_percent);
}

fn spawn(section: &mut Section<'_>, limits: &mut SpawnLimits) {
    section.number("maxChildren", &mut limits.max_children);
    section.number("maxDepth", &mut limits.max_depth);
    section.number("maxActiveAgents", &mut limits.max_active_agents);
    section.number("retireAfterSecs", &mut limits.retire_after_secs);
}

fn loops(section: &mut Section<'_>, loops: &mut LoopThresholds) {
    section.number("maxMessages", &mut loops.max_messages);
    section.number("messagesWindowSecs", &mut loops.messages_window_secs);
    section.number("maxReviewCycles", &mut loops.max_review_cycles);
    section.number("maxAlternations", &mut loops.max_alternations);
    section.number("alternationsWindowSecs", &mut loops.alternations_window_secs);
    section.number("pairRepeats", &mut loops.pair_repeats);
    section.number("pairTransitions", &mut loops.pair_transitions);
    section.number("pairWindowSecs", &mut loops.pair_window_secs);
    section.number("identicalToolErrors", &mut loops.identical_tool_errors);
    section.number("failedRuns", &mut loops.failed_runs);
    section.number("failedRunsAmong", &mut loops.failed_runs_among);
}

fn approvals(section: &mut Section<'_>, rules: &mut ApprovalRules) {
    section.number("expiresAfterSecs", &mut rules.expires_after_secs);
    section.number("escalatesAfterSecs", &mut rules.escalates_after_secs);
    section.number("redDecisions", &mut rules.red_decisions);
    section.counts("tools", &mut rules.tools);
}

fn timeouts(section: &mut Section<'_>, timeouts: &mut Timeouts) {
    section.number("staleAfterSecs", &mut timeouts.stale_after_secs);
    section.number("leaseSecs", &mut timeouts.lease_secs);
    section.number("runTimeoutSecs", &mut timeouts.run_timeout_secs);
    section.number("errorStreakWarning", &mut timeouts.error_streak_warning);
    section.number("errorStreakQuarantine", &mut timeouts.error_streak_quarantine);
}

fn runs(section: &mut Section<'_>, rules: &mut RunRules) {
    section.usd("leastReserved", &mut rules.least_reserved);
}

#[derive(Default)]
struct Errors(Vec<DocumentError>);

impl Errors {
    fn add(&mut self, pointer: String, message: impl Into<String>) {
        // One more than is shown, so that a hostile document does not fill the memory.
        if self.0.len() <= MAX_ERRORS {
            self.0.push(DocumentError { pointer, message: message.into() });
        }
    }
}

/// An object being read: what is left in it at the end is unknown.
struct Section<'a> {
    pointer: String,
    fields: Option<&'a Map<String, Value>>,
    known: Vec<String>,
    money: Money,
    errors: &'a mut Errors,
}

impl<'a> Section<'a> {
    fn open(value: &'a Value, pointer: String, money: Money, errors: &'a mut Errors) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            errors.add(pointer.clone(), "must be an object");
        }
        Self { pointer, fields, known: Vec::new(), money, errors }
    }

    /// Lists the fields that nobody asked for.
    fn close(self) {
        let known = self.known.join(", ");
        for name in self.fields.into_iter().flat_map(Map::keys).filter(|name| !self.known.contains(name)) {
            let message = format!("is not a field of a policy document; known here: {known}");
            self.errors.add(format!("{}/{}", self.pointer, escaped(name)), message);
        }
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        self.known.push(name.to_owned());
        self.fields?.get(name)
    }

    fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.errors.add(format!("{}/{}", self.pointer, escaped(name)), message);
    }

    fn section(&mut self, name: &str, read: impl FnOnce(&mut Section<'_>)) {
        let Some(value) = self.take(name) else { return };
        let pointer = format!("{}/{name}", self.pointer);
        let mut section = Section::open(value, pointer, self.money, self.errors);
        read(&mut section);
        section.close();
    }

    /// A field whose value `read` understands, or a complaint about it.
    fn field<T>(&mut self, name: &str, target: &mut T, read: impl Fn(&Value) -> Result<T, String>) {
        match self.take(name).map(read) {
            Some(Ok(value)) => *target = value,
            Some(Err(message)) => self.wrong(name, message),
            None => {}
        }
    }

    fn number(&mut self, name: &str, target: &mut u32) {
        self.field(name, target, whole_number);
    }

    fn flag(&mut self, name: &str, target: &mut bool) {
        self.field(name, target, |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned()));
    }

    fn optional_text(&mut self, name: &str, target: &mut Option<String>) {
        self.field(name, target, |value| match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err("must be a text".to_owned()),
        });
    }

    fn usd(&mut self, name: &str, target: &mut Usd) {
        let (money, name) = (self.money, self.money_field(name));
        self.field(&name, target, |value| amount(value, money));
    }

    fn money_field(&self, name: &str) -> String {
        match self.money {
            Money::Dollars => name.to_owned(),
            Money::MicroUsd => format!("{name}{MICRO_USD}"),
        }
    }

    fn texts(&mut self, name: &str, target: &mut Vec<String>) {
        let Some(value) = self.take(name) else { return };
        let Some(items) = value.as_array() else { return self.wrong(name, "must be a list of texts") };
        target.clear();
        for (at, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => target.push(text.to_owned()),
                None => self.errors.add(format!("{}/{name}/{at}", self.pointer), "must be a text"),
            }
        }
    }

    /// Entries by name. What is wrong with the name of one that is kept is found later, with `misnamed` of the others.
    fn entries<K: Ord + FromStr, V>(
        &mut self,
        name: &str,
        target: &mut BTreeMap<K, V>,
        replace: bool,
        read: impl Fn(&Value) -> Result<V, String>,
        misnamed: impl Fn(&str) -> Option<&'static str>,
    ) where
        K::Err: std::fmt::Display,
    {
        let Some(value) = self.take(name) else { return };
        let Some(fields) = value.as_object() else { return self.wrong(name, "must be an object") };
        if replace {
            target.clear();
        }
        for (key, value) in fields {
            let pointer = format!("{}/{name}/{}", self.pointer, escaped(key));
            let (key, name) = (key.parse(), key);
            match (key, read(value)) {
                (Ok(key), Ok(value)) => _ = target.insert(key, value),
                (key, value) => {
                    let wrong = [key.err().map(|error| error.to_string()), misnamed(name).map(str::to_owned)];
                    for message in wrong.into_iter().flatten().chain(value.err()) {
                        self.errors.add(pointer.clone(), message);
                    }
                }
            }
        }
    }

    fn map<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str, target: &mut BTreeMap<String, T>) {
        let read = |value: &Value| {
            let word = value.as_str().ok_or_else(|| "must be a text".to_owned())?;
            word.parse().map_err(|error: T::Err| error.to_string())
        };
        self.entries(name, target, true, read, check::tool_problem);
    }

    fn counts(&mut self, name: &str, target: &mut BTreeMap<String, u32>) {
        self.entries(name, target, true, whole_number, check::tool_problem);
    }

    /// Types that are not named keep their budget: a task type without one could spend without a limit.
    fn budgets<K: Ord + FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
        target: &mut BTreeMap<K, Usd>,
    ) {
        let (money, name) = (self.money, self.money_field(name));
        self.entries(&name, target, false, |value| amount(value, money), |_| None);
    }
}

fn whole_number(value: &Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| "must be a whole number from 0 to 4294967295".to_owned())
}

fn amount(value: &Value, money: Money) -> Result<Usd, String> {
    let Value::Number(number) = value else { return Err("must be a number".to_owned()) };
    let amount = match money {
        Money::Dollars => dollars(number),
        Money::MicroUsd => number.as_i64().ok_or(InvalidUsd::NotANumber).and_then(Usd::from_micros),
    };
    amount.map_err(|error| error.to_string())
}

/// Reads the shortest digits that mean the number, without an exponent; no arithmetic is done on them.
fn dollars(number: &Number) -> Result<Usd, InvalidUsd> {
    let digits = match number.as_f64() {
        Some(amount) if number.is_f64() => amount.to_string(),
        _ => number.to_string(),
    };
    digits.parse()
}

/// A name within a JSON Pointer (RFC 6901, section 3).
fn escaped(name: &str) -> String {
    name.chars().take(MAX_ENTRY_CHARS).collect::<String>().replace('~', "~0").replace('/', "~1")
}
