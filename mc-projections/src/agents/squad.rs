//! The agents of a project in numbers that cost next to nothing to ask for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    agent::{PauseReason, Status},
    ids::{AgentId, ProjectId},
    money::Usd,
    reach::Reach,
};

use super::{Agents, Row};
use crate::{
    ordered_index::{CreationKey, OrderedIndex},
    table,
};

/// How many agents an emergency concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Those that a halt of their squads pauses: they work, or would by themselves after a new day or a success.
    pub paused: usize,
    /// Those that work again once their squads do: an operator paused them, or they were paused with their squads.
    pub resumed: usize,
    /// Those that have a task, which a stop blocks.
    pub at_work: usize,
}

/// The agents by their standing, and sums over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By their standing in their own streams, in order of creation.
    by_standing: OrderedIndex<OwnStanding, CreationKey<AgentId>>,
    /// The agents that must send heartbeats, by project, in the order of the time until which they may be silent,
    /// without the grace that the policy adds.
    patience: OrderedIndex<ProjectId, (i64, AgentId)>,
    /// The sum of the daily caps of the agents that are not offline, in micro-dollars, by project.
    caps: BTreeMap<ProjectId, i128>,
    /// How many of the agents that are not offline have this error streak, by project.
    streaks: BTreeMap<(ProjectId, u32), usize>,
    /// The sum of what agents spent on the latest day that they have a budget of, in micro-dollars, by that day and
    /// project.
    spent: BTreeMap<(NaiveDate, ProjectId), i128>,
}

/// What an agent's own stream says of its standing: its project, its status, why it is paused, and the number of the
/// halt that it was last excepted from.
pub(super) type OwnStanding = (ProjectId, Status, Option<PauseReason>, u64);

/// Everything of an agent that decides where it stands and what it adds to the sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Keys {
    project: ProjectId,
    created: CreationKey<AgentId>,
    status: Status,
    pause_reason: Option<PauseReason>,
    excepted_from: u64,
    silent_until: i64,
    cap: i64,
    streak: u32,
    spent: Option<(NaiveDate, i64)>,
}

/// The agents of the projects within a reach, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Squad {
    /// How many agents have each status, with halts of their squads counted in.
    pub(crate) by_status: BTreeMap<Status, usize>,
    /// How many agents have been silent for too long.
    pub(crate) stale: usize,
    /// What the agents spent on the day of the question, as their budgets say.
    pub(crate) spent: Usd,
    /// The sum of the daily caps of the agents that are not offline.
    pub(crate) cap: Usd,
    /// How many of the agents that are not offline have each error streak.
    pub(crate) streaks: BTreeMap<u32, usize>,
}

impl Keys {
    fn own_standing(&self) -> (OwnStanding, CreationKey<AgentId>) {
        ((self.project, self.status, self.pause_reason, self.excepted_from), self.created)
    }

    fn patience(&self) -> Option<(ProjectId, (i64, AgentId))> {
        match self.status {
            Status::Active | Status::Draining => Some((self.project, (self.silent_until, self.created.1))),
            Status::Paused | Status::Quarantined | Status::Offline => None,
        }
    }
}

impl table::Index for Index {
    type Id = AgentId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let interval = TimeDelta::seconds(row.profile.heartbeat_interval_secs.into());
        Keys {
            project: row.project,
            created: (row.registered_at.timestamp_micros(), row.id),
            status: row.status,
            pause_reason: row.pause_reason,
            excepted_from: row.excepted_from,
            silent_until: (row.last_sign() + interval).timestamp_micros(),
            cap: row.profile.caps.daily.micros(),
            streak: row.error_streak,
            spent: row.day.map(|budget| (budget.day, budget.spent.micros())),
        }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        if before == Some(after) {
            return;
        }
        let was = before.as_ref();
        self.by_standing.shift(was.map(Keys::own_standing), Some(after.own_standing()));
        self.patience.shift(was.and_then(Keys::patience), after.patience());
        if let Some(was) = was {
            self.count(was, -1);
        }
        self.count(&after, 1);
    }
}

impl Index {
    /// Adds an agent to the sums, or takes it out when `sign` is -1. Sums that become zero are removed.
    fn count(&mut self, keys: &Keys, sign: i128) {
        let project = keys.project;
        if let Some((day, spent)) = keys.spent {
            add(&mut self.spent, (day, project), sign * i128::from(spent));
        }
        if keys.status == Status::Offline {
            return;
        }
        add(&mut self.caps, project, sign * i128::from(keys.cap));
        let streaks = self.streaks.entry((project, keys.streak)).or_default();
        *streaks = if sign > 0 { *streaks + 1 } else { streaks.saturating_sub(1) };
        if *streaks == 0 {
            self.streaks.remove(&(project, keys.streak));
        }
    }
}

impl Agents {
    /// The agents of the projects within a reach whose status and pause reason are `wanted`; each group in order of
    /// creation.
    pub(super) fn groups(
        &self,
        reach: &Reach,
        wanted: impl Fn(Status, Option<PauseReason>) -> bool,
    ) -> Vec<&BTreeSet<CreationKey<AgentId>>> {
        let groups = self.rows.index().by_standing.all().filter(|(own, _)| {
            let (status, pause_reason) = self.stands(**own);
            reach.includes(own.0) && wanted(status, pause_reason)
        });
        groups.map(|(_, set)| set).collect()
    }

    /// How many agents of the projects within a reach an emergency concerns. It costs as much as they have agents.
    pub fn concerned(&self, reach: &Reach) -> Concerned {
        let mut concerned = Concerned::default();
        for (own, set) in self.rows.index().by_standing.all().filter(|(own, _)| reach.includes(own.0)) {
            let rows = || set.iter().filter_map(|(_, id)| self.rows.get(*id));
            match self.stands(*own) {
                (Status::Active, _)
                | (Status::Paused, Some(PauseReason::Budget | PauseReason::ErrorStreak)) => {
                    concerned.paused += set.len();
                }
                (Status::Paused, Some(PauseReason::Squad | PauseReason::Operator)) => {
                    concerned.resumed += rows().filter(|row| !row.retired).count();
                }
                (Status::Paused, None) | (Status::Draining | Status::Quarantined | Status::Offline, _) => {}
            }
            concerned.at_work += rows().filter(|row| row.work.is_some()).count();
        }
        concerned
    }

    /// The agents of the projects within a reach, in numbers at `now`. It costs as much as there are projects and silent
    /// agents. `latest_heartbeat` answers heartbeats that are too recent to be in the log.
    pub(crate) fn squad(
        &self,
        reach: &Reach,
        now: DateTime<Utc>,
        latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
    ) -> Squad {
        let mut by_status: BTreeMap<_, _> = Status::ALL.iter().map(|status| (*status, 0)).collect();
        for (own, set) in self.rows.index().by_standing.all().filter(|(own, _)| reach.includes(own.0)) {
            *by_status.entry(self.stands(*own).0).or_default() += set.len();
        }
        let mut streaks = BTreeMap::new();
        for ((_, streak), count) in
            self.rows.index().streaks.iter().filter(|((of, _), _)| reach.includes(*of))
        {
            *streaks.entry(*streak).or_default() += count;
        }
        let today = now.date_naive();
        let nil = ProjectId::new(uuid::Uuid::nil());
        let of_day = self.rows.index().spent.range((today, nil)..).take_while(|((day, _), _)| *day == today);
        let spent = of_day.filter(|((_, of), _)| reach.includes(*of)).map(|(_, spent)| *spent).sum();
        let caps =
            self.rows.index().caps.iter().filter(|(of, _)| reach.includes(**of)).map(|(_, cap)| *cap).sum();
        Squad {
            by_status,
            stale: self.silent(reach, now, latest_heartbeat),
            spent: usd(spent),
            cap: usd(caps),
            streaks,
        }
    }

    fn silent(
        &self,
        reach: &Reach,
        now: DateTime<Utc>,
        latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
    ) -> usize {
        let projects = self.rows.index().patience.all().filter(|(of, _)| reach.includes(**of));
        let silent = projects.flat_map(|(of, set)| {
            let since = (now - self.silence.allowed(*of)).timestamp_micros();
            set.iter().take_while(move |(until, _)| *until < since)
        });
        let rows = silent.filter_map(|(_, id)| self.rows.get(*id));
        rows.filter(|row| self.seen(row, now, latest_heartbeat(row.id)).stale).count()
    }
}

fn add<K: Ord + Copy>(sums: &mut BTreeMap<K, i128>, key: K, amount: i128) {
    let sum = sums.entry(key).or_default();
    *sum += amount;
    if *sum == 0 {
        sums.remove(&key);
    }
}

/// The sum as an amount, cut off at the largest amount there is.
fn usd(micros: i128) -> Usd {
    i64::try_from(micros).ok().and_then(|micros| Usd::from_micros(micros).ok()).unwrap_or(Usd::MAX)
}
