//! What comes with a move, in the forms people write it in.

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
        let bullets = match written {
            Value::Object(mut plan) => {
                plan.remove("bullets").ok_or_else(|| D::Error::custom("needs a list of bullets"))?
            }
            list => list,
        };
        serde_json::from_value(bullets).map(Self).map_err(D::Error::custom)
    }
}

/// A deliverable: its text, or an object with `content` (also called `summary`) or `url`, and a `name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Deliverable(pub Artifact);

impl<'de> Deserialize<'de> for Deliverable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = match Value::deserialize(deserializer)? {
            Value::String(content) => json!({ "content": content }),
            other => other,
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
        let written = Value::deserialize(deserializer)?;
        let items = match written {
            Value::Object(mut list) => {
                list.remove("items").ok_or_else(|| D::Error::custom("needs a list of items"))?
            }
            list => list,
        };
        let items: Vec<WrittenItem> = serde_json::from_value(items).map_err(D::Error::custom)?;
        let items: Vec<_> = items.into_iter().map(ChecklistItem::from).collect();
        Checklist::try_from(items).map(Self).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenArtifact {
    name: Option<Label>,
    kind: Option<ArtifactKind>,
    #[serde(alias = "summary")]
    content: Option<Text>,
    url: Option<Location>,
}

impl WrittenArtifact {
    fn artifact(self, name: &str, kind: ArtifactKind) -> Result<Artifact, &'static str> {
        let body = match (self.content, self.url) {
            (Some(content), None) => ArtifactBody::Content(content),
            (None, Some(url)) => ArtifactBody::Url(url),
            (None, None) => return Err("needs content or url"),
            (Some(_), Some(_)) => return Err("has content and url; one of them is enough"),
        };
        let name = self.name.or_else(|| Label::truncated(name)).ok_or("needs a name")?;
        Ok(Artifact { name, kind: self.kind.unwrap_or(kind), body })
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an item is a text, or an object with label, checked and note")]
enum WrittenItem {
    Said(Reason),
    Written(ChecklistItem),
}

impl From<WrittenItem> for ChecklistItem {
    fn from(item: WrittenItem) -> Self {
        match item {
            WrittenItem::Said(label) => Self { label, checked: true, note: None },
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
    }

    #[test]
    fn checklists_are_lists_of_texts_or_items() {
        let said = read::<ReviewChecklist>(json!(["links work"])).unwrap();
        let item = json!({ "label": "links work", "checked": true });
        assert_eq!(read::<ReviewChecklist>(json!([item])), Ok(said.clone()));
        let done = json!({ "item": "links work", "done": true });
        assert_eq!(read::<ReviewChecklist>(json!({ "type": "content", "items": [done] })), Ok(said));
        for bad in [json!([]), json!({}), json!([7]), json!("x")] {
            assert!(read::<ReviewChecklist>(bad).is_err());
        }
    }
}
