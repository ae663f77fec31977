//! Which policy is active in a project, and since when?

pub mod versions;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    ids::ProjectId,
    policy::{Event, Scope, document::Document},
    recorded::{AnyEvent, Recorded},
};
use serde::{Deserialize, Serialize};

use crate::{
    agents::{ActorView, Agents},
    instant::Millis,
    projection::Projection,
};

/// The active policies: the global one, and those of single projects.
///
/// ```
/// use mc_domain::policy::{Event, Policy, Scope, document::Document};
/// use mc_projections::{policy::Policies, script::Script};
///
/// let mut script = Script::new();
/// let document = Box::new(Document::default());
/// script.record::<Policy>(&Scope::Global, |at| Event::Published { version: 1, document, at });
///
/// let policies: Policies = script.fold();
/// let project = uuid::Uuid::from_u128(1).into();
/// assert_eq!(policies.active(Some(project)), Some(&Document::default()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Policies {
    global: Option<Row>,
    projects: BTreeMap<ProjectId, Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    version: u32,
    document: Document,
    published_at: DateTime<Utc>,
    published_by: Actor,
}

/// The active policy of a project, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyView<'a> {
    /// The project it was published for; absent for the global policy, which is active in projects without their own.
    pub project_id: Option<ProjectId>,
    /// The version of the policy in its scope, from 1.
    pub version: u32,
    /// The document in the form in which operators write it.
    pub document: serde_json::Value,
    /// When this version became the active one.
    pub published_at: Millis,
    /// The operator who published this version.
    pub published_by: ActorView<'a>,
}

impl Policies {
    /// The document that is active in a project: its own, or else the global one; nothing before the first is
    /// published.
    pub fn active(&self, project: Option<ProjectId>) -> Option<&Document> {
        self.of(project).map(|(_, row)| &row.document)
    }

    /// The active policy of a project; the agents give a name to its publisher.
    pub fn view<'a>(&'a self, project: Option<ProjectId>, agents: &'a Agents) -> Option<PolicyView<'a>> {
        self.of(project).map(|(project_id, row)| PolicyView {
            project_id,
            version: row.version,
            document: row.document.to_rest(),
            published_at: Millis(row.published_at),
            published_by: agents.actor(&row.published_by),
        })
    }

    /// The number of the latest version in a scope; 0 before the first is published there.
    pub fn version(&self, scope: Scope) -> u32 {
        let row = match scope {
            Scope::Global => self.global.as_ref(),
            Scope::Project(project) => self.projects.get(&project),
        };
        row.map_or(0, |row| row.version)
    }

    fn of(&self, project: Option<ProjectId>) -> Option<(Option<ProjectId>, &Row)> {
        let own = project.and_then(|id| Some((Some(id), self.projects.get(&id)?)));
        own.or_else(|| Some((None, self.global.as_ref()?)))
    }
}

impl Projection for Policies {
    const NAME: &'static str = "policies";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Policy(Event::Published { version, document, at }) = &event.event else { return };
        let Ok(scope) = event.stream.aggregate_id.parse::<Scope>() else { return };
        let row = Row {
            version: *version,
            document: (**document).clone(),
            published_at: *at,
            published_by: event.metadata.actor.clone(),
        };
        match scope {
            Scope::Global => self.global = Some(row),
            Scope::Project(project) => {
                self.projects.insert(project, row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::policy::Policy;
    use uuid::Uuid;

    use super::*;
    use crate::script::Script;

    fn publish(script: &mut Script, scope: Scope, version: u32) {
        let document = Box::new(Document::default());
        script.record::<Policy>(&scope, |at| Event::Published { version, document, at });
    }

    #[test]
    fn a_project_without_a_policy_of_its_own_has_the_one_for_all() {
        let mut script = Script::new();
        let (own, other) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        assert_eq!(script.fold::<Policies>().active(Some(own)), None);
        publish(&mut script, Scope::Global, 1);
        publish(&mut script, Scope::Project(own), 1);
        publish(&mut script, Scope::Project(own), 2);
        let views = script.views();
        let shown = |project| {
            let view = views.policy.view(project, &views.agents).unwrap();
            (view.project_id, view.version, view.published_by.name.into_owned())
        };
        assert_eq!(shown(Some(own)), (Some(own), 2, "Sofie".to_owned()));
        assert_eq!(shown(Some(other)), (None, 1, "Sofie".to_owned()));
        assert_eq!(shown(None), (None, 1, "Sofie".to_owned()));
    }
}
