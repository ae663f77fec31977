//! From what the interface answers to what a page links to: the next page of a list, and the names of what is only numbered.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Shell, Visit, html::Refused};
use crate::problem::Kind;

/// The address of the next page of what `visit` shows, where the interface has one.
pub(super) fn next_page(visit: &Visit, next: Option<&str>) -> Option<String> {
    let query = next?.split_once('?')?.1;
    let cursor = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor")?.1;
    let here = visit.address(&["cursor", "done"]);
    let joint = if here.contains('?') { '&' } else { '?' };
    let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    Some(format!("{here}{joint}cursor={cursor}"))
}

/// The address of a thing's page, with the chosen project in it.
pub(super) fn at(shell: &Shell, pages: &str, id: &str) -> String {
    let part: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    shell.here(&format!("{pages}/{}", part.replace('+', "%20")))
}

/// The names of things, by their identities.
#[derive(Debug, Default)]
pub(super) struct Called(BTreeMap<String, String>);

impl Called {
    /// What the field `field` of each of these things is, which are at `path` and their identity. What is not there
    /// has no name.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub(super) async fn of<'a>(
        visit: &Visit,
        path: &str,
        field: &str,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Refused> {
        let mut called = BTreeMap::new();
        for id in ids {
            if called.contains_key(id) {
                continue;
            }
            match visit.rest.get::<Value>(&format!("{path}/{id}")).await {
                Ok(thing) => {
                    if let Some(name) = thing[field].as_str() {
                        called.insert(id.to_owned(), name.to_owned());
                    }
                }
                Err(problem) if problem.kind() == Kind::NotFound => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        Ok(Self(called))
    }

    /// The name, or the identity where there is none.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}
