//! A policy document for people: each section with its figures, its lists and its tables.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::web::times::{dollars, span};

/// The sections in the order in which they are read, with their headings.
const SECTIONS: [(&str, &str); 13] = [
    ("tools", "Risk of tools"),
    ("shell", "Commands"),
    ("network", "Addresses"),
    ("files", "Paths"),
    ("approvals", "Approvals"),
    ("roles", "Roles"),
    ("taskBudgets", "Budgets of tasks"),
    ("runs", "Runs"),
    ("thresholds", "Thresholds of budgets"),
    ("spawn", "Sub-agents"),
    ("loops", "Going round in circles"),
    ("timeouts", "Silence and errors"),
    ("limits", "Limits"),
];

/// One section.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Section {
    pub(super) id: String,
    pub(super) title: String,
    /// Single figures, each with what it says.
    pub(super) facts: Vec<(String, String)>,
    /// Lists, each with its entries.
    pub(super) lists: Vec<(String, Vec<String>)>,
    pub(super) tables: Vec<Table>,
}

/// What is said of several things of one kind.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<String>,
    /// A name, and an entry for each column.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// The sections of a document; those that are not known here come last.
pub(super) fn sections(document: &Value) -> Vec<Section> {
    let Some(fields) = document.as_object() else { return vec![] };
    let known =
        SECTIONS.iter().filter_map(|(name, title)| Some((*name, (*title).to_owned(), fields.get(*name)?)));
    let others = fields.iter().filter(|(name, _)| SECTIONS.iter().all(|(known, _)| known != name));
    let others = others.map(|(name, value)| (name.as_str(), label(name), value));
    known.chain(others).map(|(name, title, value)| section(name, title, value)).collect()
}

fn section(name: &str, title: String, value: &Value) -> Section {
    let mut section = Section { id: name.to_owned(), title: title.clone(), ..Section::default() };
    match value {
        Value::Object(fields) if is_table(name, fields) => section.tables.push(table(name, title, fields)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| section.add(name, value)),
        value => section.add(name, value),
    }
    section
}

/// Whether the fields are things of one kind, by name, and not what is said of one thing.
fn is_table(name: &str, fields: &Map<String, Value>) -> bool {
    matches!(name, "tools" | "taskBudgets") || (!fields.is_empty() && fields.values().all(Value::is_object))
}

impl Section {
    fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::Array(entries) => {
                let entries = entries.iter().map(|value| entry(name, value)).collect();
                self.lists.push((label(name), entries));
            }
            Value::Object(fields) => self.tables.push(table(name, label(name), fields)),
            value => self.facts.push((label(name), entry(name, value))),
        }
    }
}

fn table(name: &str, caption: String, fields: &Map<String, Value>) -> Table {
    let columns: BTreeSet<&String> =
        fields.values().filter_map(Value::as_object).flat_map(Map::keys).collect();
    if columns.is_empty() {
        let rows = fields.iter().map(|(key, value)| (key.clone(), vec![entry(name, value)])).collect();
        let column = if name == "taskBudgets" { "Budget" } else { "Value" };
        return Table { caption, columns: vec![column.to_owned()], rows };
    }
    let of = |value: &Value| {
        columns
            .iter()
            .map(|column| value.get(column).map_or_else(String::new, |value| entry(column, value)))
            .collect()
    };
    let rows = fields.iter().map(|(key, value)| (key.clone(), of(value))).collect();
    Table { caption, columns: columns.iter().map(|column| label(column)).collect(), rows }
}

/// What a field says: money in dollars, times in their units.
pub(super) fn entry(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if name.ends_with("Secs") => {
            number.as_i64().map_or_else(|| number.to_string(), span)
        }
        Value::Number(number) if is_money(name) => {
            number.as_f64().map_or_else(|| number.to_string(), dollars)
        }
        Value::Number(number) if name.ends_with("Percent") => format!("{number} %"),
        value => value.to_string(),
    }
}

fn is_money(name: &str) -> bool {
    name.ends_with("Cap") || matches!(name, "taskBudgets" | "leastReserved")
}

/// A name of a field for people: `expiresAfterSecs` reads `Expires after`.
fn label(name: &str) -> String {
    let name = name.strip_suffix("Secs").unwrap_or(name);
    let mut label = String::new();
    for c in name.chars() {
        match c {
            c if label.is_empty() => label.extend(c.to_uppercase()),
            c if c.is_uppercase() => {
                label.push(' ');
                label.extend(c.to_lowercase());
            }
            c => label.push(c),
        }
    }
    label
}

/// The document as JSON, a field a line.
pub(super) fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string())
}

#[cfg(test)]
mod tests {
    use mc_domain::policy::document::Document;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_section_of_the_default_document_has_a_heading_and_says_something() {
        let sections = sections(&Document::default().to_rest());
        assert_eq!(
            sections.iter().map(|section| section.id.as_str()).collect::<Vec<_>>(),
            SECTIONS.map(|(id, _)| id)
        );
        for section in sections {
            let says = !section.facts.is_empty() || !section.lists.is_empty() || !section.tables.is_empty();
            assert!(says, "{}", section.title);
        }
    }

    #[test]
    fn names_and_figures_read_well() {
        assert_eq!(label("expiresAfterSecs"), "Expires after");
        let read = [
            ("retireAfterSecs", json!(3600), "1 h"),
            ("dailyCap", json!(2.5), "$2.50"),
            ("warningPercent", json!(80), "80 %"),
            ("maxDepth", json!(2), "2"),
            ("maySpawn", json!(true), "yes"),
        ];
        for (name, value, text) in read {
            assert_eq!(entry(name, &value), text, "{name}");
        }
    }

    #[test]
    fn things_of_one_kind_are_a_table() {
        let roles =
            json!({ "roles": { "lead": { "dailyCap": 5, "maySpawn": true }, "intern": { "dailyCap": 1 } } });
        let table = &sections(&roles)[0].tables[0];
        assert_eq!(table.columns, ["Daily cap", "May spawn"]);
        assert_eq!(table.rows[0], ("intern".to_owned(), vec!["$1.00".to_owned(), String::new()]));
    }
}
