//! The README's table of JSON objects, and a check of objects against it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The rows of the table: which fields an object of each name has. An event has two names: `event`
/// and its own.
pub(crate) static TABLE: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let readme = include_str!("../../../README.md");
    let (_, table) = readme
        .split_once("| object | fields | what |\n|---|---|---|\n")
        .expect("there is the table");
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let row = |row: &'static str| {
        let mut cells = row.trim_matches('|').split('|');
        let name = quoted(cells.next()?).last()?;
        Some((name, quoted(cells.next()?).collect()))
    };
    table.lines().map_while(row).collect()
});

/// Checks that everything in the object is in the table, and that everything in the table that is
/// not optional is in the object.
pub(crate) fn check(object: &Value) {
    let name = object["event"].as_str().or(object["type"].as_str());
    let name = name.unwrap_or_else(|| panic!("an object without a type: {object}"));
    assert!(TABLE.contains_key(name), "`{name}` is not in README's table of objects: {object}");
    let mut fields = vec!["type", "time"];
    if object["type"] == "event" {
        fields.extend(&TABLE["event"]);
    }
    add(name, &mut fields);
    for path in paths(object) {
        let is_field = |field: &&str| field.trim_end_matches('?') == path;
        assert!(fields.iter().any(is_field), "README's `{name}` lacks `{path}`: {object}");
    }
    for field in fields {
        assert!(is_there(object, field), "`{field}` of README's `{name}` is missing: {object}");
    }
    let time = object["time"].as_str().expect("text").as_bytes();
    assert!(
        matches!(time, [b'2', _, _, _, b'-', .., b'Z']) && time[10] == b'T',
        "RFC 3339, in UTC: {object}"
    );
}

/// Adds the fields of a row, including those of the groups that the row names.
fn add(name: &str, fields: &mut Vec<&'static str>) {
    for field in &TABLE[name] {
        match field.strip_prefix('+') {
            Some(group) => add(group, fields),
            None => fields.push(field),
        }
    }
}

/// Returns the path of each value in the object, such as `items[].message`.
fn paths(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => (fields.iter())
            .flat_map(|(key, value)| {
                paths(value).into_iter().map(move |path| match path.as_str() {
                    "" => key.clone(),
                    path if path.starts_with('[') => format!("{key}{path}"),
                    path => format!("{key}.{path}"),
                })
            })
            .collect(),
        Value::Array(values) => (values.iter())
            .flat_map(paths)
            .map(|path| if path.is_empty() { "[]".into() } else { format!("[].{path}") })
            .collect(),
        _ => vec![String::new()],
    }
}

/// Returns whether a field is in every object that should have it.
fn is_there(value: &Value, field: &str) -> bool {
    if field.ends_with('?') {
        return true;
    }
    let (first, rest) = match field.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (field, None),
    };
    let Some(inner) = value.get(first.trim_end_matches("[]")) else { return false };
    match (inner, rest) {
        (_, None) | (Value::Null, _) => true,
        (Value::Array(values), Some(rest)) => values.iter().all(|value| is_there(value, rest)),
        (inner, Some(rest)) => is_there(inner, rest),
    }
}
