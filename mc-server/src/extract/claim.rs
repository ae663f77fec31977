//! The actor that a body claims, in its field `actor`.

use std::collections::BTreeMap;

use mc_domain::json::Json;

use crate::problem::Problem;

/// The field of a body that claims an actor.
const BODY_FIELD: &str = "actor";

/// Who a body says is acting: `{"type": "human" | "agent" | "system", "id": …}`, or the bare type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorClaim {
    /// An operator; the configured one when nobody is named.
    Human(Option<String>),
    /// An agent, by id or name; the one the call is about when none is named.
    Agent(Option<String>),
    /// A worker of the control plane.
    System(Option<String>),
}

/// Takes the claim out of a body.
///
/// # Errors
/// `invalid-fields`
pub(super) fn take(body: &mut BTreeMap<String, Json>) -> Result<Option<ActorClaim>, Problem> {
    match body.remove(BODY_FIELD) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(kind)) => claim(&kind, None).map(Some),
        Some(Json::Object(mut claimed)) => {
            let id = match claimed.remove("id") {
                None | Some(Json::Null) => None,
                Some(Json::String(id)) => Some(id),
                Some(_) => return Err(Problem::invalid_field("actor.id", "must be a text")),
            };
            let Some(Json::String(kind)) = claimed.remove("type") else {
                return Err(Problem::invalid_field("actor.type", KINDS));
            };
            match claimed.keys().next() {
                Some(unknown) => Err(Problem::invalid_field(format!("actor.{unknown}"), "is not known here")),
                None => claim(&kind, id).map(Some),
            }
        }
        Some(_) => Err(Problem::invalid_field("actor", KINDS)),
    }
}

const KINDS: &str = "must be human, agent or system, alone or as {\"type\": …, \"id\": …}";

fn claim(kind: &str, id: Option<String>) -> Result<ActorClaim, Problem> {
    match kind.to_ascii_lowercase().as_str() {
        "human" | "operator" => Ok(ActorClaim::Human(id)),
        "agent" => Ok(ActorClaim::Agent(id)),
        "system" => Ok(ActorClaim::System(id)),
        _ => Err(Problem::invalid_field("actor.type", KINDS)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn taken(body: Value) -> Result<Option<ActorClaim>, ()> {
        let Json::Object(mut body) = Json::from(body) else { panic!("a body is an object") };
        let claim = take(&mut body).map_err(|_| ());
        assert!(body.is_empty());
        claim
    }

    #[test]
    fn bare_types_and_objects_are_read_in_any_case() {
        assert_eq!(taken(json!({})), Ok(None));
        assert_eq!(taken(json!({ "actor": null })), Ok(None));
        assert_eq!(taken(json!({ "actor": "HUMAN" })), Ok(Some(ActorClaim::Human(None))));
        let scout = json!({ "actor": { "type": "agent", "id": "scout" } });
        assert_eq!(taken(scout), Ok(Some(ActorClaim::Agent(Some("scout".to_owned())))));
    }

    #[test]
    fn anything_else_is_refused() {
        for actor in [json!(7), json!("robot"), json!({}), json!({ "type": 1 }), json!([])] {
            assert_eq!(taken(json!({ "actor": actor })), Err(()));
        }
        assert_eq!(taken(json!({ "actor": { "type": "agent", "id": 7 } })), Err(()));
        assert_eq!(taken(json!({ "actor": { "type": "agent", "name": "x" } })), Err(()));
    }
}
