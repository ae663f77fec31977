//! The address of a store, which may hold a password that nobody is shown.

use std::{fmt, str::FromStr};

use mc_store::{Location, Store, address::without_password};

/// Names the variable in which an address with a password belongs: others can read the arguments of a process.
const VARIABLE: &str = "MC_STORE";

/// The address of a store that can be opened. It is displayed without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Box<str>);

/// The text is no address of a store. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "give sqlite:<path>, such as sqlite:data/mission-control.db, postgres://<user>@<host>/<database>, or memory:"
)]
pub struct InvalidStoreUrl;

impl StoreUrl {
    /// The address with its password, for opening the store.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Where the log is kept.
    pub fn location(&self) -> Location<'_> {
        Store::locate(&self.0).expect("parsing has located it")
    }

    /// Whether the log is in a database on a server.
    pub fn is_database(&self) -> bool {
        matches!(self.location(), Location::Postgres(_))
    }

    /// Whether the address holds a password.
    pub fn has_password(&self) -> bool {
        without_password(&self.0) != *self.0
    }

    /// A command line that works on this store, for an operator to copy. It never holds the password: the variable has it.
    pub fn with_command(&self, command: &str) -> String {
        if self.has_password() {
            format!("{command} (with {VARIABLE} set to {self}, and its password)")
        } else {
            format!("{command} --store={}", quoted(&self.0))
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        match Store::locate(text) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(InvalidStoreUrl),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&without_password(&self.0), f)
    }
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-=+,@%".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_told_from_what_is_none() {
        for text in ["sqlite:a.db", "sqlite:/a b/c.db", "memory:", "postgres://u@h/d", "postgresql:///d"] {
            assert!(text.parse::<StoreUrl>().is_ok(), "{text}");
        }
        for text in
            ["", "foo:bar", "sqlite:", "sqlite::memory:", "memory:x", "a.db", "postgres:d", "postgre://h/d"]
        {
            assert_eq!(text.parse::<StoreUrl>(), Err(InvalidStoreUrl), "{text}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let store: StoreUrl = "postgres://sofie:s3cret@db/missions?password=s3cret".parse().unwrap();
        for text in [format!("{store}"), format!("{store:?}"), store.with_command("mission-control backup")] {
            assert!(text.contains("postgres://sofie:***@db") && !text.contains("s3cret"), "{text}");
        }
        assert!(store.has_password() && store.reveal().contains("s3cret"));
    }

    #[test]
    fn a_command_on_a_store_without_a_password_can_be_copied() {
        let command = |store: &str| store.parse::<StoreUrl>().unwrap().with_command("mission-control backup");
        assert_eq!(command("sqlite:/a b.db"), "mission-control backup --store='sqlite:/a b.db'");
        assert_eq!(command("postgres://u@h/d"), "mission-control backup --store=postgres://u@h/d");
    }
}
