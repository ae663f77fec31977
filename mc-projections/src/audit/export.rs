//! Writes audit entries for other programs, as comma-separated values (RFC 4180) or as CloudEvents 1.0.2.

use std::{collections::BTreeMap, fmt::Write};

use mc_domain::{actor::Actor, json::Json};
use mc_store::log::StoredEvent;
use serde_json::json;

use super::AuditEntry;
use crate::{agents::ActorId, instant::Millis, views::Views};

/// The header line of the comma-separated values, with its line end.
pub const CSV_HEADER: &str = "position,at,actorType,actorId,actorName,action,entityKind,entityId,projectId,summary,\
     before,after,eventId,credentialId\r\n";

/// First characters that make a spreadsheet read a cell as a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes an entry as a line of comma-separated values, with its line end.
pub fn csv_line(entry: &AuditEntry) -> String {
    let actor_id = match &entry.actor.id {
        ActorId::Agent(id) => id.to_string(),
        ActorId::Named(name) => name.to_string(),
    };
    let object = |fields: &BTreeMap<String, Json>| match fields.is_empty() {
        true => String::new(),
        false => Json::Object(fields.clone()).to_string(),
    };
    let cells = [
        entry.position.to_string(),
        entry.at.to_string(),
        entry.actor.kind.to_string(),
        actor_id,
        entry.actor.name.to_string(),
        entry.action.to_string(),
        entry.entity.kind.clone(),
        entry.entity.id.clone(),
        entry.project_id.map(|id| id.to_string()).unwrap_or_default(),
        entry.summary.clone(),
        object(&entry.before),
        object(&entry.after),
        entry.event_id.to_string(),
        entry.credential_id.map(|id| id.to_string()).unwrap_or_default(),
    ];
    cells.map(|text| cell(&text)).join(",") + "\r\n"
}

/// Quotes a cell where it must be quoted, and puts an apostrophe before what a spreadsheet could run as a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// Writes an event as a CloudEvent, with its payload as it was recorded.
pub fn cloud_event(stored: &StoredEvent, views: &Views) -> Json {
    let metadata = &stored.metadata;
    // Another service may have recorded something that is no JSON: that goes out as text.
    let data = Json::parse(&stored.payload).unwrap_or_else(|_| Json::from(stored.payload.as_str()));
    let mut event = Json::from(json!({
        "specversion": "1.0",
        "id": metadata.event_id,
        "source": source(stored, views),
        "type": format!("mc.{}.v{}", stored.event_type, stored.event_version),
        "subject": stored.stream.aggregate_id,
        "time": Millis(metadata.recorded_at),
        "datacontenttype": "application/json",
        "sequence": stored.position.to_string(),
        "partitionkey": stored.stream.to_string(),
        "streamversion": stored.version.to_string(),
        "actor": actor(&metadata.actor),
        "correlationid": metadata.command_id,
    }));
    if let Json::Object(members) = &mut event {
        // An attribute without a value is left out (CloudEvents 1.0.2, section 2).
        members
            .extend(metadata.credential.map(|id| ("credentialid".to_owned(), Json::from(&*id.to_string()))));
        members.insert("data".to_owned(), data);
    }
    event
}

/// The path of the event's entity: `/projects/<slug>`, or within a project `/projects/<slug>/tasks/<id>`.
fn source(stored: &StoredEvent, views: &Views) -> String {
    let (kind, id) = (&stored.stream.aggregate_type, encoded(&stored.stream.aggregate_id));
    let project = stored.metadata.project.map(|id| match views.projects.view(id) {
        Some(project) => project.slug.to_string(),
        None => id.to_string(),
    });
    match project {
        Some(project) if kind == "project" => format!("/projects/{project}"),
        Some(project) => format!("/projects/{project}/{}s/{id}", encoded(kind)),
        None => format!("/{}s/{id}", encoded(kind)),
    }
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Human(name) => format!("human:{name}"),
        Actor::Agent(id) => format!("agent:{id}"),
        Actor::System(name) => format!("system:{name}"),
    }
}

/// Percent-encodes everything except the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string never fails"),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_and_never_formulas() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    #[test]
    fn identities_are_encoded_in_addresses() {
        assert_eq!(encoded("agent/1/dr. ä"), "agent%2F1%2Fdr.%20%C3%A4");
    }
}
