//! What exactly is asked for, as the texts that hashes are taken over. The hashes come in with the command, so that the
//! rules need no cryptography of their own.
//!
//! The *matter* is the action itself, by its parameters as they were sent, credentials included, of which only the hash
//! is kept: two asks of one matter are the same, whatever they would cost. The *content* is the matter on its terms: the
//! words, the risk and the cost that a decider reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::values::{ActionType, Risk};
use crate::{content_hash::ContentHash, json::Json, money::Usd, values::Reason};

/// An action and its payload as JSON without spaces, keys sorted and numbers digit by digit as they were sent, so that the
/// same action always has the same text, and another one another.
///
/// ```
/// use mc_domain::{approval::{ActionType, canonical}, json::Json};
///
/// let payload = Json::from(serde_json::json!({ "tool": "deploy_prod", "params": {} }));
/// let text = canonical(ActionType::ToolCall, Some(&payload));
/// assert_eq!(text, r#"["tool_call",{"params":{},"tool":"deploy_prod"}]"#);
/// ```
pub fn canonical(action: ActionType, payload: Option<&Json>) -> String {
    format!("[\"{action}\",{}]", payload.unwrap_or(&Json::Null))
}

/// The text of the matter: the action and its payload as it was sent, or its summary where it has no payload.
///
/// ```
/// use mc_domain::{approval::{ActionType, matter_text}, values::Reason};
///
/// let (newsletter, table) = (Reason::new("Send newsletter")?, Reason::new("Drop production table")?);
/// let text = |summary| matter_text(ActionType::ToolCall, None, summary);
/// assert_ne!(text(&newsletter), text(&table));
/// # Ok::<(), mc_domain::values::InvalidText>(())
/// ```
pub fn matter_text(action: ActionType, payload: Option<&Json>, summary: &Reason) -> String {
    match payload {
        Some(payload) => canonical(action, Some(payload)),
        None => json!([action, null, summary]).to_string(),
    }
}

/// The text of the content: the matter on the terms that a decider reads.
pub fn content_text(
    matter: &ContentHash,
    summary: &Reason,
    risk: Risk,
    estimated_cost: Option<Usd>,
) -> String {
    json!([matter, summary, risk, estimated_cost.map(Usd::micros)]).to_string()
}

/// The texts of the matters that ask for just this use of a tool: where nothing is given to it, that may be said or left
/// out.
///
/// ```
/// use mc_domain::{approval::tool_call_texts, json::Json};
///
/// assert_eq!(tool_call_texts("publish", &Json::parse(r#"{ "page": 1 }"#)?).len(), 1);
/// assert_eq!(tool_call_texts("publish", &Json::parse("{}")?).len(), 3);
/// # Ok::<(), mc_domain::json::Malformed>(())
/// ```
pub fn tool_call_texts(tool: &str, params: &Json) -> Vec<String> {
    let nothing = params.is_null() || params.as_object().is_some_and(BTreeMap::is_empty);
    let of_tool = |params: Option<Json>| {
        let params = params.map(|params| ("params".to_owned(), params));
        Json::Object([("tool".to_owned(), Json::from(tool))].into_iter().chain(params).collect())
    };
    let payloads = match nothing {
        true => vec![of_tool(None), of_tool(Some(Json::Null)), of_tool(Some(Json::Object(BTreeMap::new())))],
        false => vec![of_tool(Some(params.clone()))],
    };
    payloads.iter().map(|payload| canonical(ActionType::ToolCall, Some(payload))).collect()
}
