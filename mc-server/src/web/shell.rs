//! What all pages have around their content.

use mc_domain::credential::Role;
use serde::Deserialize;

use super::{Visit, html::Refused};
use crate::access::Needs;

/// A place of the navigation: its address, its name, the key that goes there after `g`, and what it asks of who sees it.
pub(super) struct Place {
    pub(super) address: &'static str,
    pub(super) name: &'static str,
    pub(super) key: char,
    needs: Needs,
}

/// All places, in the order of the navigation.
const PLACES: &[Place] = &[
    Place { address: "/", name: "Board", key: 'b', needs: Needs::Reading },
    Place { address: "/tasks", name: "Tasks", key: 't', needs: Needs::Reading },
    Place { address: "/approvals", name: "Approvals", key: 'p', needs: Needs::Reading },
    Place { address: "/agents", name: "Agents", key: 'a', needs: Needs::Reading },
    Place { address: "/runs", name: "Runs", key: 'r', needs: Needs::Reading },
    Place { address: "/costs", name: "Costs", key: 'c', needs: Needs::Reading },
    Place { address: "/alerts", name: "Alerts", key: 'l', needs: Needs::Reading },
    Place { address: "/notifications", name: "Notifications", key: 'n', needs: Needs::Reading },
    Place { address: "/standup", name: "Standup", key: 's', needs: Needs::Reading },
    Place { address: "/feed", name: "Feed", key: 'f', needs: Needs::Reading },
    Place { address: "/policy", name: "Policy", key: 'o', needs: Needs::Reading },
    Place { address: "/credentials", name: "Credentials", key: 'k', needs: Needs::AuditingAll },
    Place { address: "/health-and-workers", name: "Health", key: 'h', needs: Needs::Credential },
];

/// A project that the caller may choose.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Project {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) squad: Squad,
}

/// Whether its squad works.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Squad {
    pub(super) status: String,
    pub(super) reason: Option<String>,
}

impl Squad {
    pub(super) fn is_halted(&self) -> bool {
        self.status != "working"
    }
}

/// Navigation, projects, and who is there.
pub(super) struct Shell {
    pub(super) title: String,
    /// The address of the place that the page belongs to.
    pub(super) section: &'static str,
    pub(super) places: Vec<&'static Place>,
    pub(super) projects: Vec<Project>,
    /// The slug of the project that is chosen; empty for all.
    pub(super) chosen: String,
    pub(super) name: String,
    pub(super) role: Role,
    /// Whether there is a session that can be ended.
    pub(super) has_session: bool,
    /// What was done just before, to be said once.
    pub(super) done: Option<String>,
    /// The address of the page, to look again at.
    pub(super) address: String,
    /// The position of the log that the page reflects at least.
    pub(super) position: u64,
    /// How old in seconds what the page shows may be, while the database does not answer.
    pub(super) stale_secs: Option<u64>,
}

impl Shell {
    pub(super) async fn of(visit: &Visit, title: &str, section: &'static str) -> Result<Self, Refused> {
        let projects = match Needs::Reading.check(&visit.caller) {
            Ok(()) => visit.rest.get("/api/projects?order=asc&limit=1000").await?,
            Err(_) => Vec::new(),
        };
        let who: Who = visit.rest.get("/api/whoami").await?;
        Ok(Self {
            title: title.to_owned(),
            section,
            places: PLACES.iter().filter(|place| place.needs.check(&visit.caller).is_ok()).collect(),
            projects,
            chosen: visit.project().unwrap_or_default().to_owned(),
            name: who.name,
            role: visit.caller.role(),
            has_session: visit.caller.session().is_some(),
            done: visit.parameter("done").map(str::to_owned),
            address: visit.address(&["done"]),
            position: visit.app.log().head(),
            stale_secs: visit.app.out_of_touch().map(|age| age.as_secs()),
        })
    }

    /// Whether the caller operates: its pages have forms for that.
    pub(super) fn operates(&self) -> bool {
        self.role == Role::Operator
    }

    /// The address with the chosen project in it.
    pub(super) fn here(&self, address: &str) -> String {
        match self.chosen.as_str() {
            "" => address.to_owned(),
            slug => {
                let joint = if address.contains('?') { '&' } else { '?' };
                let slug: String = form_urlencoded::byte_serialize(slug.as_bytes()).collect();
                format!("{address}{joint}project={slug}")
            }
        }
    }

    /// The address of the page of one thing, such as a task of `/tasks`, with the chosen project in it.
    pub(super) fn to(&self, place: &str, id: &str) -> String {
        let part: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        self.here(&format!("{place}/{}", part.replace('+', "%20")))
    }

    /// The halted squads among those that the page is about.
    pub(super) fn halted(&self) -> Vec<&Project> {
        let about = |project: &&Project| self.chosen.is_empty() || project.slug == self.chosen;
        self.projects.iter().filter(about).filter(|project| project.squad.is_halted()).collect()
    }

    /// The stream that tells the page to look again.
    pub(super) fn live(&self) -> String {
        let address = self.here("/live");
        let joint = if address.contains('?') { '&' } else { '?' };
        format!("{address}{joint}after={}", self.position)
    }
}

#[derive(Deserialize)]
struct Who {
    name: String,
}
