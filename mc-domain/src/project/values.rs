//! What a project is made of.

use serde::{Deserialize, Serialize};

use crate::{
    money::Usd,
    values::{Name, Text, string_enum},
};

/// What a project is about: everything that an edit may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The name shown for the project.
    pub name: Name,
    /// What the project is for, in as many words as that takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// What all its runs together may cost in one UTC day; unlimited when absent.
    #[serde(default, rename = "dailyCapMicroUsd", skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<Usd>,
}

impl Profile {
    /// A project of that name and nothing else.
    pub fn new(name: Name) -> Self {
        Self { name, description: None, daily_cap: None }
    }
}

string_enum! {
    /// How a squad is stopped, mildest first.
    Halt {
        /// Its active agents were paused; what they do waits for them.
        Pause = "pause",
        /// Its active agents were paused, and what they did was blocked.
        Emergency = "emergency",
    }
}
