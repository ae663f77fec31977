//! What all pages have around their content.

use mc_domain::{credential::Role, reach::Reach};
use serde::Deserialize;

use super::{Visit, html::Refused};

/// A place of the navigation: its address, its name, the key that goes there after `g`, and who sees it.
pub(super) struct Place {
    pub(super) address: &'static str,
    pub(super) name: &'static str,
    pub(super) key: char,
    roles: &'static [Role],
}

impl Place {
    /// Whether it has something for a visitor. Credentials concern all projects.
    fn is_for(&self, visit: &Visit) -> bool {
        let concerns_all = self.address == "/credentials";
        self.roles.contains(&visit.caller.role()) && (!concerns_all || *visit.caller.reach() == Reach::All)
    }
}

const READERS: &[Role] = &[Role::Operator, Role::Agent, Role::Auditor];
const AUDITORS: &[Role] = &[Role::Operator, Role::Auditor];
const EVERYBODY: &[Role] = &[Role::Operator, Role::Agent, Role::Auditor, Role::Monitor];

/// All places, in the order of the navigation.
const PLACES: &[Place] = &[
    Place { address: "/", name: "Board", key: 'b', roles: READERS },
    Place { address: "/tasks", name: "Tasks", key: 't', roles: READERS },
    Place { address: "/approvals", name: "Approvals", key: 'p', roles: READERS },
    Place { address: "/agents", name: "Agents", key: 'a', roles: READERS },
    Place { address: "/runs", name: "Runs", key: 'r', roles: READERS },
    Place { address: "/costs", name: "Costs", key: 'c', roles: READERS },
    Place { address: "/alerts", name: "Alerts", key: 'l', roles: READERS },
    Place { address: "/notifications", name: "Notifications", key: 'n', roles: READERS },
    Place { address: "/standup", name: "Standup", key: 's', roles: READERS },
    Place { address: "/feed", name: "Feed", key: 'f', roles: READERS },
    Place { address: "/policy", name: "Policy", key: 'o', roles: READERS },
    Place { address: "/credentials", name: "Credentials", key: 'k', roles: AUDITORS },
    Place { address: "/health-and-workers", name: "Health", key: 'h', roles: EVERYBODY },
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
}

impl Shell {
    pub(super) async fn of(visit: &Visit, title: &str, section: &'static str) -> Result<Self, Refused> {
        let role = visit.caller.role();
        let projects = match READERS.contains(&role) {
            true => visit.rest.get("/api/projects?order=asc&limit=1000").await?,
            false => Vec::new(),
        };
        let who: Who = visit.rest.get("/api/whoami").await?;
        Ok(Self {
            title: title.to_owned(),
            section,
            places: PLACES.iter().filter(|place| place.is_for(visit)).collect(),
            projects,
            chosen: visit.project().unwrap_or_default().to_owned(),
            name: who.name,
            role,
            has_session: visit.caller.session().is_some(),
            done: visit.parameter("done").map(str::to_owned),
            address: visit.address(&["done"]),
            position: visit.app.log().head(),
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
