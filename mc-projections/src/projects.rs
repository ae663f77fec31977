//! Which projects are there, what may they spend, and do their squads work?

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::ProjectId,
    money::Usd,
    project::{Event, Halt, Profile},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    string_enum,
    values::{Name, Reason, Slug, Text},
};
use serde::{Deserialize, Serialize};

use crate::{
    dollars::Dollars,
    instant::Millis,
    merge::merged,
    ordered_index::CreationKey,
    page::{InvalidCursor, Order, Page, PageRequest, Place},
    projection::Projection,
};

/// All projects, by identity, by slug and in order of creation.
///
/// ```
/// use mc_domain::{project::{Event, Profile}, values::{Name, Slug}};
/// use mc_projections::{projects::Projects, script::Script};
///
/// let mut script = Script::new();
/// let profile = Profile::new(Name::new("OpenClaw")?);
/// let slug = Slug::new("openclaw")?;
/// let id = script.project(1, |at| Event::Created { slug, profile, at });
///
/// let projects: Projects = script.fold();
/// assert_eq!(projects.named("openclaw"), Some(id));
/// assert_eq!(projects.view(id).unwrap().name.as_str(), "OpenClaw");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Projects {
    rows: BTreeMap<ProjectId, Row>,
    by_slug: BTreeMap<Slug, ProjectId>,
    /// The projects in order of creation.
    #[serde(rename = "births")]
    by_creation: BTreeSet<CreationKey<ProjectId>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    slug: Slug,
    profile: Profile,
    stop: Option<Stop>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: u64,
}

/// How, why and when a squad was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stop {
    halt: Halt,
    number: u64,
    reason: Option<Reason>,
    at: DateTime<Utc>,
}

/// A project, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView<'a> {
    /// The identity of the project, which stays when it is renamed.
    pub id: ProjectId,
    /// The name of the project in addresses; no other project has it.
    pub slug: &'a Slug,
    /// The name of the project, for people.
    pub name: &'a Name,
    /// What the project is for, as operators describe it.
    pub description: Option<&'a Text>,
    /// What all its runs together may spend.
    pub budgets: ProjectBudgets,
    /// Whether its agents may start runs.
    pub squad: SquadView<'a>,
    /// When the project was created, by the time of its first event.
    pub created_at: Millis,
    /// The time of the last event of its stream.
    pub updated_at: Millis,
    /// The version of its stream, which edits must name.
    pub version: u64,
}

/// What all runs of a project together may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBudgets {
    /// The most that the runs of one UTC day may cost; unlimited when absent.
    pub daily_cap: Option<Dollars>,
}

string_enum! {
    /// Whether the agents of a project may start runs.
    SquadStatus {
        /// The agents may start runs, within budgets and policy.
        Working = "working",
        /// The squad is paused; tasks in progress stay where they are.
        Paused = "paused",
        /// The squad is paused, and its tasks in progress were blocked.
        Stopped = "stopped",
    }
}

/// The squad of a project, as REST answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SquadView<'a> {
    /// Whether the agents may start runs.
    pub status: SquadStatus,
    /// Why the squad was stopped, when someone said so.
    pub reason: Option<&'a Reason>,
    /// When the squad was stopped; absent while it works.
    pub since: Option<Millis>,
}

impl Projects {
    /// One project; nothing for an unknown one.
    pub fn view(&self, id: ProjectId) -> Option<ProjectView<'_>> {
        self.rows.get(&id).map(|row| row.view(id))
    }

    /// The project that has this slug.
    pub fn named(&self, slug: &str) -> Option<ProjectId> {
        self.by_slug.get(&Slug::new(slug).ok()?).copied()
    }

    /// The project that a path or a parameter means, by identity or by slug.
    pub fn find(&self, id_or_slug: &str) -> Option<ProjectId> {
        let by_id = id_or_slug.parse().ok().filter(|id| self.rows.contains_key(id));
        by_id.or_else(|| self.named(id_or_slug))
    }

    /// The projects whose squads are stopped, each with the number of its halt. Halts from before there were numbers
    /// are left out.
    pub fn halted(&self) -> Vec<(ProjectId, u64)> {
        let number = |row: &Row| row.stop.as_ref().map(|stop| stop.number).filter(|number| *number > 0);
        self.rows.iter().filter_map(|(id, row)| Some((*id, number(row)?))).collect()
    }

    /// What all runs of a project together may cost in one UTC day; nothing when that is unlimited.
    pub fn daily_cap(&self, id: ProjectId) -> Option<Usd> {
        self.rows.get(&id)?.profile.daily_cap
    }

    /// The projects within a reach, newest first unless `order` says otherwise.
    ///
    /// # Errors
    /// [`InvalidCursor`] when this list has not handed the cursor out for the same reach.
    pub fn list(
        &self,
        reach: &Reach,
        order: Option<Order>,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Page<ProjectView<'_>>, InvalidCursor> {
        let request = PageRequest::new(("projects", reach), order.unwrap_or(Order::Desc), limit, cursor)?;
        let named = reach.projects().map(|projects| {
            let rows = projects.iter().filter_map(|id| Some((*id, self.rows.get(id)?)));
            rows.map(|(id, row)| (row.created_at.timestamp_micros(), id)).collect::<BTreeSet<_>>()
        });
        let keys = merged(
            [named.as_ref().unwrap_or(&self.by_creation)].into_iter(),
            request.order(),
            request.after().and_then(Place::number).as_ref(),
        );
        let rows = keys.filter_map(|(_, id)| Some((*id, self.rows.get(id)?)));
        let page = request.of_sorted(rows, |_| true, |(id, row)| Place::at_time(row.created_at, id.uuid()));
        Ok(page.map(|(id, row)| row.view(id)))
    }
}

impl Row {
    fn view(&self, id: ProjectId) -> ProjectView<'_> {
        ProjectView {
            id,
            slug: &self.slug,
            name: &self.profile.name,
            description: self.profile.description.as_ref(),
            budgets: ProjectBudgets { daily_cap: self.profile.daily_cap.map(Dollars) },
            squad: self.squad(),
            created_at: Millis(self.created_at),
            updated_at: Millis(self.updated_at),
            version: self.version,
        }
    }

    fn squad(&self) -> SquadView<'_> {
        let status = match self.stop.as_ref().map(|stop| stop.halt) {
            None => SquadStatus::Working,
            Some(Halt::Pause) => SquadStatus::Paused,
            Some(Halt::Emergency) => SquadStatus::Stopped,
        };
        let stop = self.stop.as_ref();
        SquadView {
            status,
            reason: stop.and_then(|stop| stop.reason.as_ref()),
            since: stop.map(|stop| Millis(stop.at)),
        }
    }

    fn apply(&mut self, fact: &Event) {
        match fact {
            Event::Created { .. } => {}
            Event::Edited { profile } => self.profile = profile.clone(),
            Event::SquadPaused { halt, number, reason, at } => {
                self.stop = Some(Stop { halt: *halt, number: *number, reason: reason.clone(), at: *at });
            }
            Event::SquadResumed { .. } => self.stop = None,
        }
    }
}

impl Projection for Projects {
    const NAME: &'static str = "projects";
    const VERSION: u32 = 2;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Project(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<ProjectId>() else { return };
        if let Event::Created { slug, profile, at } = fact {
            self.by_slug.insert(slug.clone(), id);
            if let Some(before) = self.rows.get(&id) {
                self.by_creation.remove(&(before.created_at.timestamp_micros(), id));
            }
            self.by_creation.insert((at.timestamp_micros(), id));
            let row = Row {
                slug: slug.clone(),
                profile: profile.clone(),
                stop: None,
                created_at: *at,
                updated_at: *at,
                version: 0,
            };
            self.rows.insert(id, row);
        }
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.apply(fact);
        row.updated_at = event.metadata.recorded_at;
        row.version = event.version;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn create(script: &mut Script, number: u128, slug: &str) -> ProjectId {
        let slug = Slug::new(slug).unwrap();
        let profile = Profile::new(Name::new("OpenClaw").unwrap());
        script.project(number, |at| Event::Created { slug, profile, at })
    }

    #[test]
    fn a_project_is_answered_as_the_contract_says() {
        let mut script = Script::new();
        let id = create(&mut script, 1, "openclaw");
        let daily_cap = Some(Usd::cents(1_250));
        let profile = Profile { daily_cap, ..Profile::new(Name::new("OpenClaw").unwrap()) };
        script.project(1, |_| Event::Edited { profile });
        let projects: Projects = script.fold();
        assert_eq!(
            serde_json::to_value(projects.view(id)).unwrap(),
            json!({
                "id": "00000000-0000-0000-0000-000000000001",
                "slug": "openclaw",
                "name": "OpenClaw",
                "description": null,
                "budgets": { "dailyCap": 12.5 },
                "squad": { "status": "working", "reason": null, "since": null },
                "createdAt": "2026-02-01T09:00:00.000Z",
                "updatedAt": "2026-02-01T09:00:01.000Z",
                "version": 2,
            })
        );
    }

    #[test]
    fn a_stopped_squad_is_shown_until_it_is_resumed() {
        let mut script = Script::new();
        let id = create(&mut script, 1, "openclaw");
        let reason = Some(Reason::new("runaway costs").unwrap());
        let at = script.now();
        script.project(1, |at| Event::SquadPaused {
            halt: Halt::Emergency,
            number: 1,
            reason: reason.clone(),
            at,
        });
        let views = script.views();
        let squad = views.projects.view(id).unwrap().squad;
        let since = Some(Millis(at));
        assert_eq!(squad, SquadView { status: SquadStatus::Stopped, reason: reason.as_ref(), since });
        script.project(1, |at| Event::SquadResumed { reason: None, at });
        assert_eq!(script.views().projects.view(id).unwrap().squad.status, SquadStatus::Working);
    }

    #[test]
    fn a_project_is_found_by_identity_and_by_slug() {
        let mut script = Script::new();
        let (first, second) = (create(&mut script, 1, "openclaw"), create(&mut script, 2, "site-gpt"));
        let projects: Projects = script.fold();
        assert_eq!(projects.find("site-gpt"), Some(second));
        assert_eq!(projects.find(&first.to_string()), Some(first));
        assert_eq!(projects.find("nowhere"), None);
        let page = projects.list(&Reach::All, None, None, None).unwrap();
        assert_eq!(page.items.iter().map(|project| project.id).collect::<Vec<_>>(), [second, first]);
    }

    #[test]
    fn only_projects_within_reach_are_listed_and_a_cursor_is_good_for_the_same_ones_alone() {
        let mut script = Script::new();
        let ids = ["one", "two", "three"].into_iter().zip(1..).map(|(slug, n)| create(&mut script, n, slug));
        let ids: Vec<_> = ids.collect();
        let projects: Projects = script.fold();
        let list =
            |reach: &Reach, cursor: Option<&str>| projects.list(reach, Some(Order::Asc), Some(1), cursor);
        let two = Reach::Only([ids[0], ids[2]].into());
        let first = list(&two, None).unwrap();
        let next = first.next.unwrap();
        let second = list(&two, Some(&next)).unwrap();
        assert_eq!([first.items[0].id, second.items[0].id], [ids[0], ids[2]]);
        assert_eq!(second.next, None);
        assert_eq!(list(&Reach::All, Some(&next)).map(drop), Err(InvalidCursor::OtherQuestion));
        assert_eq!(list(&Reach::Only([].into()), None).unwrap().items, []);
    }
}
