//! The parts of a transition's body (work plan, deliverable, self-review), in each form that clients write them in.

use mc_domain::{
    task::{Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, WorkPlan},
    values::{Label, Location, Reason, Text},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

/// A work plan: a list of bullets, or an object with `bullets`.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan(pub WorkPlan);

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?;
        let bullets = listed(written, "bullets").map_err(D::Error::custom)?;
        serde_json::from_value(Value::Array(bullets)).map(Self).map_err(D::Error::custom)
    }
}

/// A deliverable: its text, or an object with `summary`, `content` or `url`, a `name` and a `kind`. A summary goes before
/// the content; with a url, which has no text of its own, it goes into the name.
#[derive(Debug, Clone, PartialEq)]
pub struct Deliverable(pub Artifact);

impl<'de> Deserialize<'de> for Deliverable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = match Value::deserialize(deserializer)? {
            Value::String(content) => json!({ "content": content }),
            object @ Value::Object(_) => object,
            _ => return Err(D::Error::custom("must be a text, or an object with summary, content or url")),
        };
        let written: WrittenArtifact = serde_json::from_value(written).map_err(D::Error::custom)?;
        written.artifact("Deliverable", ArtifactKind::Deliverable).map(Self).map_err(D::Error::custom)
    }
}

/// An artifact of a message: its name, what it is for, and `content` or `url`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached(pub Artifact);

impl<'de> Deserialize<'de> for Attached {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenArtifact::deserialize(deserializer)?;
        written.artifact("Artifact", ArtifactKind::Evidence).map(Self).map_err(D::Error::custom)
    }
}

/// A self-review: a list of items, each a text (then it holds) or an object, or an object with `items`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewChecklist(pub Checklist);

impl<'de> Deserialize<'de> for ReviewChecklist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = listed(Value::deserialize(deserializer)?, "items").map_err(D::Error::custom)?;
        if items.iter().any(Value::is_array) {
            return Err(D::Error::custom("an item is a text, or an object with label, checked and note"));
        }
        let items: Vec<WrittenItem> =
            serde_json::from_value(Value::Array(items)).map_err(D::Error::custom)?;
        let items: Vec<_> = items.into_iter().map(ChecklistItem::from).collect();
        Checklist::try_from(items).map(Self).map_err(D::Error::custom)
    }
}

/// The list that is written by itself, or as `name` of an object.
fn listed(written: Value, name: &str) -> Result<Vec<Value>, String> {
    let list = match written {
        Value::Object(mut object) => object.remove(name),
        list => Some(list),
    };
    match list {
        Some(Value::Array(list)) => Ok(list),
        _ => Err(format!("must be a list of {name}, or an object with {name}")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenArtifact {
    name: Option<Label>,
    kind: Option<ArtifactKind>,
    summary: Option<Text>,
    content: Option<Text>,
    url: Option<Location>,
}

impl WrittenArtifact {
    fn artifact(self, name: &str, kind: ArtifactKind) -> Result<Artifact, String> {
        // It will be a link: nothing that a browser would run, or read from its own disk.
        let web =
            |url: &Location| ["http://", "https://"].iter().any(|scheme| url.as_str().starts_with(scheme));
        if self.url.as_ref().is_some_and(|url| url.as_str().contains(':') && !web(url)) {
            return Err("needs a url that begins with https:// or http://, or a path".to_owned());
        }
        let named = self.name.or_else(|| Label::truncated(name)).ok_or("needs a name")?;
        let (name, body) = match (self.summary, self.content, self.url) {
            (Some(text), None, None) | (None, Some(text), None) => (named, ArtifactBody::Content(text)),
            (Some(summary), Some(content), None) => {
                let text = Text::new(&format!("{summary}\n\n{content}"));
                let text =
                    text.map_err(|error| format!("has a summary and content that together {error}"))?;
                (named, ArtifactBody::Content(text))
            }
            (None, None, Some(url)) => (named, ArtifactBody::Url(url)),
            (Some(summary), None, Some(url)) => {
                let name = Label::new(&format!("{named}: {summary}"));
                let name = name.map_err(|error| {
                    format!(
                        "has a url, whose name and summary together {error}; a longer text goes into content"
                    )
                })?;
                (name, ArtifactBody::Url(url))
            }
            (None, None, None) => return Err("needs summary, content or url".to_owned()),
            (_, Some(_), Some(_)) => return Err("has content and url; one of them is enough".to_owned()),
        };
        Ok(Artifact { name, kind: self.kind.unwrap_or(kind), body })
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an item is a text, or an object with label, checked and note")]
enum WrittenItem {
    Label(Reason),
    Written(ChecklistItem),
}

impl From<WrittenItem> for ChecklistItem {
    fn from(item: WrittenItem) -> Self {
        match item {
            WrittenItem::Label(label) => Self { label, checked: true, note: None },
            WrittenItem::Written(item) => item,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(json: Value) -> Result<T, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn plans_are_lists_or_objects_of_three_to_six_bullets() {
        let list = read::<Plan>(json!(["a", "b", "c"])).unwrap();
        assert_eq!(read::<Plan>(json!({ "bullets": ["a", "b", "c"] })), Ok(list));
        for bad in [json!(["a", "b"]), json!(["a", "b", "c", "d", "e", "f", "g"]), json!({}), json!(7)] {
            assert!(read::<Plan>(bad).is_err());
        }
    }

    #[test]
    fn deliverables_are_texts_or_objects() {
        let text = read::<Deliverable>(json!("done")).unwrap();
        assert_eq!(read::<Deliverable>(json!({ "content": "done" })), Ok(text.clone()));
        assert_eq!(read::<Deliverable>(json!({ "summary": "done", "name": "Deliverable" })), Ok(text));
        for bad in [json!(""), json!({}), json!({ "content": "a", "url": "b" }), json!({ "x": 1 }), json!(7)]
        {
            assert!(read::<Deliverable>(bad).is_err());
        }
        let sentence = "must be a text, or an object with summary, content or url";
        assert_eq!(read::<Deliverable>(json!(["n", "evidence", "c", null])), Err(sentence.to_owned()));
        let both = json!({ "summary": "Prices are compared", "content": "1. They rose." });
        let text = json!("Prices are compared\n\n1. They rose.");
        assert_eq!(read::<Deliverable>(both), read::<Deliverable>(text));
        let linked = json!({ "summary": "Prices", "url": "report.md", "kind": "evidence", "name": "Report" });
        let artifact = read::<Deliverable>(linked).unwrap().0;
        assert_eq!((artifact.name.as_str(), artifact.kind), ("Report: Prices", ArtifactKind::Evidence));
        let long = "x".repeat(Text::MAX_CHARS);
        let refused = read::<Deliverable>(json!({ "summary": "a", "content": long })).unwrap_err();
        assert!(refused.contains("together must be at most 10000 characters"), "{refused}");
        let refused = read::<Deliverable>(json!({ "summary": "x".repeat(100), "url": "a" })).unwrap_err();
        assert!(refused.contains("name and summary together must be at most 100 characters"), "{refused}");
        for url in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"] {
            assert!(read::<Deliverable>(json!({ "url": url })).is_err(), "{url}");
        }
        for url in ["https://a.example/report", "artifacts/report.md"] {
            assert!(read::<Deliverable>(json!({ "url": url })).is_ok(), "{url}");
        }
    }

    #[test]
    fn checklists_are_lists_of_texts_or_items() {
        let checklist = read::<ReviewChecklist>(json!(["links work"])).unwrap();
        let item = json!({ "label": "links work", "checked": true });
        assert_eq!(read::<ReviewChecklist>(json!([item])), Ok(checklist.clone()));
        let done = json!({ "item": "links work", "done": true });
        assert_eq!(read::<ReviewChecklist>(json!({ "type": "content", "items": [done] })), Ok(checklist));
        for bad in [json!([]), json!({}), json!([7]), json!("x"), json!([["l", true, null]])] {
            assert!(read::<ReviewChecklist>(bad).is_err());
        }
    }
}
