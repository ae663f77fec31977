//! What nodes tell one another, and how it is written.
//!
//! A message is a JSON object of its version and its items: `{"v":1,"items":[{"calls":["0189…",12]}]}`. What a node does not
//! understand, an item of a newer version or a message of another, it passes over: nothing rests on such a message alone.
//! Times are told as how long ago something was, since the clocks of two nodes may differ.

use std::{net::IpAddr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    credential::SecretHash,
    ids::{AgentId, CredentialId},
};
use mc_store::nodes::MAX_MESSAGE_BYTES;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the messages that this node sends and understands.
const VERSION: u32 = 1;
/// What stands before the items of a message, and after them.
const AROUND: (&str, &str) = ("{\"v\":1,\"items\":[", "]}");

/// One thing that a node tells the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Item {
    /// An agent was heard of, so long ago.
    Heartbeat(AgentId, Ago),
    /// A credential was admitted for so many calls since the last message.
    Calls(CredentialId, u32),
    /// A credential opened so many sessions since the last message.
    Logins(CredentialId, u32),
    /// So many failures from an address were answered since the last message; those without an address together.
    Failures(Option<IpAddr>, u32),
    /// A credential, or one of its sessions, was used so long ago.
    Used(CredentialId, Option<SecretHash>, Ago),
}

/// How long ago something was, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Ago(u64);

impl Ago {
    /// From `at` to `now`; no time at all where `at` is later.
    pub(crate) fn between(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self((now - at).num_milliseconds().try_into().unwrap_or_default())
    }

    /// The time that was so long before `now`.
    pub(crate) fn before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let ago = TimeDelta::from_std(Duration::from_millis(self.0)).unwrap_or(TimeDelta::MAX);
        now.checked_sub_signed(ago).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

#[derive(Deserialize)]
struct Message {
    v: u32,
    #[serde(default)]
    items: Vec<Value>,
}

/// The messages that tell `items`, in their order, at most `most` of them; what does not fit is left out.
pub(super) fn messages(items: &[Item], most: usize) -> Vec<String> {
    let (head, tail) = AROUND;
    let mut messages: Vec<String> = Vec::new();
    for item in items {
        let Ok(item) = serde_json::to_string(item) else { continue };
        let has_room =
            |message: &&mut String| message.len() + 1 + item.len() + tail.len() <= MAX_MESSAGE_BYTES;
        if let Some(message) = messages.last_mut().filter(|message| has_room(message)) {
            message.push(',');
            message.push_str(&item);
        } else if messages.len() < most {
            messages.push([head, &item].concat());
        } else {
            break;
        }
    }
    messages.iter_mut().for_each(|message| message.push_str(tail));
    messages
}

/// The items of a message that this node understands.
pub(super) fn items(message: &str) -> Vec<Item> {
    let items = match serde_json::from_str(message) {
        Ok(Message { v: VERSION, items }) => items,
        Ok(Message { v, .. }) => {
            tracing::debug!(version = v, "a message of another node is of another version");
            return Vec::new();
        }
        Err(error) => {
            tracing::debug!(%error, "a message of another node cannot be read");
            return Vec::new();
        }
    };
    let understood = items.into_iter().filter_map(|item| {
        let item = serde_json::from_value(item);
        item.inspect_err(|error| tracing::debug!(%error, "a node tells what this one does not know")).ok()
    });
    understood.collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn calls(n: u32) -> Item {
        Item::Calls(Uuid::from_u128(n.into()).into(), n)
    }

    fn every_kind() -> Vec<Item> {
        let (agent, credential) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        vec![
            Item::Heartbeat(agent, Ago(120)),
            calls(3),
            Item::Logins(credential, 1),
            Item::Failures(Some("2001:db8::".parse().unwrap()), 7),
            Item::Failures(None, 1),
            Item::Used(credential, Some(SecretHash::of("x")), Ago(0)),
        ]
    }

    #[test]
    fn what_is_told_is_heard() {
        let messages = messages(&every_kind(), 1);
        assert_eq!(messages.iter().flat_map(|message| items(message)).collect::<Vec<_>>(), every_kind());
    }

    #[test]
    fn no_message_is_too_long_and_there_are_no_more_than_asked_for() {
        let many: Vec<_> = (0..1_000).map(calls).collect();
        let all = messages(&many, 100);
        assert!(all.len() > 1 && all.iter().all(|message| message.len() <= MAX_MESSAGE_BYTES));
        assert_eq!(all.iter().flat_map(|message| items(message)).collect::<Vec<_>>(), many);
        assert_eq!(messages(&many, 2), all[..2]);
        assert_eq!(messages(&[], 2), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let newer = r#"{"v":1,"items":[{"moods":["x"]},{"calls":["00000000-0000-0000-0000-000000000003",3]},4],"new":1}"#;
        assert_eq!(items(newer), [calls(3)]);
        for nothing in ["", "{", "[]", r#"{"v":2,"items":[]}"#, r#"{"items":[]}"#, r#"{"v":1}"#] {
            assert_eq!(items(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn a_time_is_told_by_how_long_ago_it_was() {
        let (at, ahead) = (DateTime::UNIX_EPOCH, TimeDelta::minutes(10));
        let told = Ago::between(at, at + TimeDelta::seconds(3));
        assert_eq!(told.before(at + ahead), at + ahead - TimeDelta::seconds(3));
        assert_eq!(Ago::between(at + ahead, at), Ago(0));
        assert_eq!(Ago(u64::MAX).before(at), DateTime::<Utc>::MIN_UTC);
    }
}
