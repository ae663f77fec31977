//! Reach: the projects that somebody may see and act on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::ProjectId;

/// The projects that a credential is good for, or that a question is about. What belongs to no project concerns all of
/// them, and is within [`Reach::All`] alone.
///
/// ```
/// use mc_domain::{ids::ProjectId, reach::Reach};
///
/// let (one, other) = (ProjectId::new(uuid::Uuid::from_u128(1)), ProjectId::new(uuid::Uuid::from_u128(2)));
/// let walls = Reach::of(one);
/// assert!(walls.includes(one) && !walls.includes(other));
/// assert!(Reach::All.covers(None) && !walls.covers(None));
/// assert_eq!(Reach::All.within(&walls), walls);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// All projects, also those that are still to be created, and what belongs to none.
    #[default]
    All,
    /// These projects and nothing else; none of them where the set is empty.
    Only(BTreeSet<ProjectId>),
}

impl Reach {
    /// One project.
    pub fn of(project: ProjectId) -> Self {
        Self::Only(BTreeSet::from([project]))
    }

    /// Whether a project is within it.
    pub fn includes(&self, project: ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Only(projects) => projects.contains(&project),
        }
    }

    /// Whether what belongs to `project`, or to none, is within it.
    pub fn covers(&self, project: Option<ProjectId>) -> bool {
        match project {
            Some(project) => self.includes(project),
            None => *self == Self::All,
        }
    }

    /// Its projects, where they are named.
    pub fn projects(&self) -> Option<&BTreeSet<ProjectId>> {
        match self {
            Self::All => None,
            Self::Only(projects) => Some(projects),
        }
    }

    /// The one project that it names, where it names one alone.
    pub fn only(&self) -> Option<ProjectId> {
        match self {
            Self::Only(projects) if projects.len() == 1 => projects.first().copied(),
            Self::All | Self::Only(_) => None,
        }
    }

    /// What is within both.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, reach) | (reach, Self::All) => reach.clone(),
            (Self::Only(one), Self::Only(other)) => Self::Only(one & other),
        }
    }
}

impl From<Option<ProjectId>> for Reach {
    /// The project that is named, or all of them.
    fn from(named: Option<ProjectId>) -> Self {
        named.map_or(Self::All, Self::of)
    }
}

impl From<BTreeSet<ProjectId>> for Reach {
    /// The projects that are named, or all of them where none is.
    fn from(named: BTreeSet<ProjectId>) -> Self {
        if named.is_empty() { Self::All } else { Self::Only(named) }
    }
}
