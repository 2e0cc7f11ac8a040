//! The schema for editors: it takes what the decoder takes, knows every field, and refuses what is misspelt.

use super::golden;
use crate::decode::tables;
use crate::diagnostic::Issues;
use crate::yaml::{self, Kind, Node, Text};
use crate::{compile, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Uses every field that there is.
const EVERY_FIELD: &str = include_str!("every_field.yaml");

/// Reads as much JSON Schema as ours is written in; notes which fields of which definition were met.
struct Checker<'s> {
    root: &'s Value,
}

type Met = BTreeSet<String>;

impl Checker<'_> {
    /// What was met, or why the document does not fit.
    fn check(&self, schema: &Value, of: &str, node: &Node) -> Result<Met, String> {
        let mut met = Met::new();
        for (keyword, value) in schema.as_object().unwrap() {
            match keyword.as_str() {
                "$schema" | "title" | "description" | "$defs" => {}
                "additionalProperties" | "required" | "minimum" | "maximum" | "minItems" | "maxItems" | "pattern" => {}
                "minProperties" | "maxProperties" => {}
                "$ref" => {
                    let name = value.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    met.extend(self.check(&self.root["$defs"][name], name, node)?);
                }
                "anyOf" => {
                    let tried: Vec<_> = value.as_array().unwrap().iter().map(|one| self.check(one, of, node)).collect();
                    let wrong = || tried.iter().filter_map(|one| one.clone().err()).collect::<Vec<_>>().join("; ");
                    if tried.iter().all(Result::is_err) {
                        return Err(format!("none of ({})", wrong()));
                    }
                    met.extend(tried.into_iter().flatten().flatten());
                }
                "type" => must(types(value).contains(&type_of(node)) || fits_number(value, node), "type", node)?,
                "const" => must(scalar(node).is_some_and(|text| *value == json(text)), "const", node)?,
                "enum" => {
                    let known = value.as_array().unwrap();
                    must(scalar(node).is_some_and(|text| known.contains(&json(text))), "enum", node)?;
                }
                "properties" => {}
                "items" => {
                    for node in elements(node) {
                        met.extend(self.check(value, of, node)?);
                    }
                }
                "propertyNames" => {
                    for (key, _) in entries(node) {
                        must(matches(&value["pattern"], &key.text), "name", node)?;
                    }
                }
                other => panic!("the schema uses `{other}`, which this checker does not know"),
            }
        }
        self.check_fields(schema, of, node, &mut met)?;
        check_bounds(schema, node)?;
        Ok(met)
    }

    fn check_fields(&self, schema: &Value, of: &str, node: &Node, met: &mut Met) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten() {
            must(entries(node).iter().any(|(key, _)| key.text == *name.as_str().unwrap()), "required", node)?;
        }
        for (key, value) in entries(node) {
            if let Some(schema) = schema["properties"].get(&key.text) {
                met.insert(format!("{of}.{}", key.text));
                met.extend(self.check(schema, of, value)?);
                continue;
            }
            match &schema["additionalProperties"] {
                Value::Bool(false) => return Err(format!("{of} has no `{}`", key.text)),
                Value::Null => {}
                more => met.extend(self.check(more, of, value)?),
            }
        }
        Ok(())
    }
}

fn must(holds: bool, what: &str, node: &Node) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what} at byte {}", node.span.start)) }
}

fn check_bounds(schema: &Value, node: &Node) -> Result<(), String> {
    let bound = |name: &str| schema[name].as_f64();
    let count = match &node.kind {
        Kind::List(list) => Some((list.len() as f64, "minItems", "maxItems")),
        Kind::Map(map) => Some((map.len() as f64, "minProperties", "maxProperties")),
        Kind::Scalar(text) => json(text).as_f64().map(|number| (number, "minimum", "maximum")),
        _ => None,
    };
    if let Some((count, least, most)) = count {
        let fits = bound(least).is_none_or(|least| count >= least) && bound(most).is_none_or(|most| count <= most);
        must(fits, "bounds", node)?;
    }
    match scalar(node) {
        Some(text) if type_of(node) == "string" => must(matches(&schema["pattern"], &text.text), "pattern", node),
        _ => Ok(()),
    }
}

fn matches(pattern: &Value, text: &str) -> bool {
    pattern.as_str().is_none_or(|pattern| regex::Regex::new(pattern).unwrap().is_match(text))
}

fn entries(node: &Node) -> &[(Text, Node)] {
    if let Kind::Map(entries) = &node.kind { entries } else { &[] }
}

fn elements(node: &Node) -> &[Node] {
    if let Kind::List(list) = &node.kind { list } else { &[] }
}

fn scalar(node: &Node) -> Option<&Text> {
    if let Kind::Scalar(text) = &node.kind { Some(text) } else { None }
}

/// A scalar by the core schema of YAML 1.2, as editors take it.
fn json(text: &Text) -> Value {
    let plain = text.plain.then(|| serde_json::from_str::<Value>(&text.text).ok()).flatten();
    plain.filter(|value| !value.is_array() && !value.is_object()).unwrap_or_else(|| text.text.clone().into())
}

fn type_of(node: &Node) -> &'static str {
    match &node.kind {
        Kind::List(_) => "array",
        Kind::Map(_) => "object",
        Kind::Empty | Kind::Broken => "null",
        Kind::Scalar(text) => match json(text) {
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::Null => "null",
            _ => "string",
        },
    }
}

fn types(wanted: &Value) -> Vec<&str> {
    match wanted {
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

/// Every integer is a number.
fn fits_number(wanted: &Value, node: &Node) -> bool {
    types(wanted).contains(&"number") && type_of(node) == "integer"
}

fn root() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

/// What a spec says to the schema; `None` if it is no YAML.
fn checked(text: &str) -> Option<Result<Met, String>> {
    let mut issues = Issues::default();
    let node = yaml::read(text, &mut issues)?;
    let root = root();
    issues.is_empty().then(|| Checker { root: &root }.check(&root, "", &node))
}

#[test]
fn every_field_of_the_decoder_is_described() {
    let root = root();
    for table in tables() {
        let properties = root["$defs"][&table.name]["properties"].as_object().unwrap();
        let known: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(known, table.fields.iter().copied().collect(), "{}", table.name);
        for (name, property) in properties {
            let said = property["description"].as_str().unwrap();
            assert!(said.len() > 8 && said.ends_with('.'), "{}.{name}: {said}", table.name);
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let text = schema();
    let root = root();
    for part in text.split("\"#/$defs/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(root["$defs"].get(name).is_some(), "{name}");
    }
}

#[test]
fn the_decoder_takes_every_field_that_the_schema_knows() {
    compile("spec.yaml", EVERY_FIELD).unwrap_or_else(|wrong| panic!("{wrong}"));
    let met = checked(EVERY_FIELD).unwrap().unwrap();
    let fields = tables().into_iter().flat_map(|table| {
        let name = table.name;
        table.fields.into_iter().map(move |field| format!("{name}.{field}"))
    });
    let never: Vec<String> = fields.filter(|field| !met.contains(field)).collect();
    assert!(never.is_empty(), "{never:?}");
}

#[test]
fn examples_fit() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut files = 0;
    for directory in [examples.clone(), examples.join("eval")] {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                checked(&text).unwrap().unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
                files += 1;
            }
        }
    }
    assert!(files >= 7, "{files}");
    checked(super::SHOP).unwrap().unwrap();
}

#[test]
fn what_is_misspelt_or_out_of_range_is_refused() {
    let shapes = ["unknown_field", "unknown_type", "out_of_range", "missing_field", "several_kinds", "wrong_type"];
    let mut refused = 0;
    for name in golden::FILES {
        let (head, cases) = golden::read(name);
        for case in cases {
            let (diagnostics, _) = golden::judged(&head, &case);
            let text = format!("{head}{}", case.text);
            let shape = diagnostics.list.iter().all(|one| shapes.contains(&one.code));
            if shape && checked(&text).is_some_and(|result| result.is_err()) {
                refused += 1;
            }
            let misspelt = diagnostics.list.iter().any(|one| one.code == "unknown_field");
            assert!(!misspelt || checked(&text).is_none_or(|result| result.is_err()), "{name}: {}", case.title);
        }
    }
    assert!(refused >= 40, "{refused}");
}
