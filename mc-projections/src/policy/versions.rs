//! What the versions of a policy were, and what each changed.

use std::collections::BTreeMap;

use mc_domain::{
    ids::ProjectId,
    policy::{Event, Policy, Scope, document::Document},
    recorded::{AnyEvent, Recorded, StreamId},
};
use mc_store::{codec, log::EventLog};
use serde::Serialize;
use serde_json::Value;

use crate::{
    agents::ActorView,
    history::{HistoryError, HistoryQuery},
    instant::Millis,
    page::{Order, Page, PageRequest, Place},
    runner::Projected,
};

/// The most versions of a page, whatever is asked for: each is a whole document.
pub const MAX_VERSIONS: usize = 100;

/// One version of a policy, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// The number of the version in its scope, from 1.
    pub version: u32,
    /// The project it was published for; absent for the policy of all projects.
    pub project_id: Option<ProjectId>,
    /// When it became the active one.
    pub published_at: Millis,
    /// Who published it.
    pub published_by: ActorView<'static>,
    /// What it changed of the version before; the first one of what holds by default.
    pub changes: Vec<Change>,
    /// The whole document.
    pub document: Value,
}

/// One field of a document that is another one than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What it was; null where there was nothing.
    pub before: Value,
    /// What it is; null where there is nothing.
    pub after: Value,
}

impl Projected {
    /// A page of the versions of a policy, the newest first, and at most [`MAX_VERSIONS`] of them.
    ///
    /// # Errors
    /// - [`HistoryError::Cursor`] when the cursor belongs to another question.
    /// - [`HistoryError::Store`] when the log does not answer or an event cannot be read.
    pub async fn policy_versions(
        &self,
        scope: Scope,
        query: &HistoryQuery,
    ) -> Result<Page<PolicyVersion>, HistoryError> {
        let question = ("policy versions", scope.to_string());
        let request = PageRequest::new(question, Order::Desc, query.limit, query.cursor.as_deref())?;
        let latest = self.read(|views| views.policy.version(scope));
        let before = request.after().map_or(u64::MAX, |place| place.position().unwrap_or(0));
        let last = u64::from(latest).min(before.saturating_sub(1));
        let first = last.saturating_sub(request.limit().min(MAX_VERSIONS) as u64) + 1;
        let published = published(self.log(), scope, first.saturating_sub(2), last).await?;
        let next = (first > 1).then(|| request.cursor(&Place::at_position(first)));
        Ok(Page { items: self.read(|views| versions(&published, first, scope, views)), next })
    }
}

/// The publications with a number above `after`, up to `last`: each event of the stream is one, so they have the numbers
/// of its versions.
async fn published(
    log: &dyn EventLog,
    scope: Scope,
    after: u64,
    last: u64,
) -> Result<Vec<Recorded<AnyEvent>>, HistoryError> {
    let count = usize::try_from(last.saturating_sub(after)).unwrap_or(MAX_VERSIONS + 1);
    if count == 0 {
        return Ok(vec![]);
    }
    let stored = log.read_stream(&StreamId::of::<Policy>(&scope), after, count).await?;
    let decoded = stored.iter().filter_map(|stored| codec::decode_any(stored).transpose());
    Ok(decoded.collect::<Result<_, _>>()?)
}

/// The publications from the version `first` on, the newest first, each compared with the one before.
fn versions(
    published: &[Recorded<AnyEvent>],
    first: u64,
    scope: Scope,
    views: &crate::views::Views,
) -> Vec<PolicyVersion> {
    let mut before = Document::default().to_rest();
    let mut versions = Vec::new();
    for event in published {
        let AnyEvent::Policy(Event::Published { version, document, at }) = &event.event else { continue };
        let document = document.to_rest();
        if u64::from(*version) >= first {
            versions.push(PolicyVersion {
                version: *version,
                project_id: scope.project(),
                published_at: Millis(*at),
                published_by: views.agents.actor(&event.metadata.actor).into_owned(),
                changes: changes(&before, &document),
                document: document.clone(),
            });
        }
        before = document;
    }
    versions.reverse();
    versions
}

/// The fields that differ, each by its pointer. A list is one field.
fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let (before, mut after) = (fields(before), fields(after));
    let mut changes = Vec::new();
    for (pointer, was) in before {
        let is = after.remove(&pointer).unwrap_or(Value::Null);
        if was != is {
            changes.push(Change { pointer, before: was, after: is });
        }
    }
    let new = after.into_iter().map(|(pointer, after)| Change { pointer, before: Value::Null, after });
    changes.extend(new);
    changes.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    changes
}

fn fields(document: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), document)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                let member = |(name, value): (&String, _)| (format!("{pointer}/{}", escaped(name)), value);
                open.extend(members.iter().map(member));
            }
            value => drop(found.insert(pointer, value.clone())),
        }
    }
    found
}

/// A name as a part of a pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_is_told_field_by_field_and_a_list_as_one() {
        let before = json!({ "a": { "b": 1, "c": [1, 2] }, "gone": "x", "same": { "y": null } });
        let after = json!({ "a": { "b": 2, "c": [1] }, "same": { "y": null }, "new/er": true });
        let told: Vec<_> = changes(&before, &after)
            .into_iter()
            .map(|change| (change.pointer, change.before, change.after))
            .collect();
        let expected = [
            ("/a/b", json!(1), json!(2)),
            ("/a/c", json!([1, 2]), json!([1])),
            ("/gone", json!("x"), json!(null)),
            ("/new~1er", json!(null), json!(true)),
        ];
        assert_eq!(told, expected.map(|(pointer, was, is)| (pointer.to_owned(), was, is)));
    }
}
