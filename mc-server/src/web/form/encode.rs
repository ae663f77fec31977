//! From what a browser sends of a form to the body of a request.

use chrono::NaiveDateTime;
use serde_json::{Map, Number, Value, json};

use super::{Empty, Field, Kind};

/// The body of the request that the fields make. What cannot be read as it should be is noted at its field.
///
/// # Errors
/// Nothing; some field has an error.
pub(super) fn body(fields: &mut [Field]) -> Result<Value, ()> {
    let mut body = Map::new();
    let mut is_readable = true;
    for field in fields {
        match value(field) {
            Ok(Some(value)) => put(&mut body, field.name, value),
            Ok(None) => {}
            Err(error) => {
                field.error = Some(error);
                is_readable = false;
            }
        }
    }
    if is_readable { Ok(Value::Object(body)) } else { Err(()) }
}

/// The value of a field; nothing where it is left out.
fn value(field: &Field) -> Result<Option<Value>, String> {
    let text = field.text();
    let is_empty = text.trim().is_empty();
    match &field.kind {
        Kind::Lines | Kind::Choices(_) => {
            let lines = field.value.iter().flat_map(|value| value.lines());
            let lines: Vec<_> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
            match (lines.is_empty(), field.empty) {
                (true, Empty::LeftOut) => Ok(None),
                (true, Empty::Null) => Ok(Some(Value::Null)),
                (true, Empty::List) | (false, _) => Ok(Some(json!(lines))),
            }
        }
        _ if is_empty => Ok(match field.empty {
            Empty::LeftOut => None,
            Empty::Null => Some(Value::Null),
            Empty::List => Some(json!([])),
        }),
        Kind::Number => number(text.trim()).map(Some),
        Kind::Choice(_) if field.is_numeric => number(text.trim()).map(Some),
        Kind::Time => time(text.trim()).map(Some),
        Kind::Json => serde_json::from_str(&text).map(Some).map_err(|error| format!("is not JSON: {error}")),
        Kind::Line | Kind::Text | Kind::Choice(_) | Kind::Hidden => Ok(Some(json!(text))),
    }
}

/// The digits as they are, a comma in them read as a point.
fn number(text: &str) -> Result<Value, String> {
    let digits = text.trim_start_matches('$').replace(',', ".");
    let number = serde_json::from_str::<Number>(&digits);
    number.map(Value::Number).map_err(|_| "must be a number, such as 2.50".to_owned())
}

/// What a browser's field for a time holds, which is without a zone: it is asked for in UTC.
fn time(text: &str) -> Result<Value, String> {
    let read = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    match read {
        Some(time) => Ok(json!(time.and_utc().to_rfc3339())),
        None => Err("must be a day and a time in UTC, such as 2026-02-01 09:00".to_owned()),
    }
}

/// Puts a value into the body, into the object that its name says.
fn put(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(body.insert(name.to_owned(), value)),
        Some((outer, inner)) => {
            let object = body.entry(outer.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = object {
                put(object, inner, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &'static str, kind: Kind, value: &str) -> Field {
        Field::new(name, "", kind).value(value)
    }

    #[test]
    fn fields_become_the_body_that_the_interface_takes() {
        let mut fields = [
            field("title", Kind::Line, "Write it"),
            field("budgets.dailyCap", Kind::Number, "2,50"),
            field("budgets.perRunCap", Kind::Number, ""),
            field("priority", Kind::Choice(vec![]), "2").numeric(),
            field("workPlan", Kind::Lines, "One\r\n\r\nTwo \nThree"),
            field("dueAt", Kind::Time, "2026-02-01T09:00"),
            field("description", Kind::Text, "").or(Empty::Null),
            field("labels", Kind::Lines, "").or(Empty::List),
            field("document", Kind::Json, "{\"a\": 1}"),
        ];
        let expected = json!({
            "title": "Write it", "priority": 2, "budgets": { "dailyCap": 2.5 }, "workPlan": ["One", "Two", "Three"],
            "dueAt": "2026-02-01T09:00:00+00:00", "description": null, "labels": [], "document": { "a": 1 },
        });
        assert_eq!(body(&mut fields), Ok(expected));
    }

    #[test]
    fn what_cannot_be_read_is_noted_at_its_field() {
        let mut fields = [
            field("cap", Kind::Number, "much"),
            field("dueAt", Kind::Time, "soon"),
            field("document", Kind::Json, "{"),
            field("title", Kind::Line, "x"),
        ];
        assert_eq!(body(&mut fields), Err(()));
        let errors: Vec<_> = fields.iter().map(|field| field.error.is_some()).collect();
        assert_eq!(errors, [true, true, true, false]);
    }
}
