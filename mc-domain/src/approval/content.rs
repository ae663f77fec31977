//! What exactly is asked for, as the hashes that an approval is bound to. Both are SHA-256 of a JSON text without spaces.
//!
//! The *action hash* covers the action itself, with its parameters as they were sent: credentials included, of which only
//! the hash is kept. Two requests with one action hash ask for the same, whatever they would cost. The *request hash*
//! covers the action on its terms: the words, the risk and the cost that a decider reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::values::{ActionType, Risk};
use crate::{content_hash::ContentHash, json::Json, money::Usd, values::Reason};

/// An action as its requestor sent it, credentials included.
#[derive(Debug, Clone, Copy)]
pub struct Action<'a> {
    kind: ActionType,
    told_by: Told<'a>,
}

/// What tells an action from others of its kind.
#[derive(Debug, Clone, Copy)]
enum Told<'a> {
    Payload(&'a Json),
    Summary(&'a Reason),
}

impl<'a> Action<'a> {
    /// An action that is told by its parameters, or where it has none by its summary.
    pub fn new(kind: ActionType, payload: Option<&'a Json>, summary: &'a Reason) -> Self {
        Self { kind, told_by: payload.map_or(Told::Summary(summary), Told::Payload) }
    }

    /// An action that is told by its parameters alone.
    pub fn with(kind: ActionType, payload: &'a Json) -> Self {
        Self { kind, told_by: Told::Payload(payload) }
    }

    /// The action hash, the same for the same kind of action with the same parameters.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&match self.told_by {
            Told::Payload(payload) => canonical(self.kind, payload),
            Told::Summary(summary) => json!([self.kind, null, summary]).to_string(),
        })
    }
}

/// An action and its parameters as JSON without spaces, keys sorted and numbers digit by digit as they were sent: the same
/// action always has the same text, and another one another.
fn canonical(kind: ActionType, payload: &Json) -> String {
    format!("[\"{kind}\",{payload}]")
}

/// The hash of an action on the terms that a decider reads.
pub(super) fn request_hash(
    action_hash: &ContentHash,
    summary: &Reason,
    risk: Risk,
    estimated_cost: Option<Usd>,
) -> ContentHash {
    ContentHash::of(&json!([action_hash, summary, risk, estimated_cost.map(Usd::micros)]).to_string())
}

/// The action hashes that ask for just this use of a tool: where nothing is given to it, that may be said or left out.
pub(super) fn tool_call_hashes(tool: &str, params: &Json) -> Vec<ContentHash> {
    let nothing = params.is_null() || params.as_object().is_some_and(BTreeMap::is_empty);
    let of_tool = |params: Option<Json>| {
        let params = params.map(|params| ("params".to_owned(), params));
        Json::Object([("tool".to_owned(), Json::from(tool))].into_iter().chain(params).collect())
    };
    let payloads = match nothing {
        true => vec![of_tool(None), of_tool(Some(Json::Null)), of_tool(Some(Json::Object(BTreeMap::new())))],
        false => vec![of_tool(Some(params.clone()))],
    };
    payloads.iter().map(|payload| ContentHash::of(&canonical(ActionType::ToolCall, payload))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_one_text_with_its_keys_sorted() {
        let payload = Json::from(json!({ "tool": "deploy_prod", "params": {} }));
        let text = canonical(ActionType::ToolCall, &payload);
        assert_eq!(text, r#"["tool_call",{"params":{},"tool":"deploy_prod"}]"#);
    }

    #[test]
    fn a_tool_that_is_given_nothing_may_be_asked_for_in_three_ways() {
        let hashes = |params| tool_call_hashes("publish", &Json::from(params)).len();
        assert_eq!((hashes(json!({ "page": 1 })), hashes(json!({})), hashes(json!(null))), (1, 3, 3));
    }
}
