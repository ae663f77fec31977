//! The money counted once more, from who began and ended which run, who was granted what and which caps hold: nothing of
//! it is taken from what budgets say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use mc_domain::{
    agent, alert,
    approval::{self, ActionType, Ask, Subject},
    budget::{self, Budget},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    project,
    recorded::{AnyEvent, Recorded, StreamId},
    run::{self, Terms},
    task,
};
use uuid::Uuid;

/// One budget, in micro-dollars.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What it allowed when a run was last begun on it, or when its owner's cap was changed since.
    pub cap: Option<i64>,
    pub granted: i64,
    pub spent: i64,
    set_aside: BTreeMap<RunId, i64>,
    /// By how much it is beyond its limit for reasons that are recorded.
    beyond: i64,
}

impl Account {
    pub fn reserved(&self) -> i64 {
        self.set_aside.values().sum()
    }

    fn limit(&self) -> i64 {
        self.cap.unwrap_or_default() + self.granted
    }

    /// How much more is set aside and spent than allowed.
    fn excess(&self) -> i64 {
        (self.reserved() + self.spent - self.limit()).max(0)
    }
}

/// Who says what a budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Agent(AgentId),
    Task(TaskId),
    Project(ProjectId),
}

impl Owner {
    fn of(key: budget::Key) -> Self {
        match key {
            budget::Key::AgentDay(agent, _) => Self::Agent(agent),
            budget::Key::Task(task) => Self::Task(task),
            budget::Key::ProjectDay(project, _) => Self::Project(project),
        }
    }
}

/// The money as it is when counted from the runs alone, in micro-dollars.
#[derive(Debug, Default)]
pub struct Ledger {
    terms: BTreeMap<RunId, Terms>,
    running: BTreeSet<RunId>,
    /// Ended by others than their agent, which has not told yet what they cost.
    unbilled: BTreeSet<RunId>,
    accounts: BTreeMap<budget::Key, Account>,
    caps: BTreeMap<Owner, Option<i64>>,
    asked: BTreeMap<ApprovalId, (Subject, Ask)>,
    charged: BTreeMap<budget::Key, i64>,
    by_day: BTreeMap<(NaiveDate, ProjectId), i64>,
    tasks: BTreeMap<TaskId, i64>,
    /// What all runs were charged.
    total: i64,
    /// The thresholds told, by budget and day.
    told: BTreeSet<(budget::Key, NaiveDate, budget::Level)>,
    /// The identities of episodes of alerts, and of messages.
    drawn: BTreeSet<Uuid>,
}

impl Ledger {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let id = recorded.stream.aggregate_id.as_str();
        match &recorded.event {
            AnyEvent::Run(run::Event::Started(terms)) => self.start(id.parse().unwrap(), terms),
            AnyEvent::Run(run::Event::Billed(bill)) => self.bill(id.parse().unwrap(), bill.charged.micros()),
            AnyEvent::Run(event) => self.end(id.parse().unwrap(), event),
            AnyEvent::Agent(event) => self.take_in_agent(id.parse().unwrap(), event, recorded),
            AnyEvent::Task(event) => self.take_in_task(id.parse().unwrap(), event),
            AnyEvent::Project(
                project::Event::Created { profile, .. } | project::Event::Edited { profile, .. },
            ) => {
                let cap = profile.daily_cap.map(Usd::micros);
                self.caps.insert(Owner::Project(id.parse().unwrap()), cap);
            }
            AnyEvent::Approval(event) => self.take_in_approval(id.parse().unwrap(), event),
            AnyEvent::Budget(budget::Event::ThresholdCrossed { level, day, .. }) => {
                self.told_once(key_of(&recorded.stream), *day, *level);
            }
            AnyEvent::Budget(budget::Event::Exceeded { day, .. }) => {
                self.told_once(key_of(&recorded.stream), *day, budget::Level::Exceeded);
            }
            AnyEvent::Alert(alert::Event::Raised { id, .. }) => self.new_identity(id.uuid()),
            _ => {}
        }
    }

    fn start(&mut self, id: RunId, terms: &Terms) {
        assert!(terms.reserved > Usd::ZERO, "{id} begins with nothing set aside");
        self.terms.insert(id, terms.clone());
        self.running.insert(id);
        for key in terms.open_run().budgets(terms.project) {
            let cap = self.caps[&Owner::of(key)];
            let account = self.accounts.entry(key).or_default();
            account.set_aside.insert(id, terms.reserved.micros());
            // What is allowed at this time is what counts; whoever lowered it since has recorded that.
            account.cap = cap;
            assert_eq!(account.excess(), 0, "{id} sets aside more than {key} has: {account:?}");
            account.beyond = 0;
        }
    }

    fn end(&mut self, id: RunId, event: &run::Event) {
        let Some((_, ended)) = event.end() else { return };
        assert!(self.running.remove(&id), "run {id} ends twice");
        let charged = ended.charged.micros();
        if matches!(event, run::Event::TimedOut(_) | run::Event::Aborted(_))
            && ended.cost.is_none()
            && charged == 0
        {
            self.unbilled.insert(id);
        }
        self.charge(id, charged);
    }

    /// What became known only after the end is charged on top of whatever was set aside meanwhile.
    fn bill(&mut self, id: RunId, charged: i64) {
        assert!(self.unbilled.remove(&id), "run {id} is charged again, or before its end");
        self.charge(id, charged);
    }

    fn charge(&mut self, id: RunId, charged: i64) {
        let terms = &self.terms[&id];
        self.total += charged;
        *self.by_day.entry((terms.day, terms.project)).or_default() += charged;
        for key in terms.open_run().budgets(terms.project) {
            *self.charged.entry(key).or_default() += charged;
            let account = self.accounts.get_mut(&key).unwrap();
            let set_aside = account.set_aside.remove(&id).unwrap_or_default();
            account.spent += charged;
            account.beyond += (charged - set_aside).max(0);
        }
        if let Some(task) = terms.task {
            *self.tasks.entry(task).or_default() += charged;
        }
    }

    fn take_in_agent(&mut self, id: AgentId, event: &agent::Event, recorded: &Recorded<AnyEvent>) {
        let today = budget::Key::AgentDay(id, recorded.metadata.recorded_at.date_naive());
        match event {
            agent::Event::Registered { profile, .. } => {
                self.caps.insert(Owner::Agent(id), Some(profile.caps.daily.micros()));
            }
            agent::Event::ProfileChanged { profile } => {
                let cap = profile.caps.daily.micros();
                self.caps.insert(Owner::Agent(id), Some(cap));
                if let Some(account) = self.accounts.get_mut(&today) {
                    let lowered = (account.limit() - account.granted - cap).max(0);
                    account.cap = Some(cap);
                    account.beyond += lowered;
                }
            }
            agent::Event::Corrected { today_spend: Some(spent), .. } => {
                let account = self.accounts.entry(today).or_default();
                account.beyond += (spent.micros() - account.spent).max(0);
                account.spent = spent.micros();
            }
            _ => {}
        }
    }

    fn take_in_task(&mut self, id: TaskId, event: &task::Event) {
        match event {
            task::Event::Created { details, .. } | task::Event::Edited { details } => {
                self.caps.insert(Owner::Task(id), Some(details.budget.micros()));
            }
            task::Event::MessagePosted { id, .. } => self.new_identity(id.uuid()),
            _ => {}
        }
    }

    fn take_in_approval(&mut self, id: ApprovalId, event: &approval::Event) {
        match event {
            approval::Event::Requested { subject, ask, .. } => {
                self.asked.insert(id, (subject.clone(), ask.clone()));
            }
            approval::Event::Resubmitted { ask, .. } => self.asked.get_mut(&id).unwrap().1 = ask.clone(),
            approval::Event::Approved { at, .. } => self.grant(id, at.date_naive()),
            _ => {}
        }
    }

    /// An approved override grants what it was asked for, or half of what the budget allows.
    fn grant(&mut self, id: ApprovalId, today: NaiveDate) {
        let (subject, ask) = &self.asked[&id];
        if subject.action_type != ActionType::BudgetOverride {
            return;
        }
        let Some(key) = budget_asked_for(subject, ask, today) else { return };
        let known = self.accounts.get(&key).and_then(|account| account.cap);
        let cap = self.caps.get(&Owner::of(key)).copied().flatten().or(known).unwrap_or_default();
        let amount = ask.estimated_cost().map_or(cap / 2, Usd::micros);
        self.accounts.entry(key).or_default().granted += amount;
    }

    fn told_once(&mut self, key: budget::Key, day: NaiveDate, level: budget::Level) {
        assert!(self.told.insert((key, day, level)), "{key} is told to be at {level} twice on {day}");
    }

    fn new_identity(&mut self, id: Uuid) {
        assert!(self.drawn.insert(id), "{id} is the identity of two things");
    }

    pub fn terms(&self, run: RunId) -> &Terms {
        &self.terms[&run]
    }

    pub fn account(&self, key: budget::Key) -> Account {
        self.accounts.get(&key).cloned().unwrap_or_default()
    }

    /// What runs were charged on a budget.
    pub fn charged(&self, key: budget::Key) -> i64 {
        self.charged.get(&key).copied().unwrap_or_default()
    }

    /// What a task's own runs were charged.
    pub fn own_cost(&self, task: TaskId) -> i64 {
        self.tasks.get(&task).copied().unwrap_or_default()
    }

    pub fn total(&self) -> i64 {
        self.total
    }

    pub fn spent_on(&self, day: NaiveDate, project: ProjectId) -> i64 {
        self.by_day.get(&(day, project)).copied().unwrap_or_default()
    }

    pub fn days(&self) -> BTreeSet<NaiveDate> {
        self.by_day.keys().map(|(day, _)| *day).collect()
    }

    /// The runs whose agent may still tell what they cost.
    pub fn unbilled(&self) -> impl Iterator<Item = (RunId, AgentId)> {
        self.unbilled.iter().map(|run| (*run, self.terms[run].agent))
    }

    pub fn open_runs(&self) -> usize {
        self.running.len()
    }

    /// The runs under way of whom or what is wanted.
    pub fn running(&self, wanted: impl Fn(&Terms) -> bool) -> BTreeSet<RunId> {
        self.running.iter().copied().filter(|run| wanted(&self.terms[run])).collect()
    }

    /// No budget is exceeded but by what is recorded: what a run cost beyond what was set aside for it, a cap that was
    /// lowered, and an operator's correction.
    pub fn is_kept(&mut self, key: budget::Key) {
        let Some(account) = self.accounts.get_mut(&key) else { return };
        let excess = account.excess();
        assert!(excess <= account.beyond, "{key} is exceeded by {excess}: {account:?}");
        account.beyond = excess;
    }

    /// A budget says of itself what is counted here.
    pub fn agrees(&self, key: budget::Key, budget: &Budget) {
        let account = self.account(key);
        assert_eq!(budget.spent().micros(), account.spent, "what is spent of {key}");
        assert_eq!(budget.granted().micros(), account.granted, "what is granted on {key}");
        let set_aside: BTreeMap<_, _> =
            budget.reservations().iter().map(|(run, amount)| (*run, amount.micros())).collect();
        assert_eq!(set_aside, account.set_aside, "what is set aside on {key}");
    }

    /// What a run costs beyond the limit is recorded with it.
    pub fn overrun_is_recorded(&self, key: budget::Key, overrun: Option<Usd>) {
        let account = self.account(key);
        let beyond = (account.spent - account.limit()).max(0);
        assert_eq!(overrun.map_or(0, Usd::micros), beyond, "an overrun of {key} is recorded: {account:?}");
    }
}

/// The budget that an override is for: of what its parameters name, or else of its agent's day. What only lets single
/// runs cost more grants nothing.
fn budget_asked_for(subject: &Subject, ask: &Ask, today: NaiveDate) -> Option<budget::Key> {
    let payload = ask.parameters();
    let named = |name| payload?.get(name)?.as_str()?.parse::<budget::Key>().ok();
    if named("runCap").is_some() {
        return None;
    }
    match named("budget") {
        Some(budget::Key::AgentDay(agent, _)) => Some(budget::Key::AgentDay(agent, today)),
        Some(budget::Key::ProjectDay(project, _)) => Some(budget::Key::ProjectDay(project, today)),
        Some(key @ budget::Key::Task(_)) => Some(key),
        None => Some(budget::Key::AgentDay(subject.agent?, today)),
    }
}

pub fn key_of(stream: &StreamId) -> budget::Key {
    stream.aggregate_id.parse().unwrap()
}
