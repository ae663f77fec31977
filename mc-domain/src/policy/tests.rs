#![allow(clippy::unwrap_used)]

use chrono::DateTime;

use super::*;
use crate::{actor::Actor, aggregate::Event as _, recorded::AnyEvent, values::Name};

const GOLDEN: &str = include_str!("../../tests/golden/events/policy.published.v1.json");

fn by(actor: Actor) -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, actor)
}

fn sofie() -> CommandContext {
    by(Actor::Human(Name::new("Sofie").unwrap()))
}

fn publish(document: &Document) -> Command {
    Command::Publish { document: Box::new(document.clone()) }
}

fn published(version: u32, document: &Document) -> Event {
    Event::Published { version, document: Box::new(document.clone()), at: DateTime::UNIX_EPOCH }
}

fn stricter() -> Document {
    let mut document = Document::default();
    document.shell.allow.clear();
    document
}

#[test]
fn publishing_numbers_the_versions_from_one() {
    let first = Policy::default().decide(publish(&Document::default()), &sofie()).unwrap();
    assert_eq!(first, [published(1, &Document::default())]);
    let second = Policy::fold(&first).decide(publish(&stricter()), &sofie());
    assert_eq!(second, Ok(vec![published(2, &stricter())]));
}

#[test]
fn publishing_what_is_active_adds_nothing() {
    let policy = Policy::fold(&[published(1, &stricter())]);
    assert_eq!(policy.decide(publish(&stricter()), &sofie()), Ok(vec![]));
}

#[test]
fn an_agent_publishes_nothing_and_a_worker_may() {
    let agent = by(Actor::Agent(uuid::Uuid::from_u128(1).into()));
    assert_eq!(Policy::default().decide(publish(&stricter()), &agent), Err(Rejection::OperatorOnly));
    let active = Policy::fold(&[published(1, &stricter())]);
    assert_eq!(active.decide(publish(&stricter()), &agent), Err(Rejection::OperatorOnly));
    let worker = by(Actor::System(Name::new("seed").unwrap()));
    assert!(Policy::default().decide(publish(&stricter()), &worker).is_ok());
}

#[test]
fn a_malformed_document_is_refused_with_every_error() {
    let mut document = Document::default();
    document.network.allow = vec!["https://x".into(), "a b".into()];
    document.thresholds.error_percent = 0;
    let refused = Policy::default().decide(publish(&document), &sofie());
    assert!(matches!(refused, Err(Rejection::Malformed(errors)) if errors.len() == 4));
}

#[test]
fn the_default_document_reads_as_the_golden_file_and_prints_as_it() {
    let event: Event = serde_json::from_str(GOLDEN).unwrap();
    let mut document = Document::default();
    let later = ["**/packages.lock.json", "**/gradle.lockfile", "**/go.sum"];
    document.files.never.retain(|glob| !later.contains(&glob.as_str()));
    assert_eq!(event, published(1, &document));
    assert_eq!((event.name(), event.version()), ("policy.published", 1));
    let value: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), value);
    let any = AnyEvent::from(event);
    let read = AnyEvent::deserialize_payload("policy", any_payload(&any)).unwrap();
    assert_eq!(read, Some(any));
}

fn any_payload(event: &AnyEvent) -> serde_json::Value {
    event.serialize_payload(serde_json::value::Serializer).unwrap()
}

#[test]
fn a_stored_document_may_have_fields_of_a_newer_program_and_lack_some() {
    let value = serde_json::json!({ "published": {
        "version": 3, "at": "1970-01-01T00:00:00Z",
        "document": { "novelty": 1, "spawn": { "maxChildren": 1, "novelty": true } },
    } });
    let Event::Published { document, .. } = serde_json::from_value(value).unwrap();
    assert_eq!((document.spawn.max_children, document.spawn.max_depth), (1, 2));
}

#[test]
fn scopes_print_and_read_back() {
    let project = Scope::Project(uuid::Uuid::from_u128(7).into());
    for scope in [Scope::Global, project] {
        assert_eq!(scope.to_string().parse(), Ok(scope));
    }
    assert_eq!(Scope::Global.to_string(), "global");
    assert!("elsewhere".parse::<Scope>().is_err());
}
