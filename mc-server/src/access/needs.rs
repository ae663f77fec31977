//! What a route asks of its caller: a closed list, of which each line of the table of routes names one.

use mc_domain::{credential::Role, reach::Reach};

use super::Caller;
use crate::problem::{Kind, Problem};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    /// No credential at all.
    Nothing,
    /// Any good credential.
    Credential,
    /// To read what happens in a project: an operator, an auditor, or an agent of it.
    Reading,
    /// To read for an audit: an operator or an auditor.
    Auditing,
    /// The same, of all projects.
    AuditingAll,
    /// To watch key figures: an operator, an auditor or a monitor.
    Watching,
    /// The same, of the whole server.
    WatchingAll,
    /// To work: an agent on its own behalf, or an operator.
    Working,
    /// To operate: an operator.
    Operating,
    /// To govern: an operator of all projects.
    Governing,
}

impl Needs {
    /// Every need, from nothing on.
    pub const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Credential,
        Self::Reading,
        Self::Auditing,
        Self::AuditingAll,
        Self::Watching,
        Self::WatchingAll,
        Self::Working,
        Self::Operating,
        Self::Governing,
    ];

    /// The roles that have what it takes.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Nothing | Self::Credential => &[Role::Operator, Role::Agent, Role::Auditor, Role::Monitor],
            Self::Reading => &[Role::Operator, Role::Agent, Role::Auditor],
            Self::Auditing | Self::AuditingAll => &[Role::Operator, Role::Auditor],
            Self::Watching | Self::WatchingAll => &[Role::Operator, Role::Auditor, Role::Monitor],
            Self::Working => &[Role::Operator, Role::Agent],
            Self::Operating | Self::Governing => &[Role::Operator],
        }
    }

    /// Whether it takes a credential that is good for all projects.
    pub const fn takes_all_projects(self) -> bool {
        match self {
            Self::AuditingAll | Self::WatchingAll | Self::Governing => true,
            Self::Nothing
            | Self::Credential
            | Self::Reading
            | Self::Auditing
            | Self::Watching
            | Self::Working
            | Self::Operating => false,
        }
    }

    /// Whether a caller has what it takes.
    ///
    /// # Errors
    /// `forbidden`, which says what it takes.
    pub fn check(self, caller: &Caller) -> Result<(), Problem> {
        let role = caller.role();
        if !self.roles().contains(&role) {
            let roles: Vec<_> = self.roles().iter().map(|role| article(*role)).collect();
            let detail = format!(
                "The credential of {} does not do for this: it takes that of {}.",
                article(role),
                roles.join(" or ")
            );
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        if self.takes_all_projects() && *caller.reach() != Reach::All {
            let detail = "This concerns all projects, and the credential is good for some of them. Ask an operator of all \
                          projects.";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        Ok(())
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Operator => "an operator",
        Role::Agent => "an agent",
        Role::Auditor => "an auditor",
        Role::Monitor => "a monitor",
    }
}
