//! The JSON Schema of a spec, for editors: which fields there are is the decoder's own knowledge, what they hold stands here.

mod fields;
mod json;

use crate::decode::{row_fields, tables};
use domain::limits;
use fields::field;
use json::{Json, list, map, number, text, texts};

const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";
const TABLE_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}(\\.[A-Za-z_][A-Za-z0-9_]{0,63})?$";
const LABEL: &str = "^[A-Za-z0-9_.-]{1,64}$";
const SPAN: &str = "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$";

/// The schema as JSON, draft 2020-12.
pub fn schema() -> String {
    let mut document = vec![
        ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
        ("title", text("A Millrace spec")),
        ("description", text("What events there are, what is counted of them, and how answers are made of that.")),
        ("$ref", text("#/$defs/spec")),
    ];
    document.push(("$defs", Json::Map(definitions())));
    format!("{}\n", map(document))
}

/// Everything that is named in the schema.
fn definitions() -> Vec<(String, Json)> {
    let mut definitions: Vec<(String, Json)> =
        tables().iter().map(|table| (table.name.clone(), object(table))).collect();
    for (name, prefix) in [("route", "route_"), ("step", "step_")] {
        let kinds = definitions.iter().filter(|(name, _)| name.starts_with(prefix));
        let any = kinds.map(|(name, _)| reference(name)).collect();
        definitions.push((name.to_owned(), map(vec![("anyOf", list(any))])));
    }
    definitions.push(("policy".to_owned(), policy(&definitions)));
    let named = [
        ("expression", expression()),
        ("word", map(vec![("type", texts(&["string", "number", "boolean"]))])),
        ("span", map(vec![("type", text("string")), ("pattern", text(SPAN))])),
        ("share", share()),
        ("label", map(vec![("type", text("string")), ("pattern", text(LABEL))])),
        ("tiers", tiers()),
        ("row", row()),
        ("share_of_rule", map(vec![("anyOf", list(vec![reference("share"), reference("rule_share")]))])),
        ("type", types()),
        ("fields", names(NAME, reference("type"), limits::FIELDS_MAX)),
        ("event", event()),
        ("features", names(NAME, reference("expression"), limits::SPEC_ITEMS_MAX)),
        ("weighted_events", weighted_events()),
    ];
    definitions.extend(named.into_iter().map(|(name, definition)| (name.to_owned(), definition)));
    definitions
}

/// A part of the spec with the fields that the decoder takes, and no others.
fn object(table: &crate::decode::Table) -> Json {
    let described = |name: &&'static str| field(&table.name, name).map(|of| ((*name).to_owned(), of));
    let properties = table.fields.iter().filter_map(described).collect();
    let mut object = vec![
        ("type", text("object")),
        ("properties", Json::Map(properties)),
        ("additionalProperties", Json::Bool(false)),
    ];
    let required = fields::required(&table.name);
    if !required.is_empty() {
        object.push(("required", texts(&required)));
    }
    map(object)
}

/// One word with its fields.
fn policy(definitions: &[(String, Json)]) -> Json {
    let kinds = definitions.iter().filter_map(|(name, _)| Some((name, name.strip_prefix("policy_")?)));
    let properties = kinds.map(|(name, kind)| (kind.to_owned(), reference(name))).collect();
    map(vec![
        ("type", text("object")),
        ("properties", Json::Map(properties)),
        ("additionalProperties", Json::Bool(false)),
        ("minProperties", number(1)),
        ("maxProperties", number(1)),
    ])
}

fn reference(name: &str) -> Json {
    map(vec![("$ref", text(format!("#/$defs/{name}")))])
}

fn expression() -> Json {
    map(vec![
        ("type", texts(&["string", "number", "boolean"])),
        (
            "description",
            text("An expression; inside `{ }` and `[ ]` one with commas needs quotes. See docs/language.md."),
        ),
    ])
}

/// `5%` or `0.05`.
fn share() -> Json {
    let percent = map(vec![("type", text("string")), ("pattern", text("^[0-9]+(\\.[0-9]+)?%$"))]);
    let part = map(vec![("type", text("number")), ("minimum", number(0)), ("maximum", number(1))]);
    map(vec![("anyOf", list(vec![percent, part]))])
}

/// What a row of a decision table does, and its cells by input.
fn row() -> Json {
    let described = |name: &&'static str| field("rule", name).map(|of| ((*name).to_owned(), of));
    let one = map(vec![("type", texts(&["string", "number", "boolean"]))]);
    let cell = map(vec![("anyOf", list(vec![one.clone(), list_of(one, Some(1), None)]))]);
    map(vec![
        ("type", text("object")),
        ("properties", Json::Map(row_fields().iter().filter_map(described).collect())),
        ("additionalProperties", cell),
    ])
}

/// Outcomes and their least scores, and what comes out below them.
fn tiers() -> Json {
    map(vec![
        ("type", text("object")),
        ("properties", Json::Map(vec![("otherwise".to_owned(), reference("label"))])),
        ("propertyNames", map(vec![("pattern", text(LABEL))])),
        ("additionalProperties", reference("expression")),
        ("required", texts(&["otherwise"])),
        ("minProperties", number(2)),
        ("maxProperties", number(limits::TIERS_MAX as i64 + 1)),
    ])
}

/// The types of attributes, of fields of events and of a feed's context.
fn types() -> Json {
    let plain = map(vec![("enum", texts(&["string", "int", "float", "bool", "timestamp", "duration"]))]);
    let of = |name: &str| list_of(map(vec![("const", text(name))]), Some(1), Some(1));
    map(vec![("anyOf", list(vec![plain, of("string"), of("float")]))])
}

/// Roles (a name and an entity type) and `fields`.
fn event() -> Json {
    map(vec![
        ("type", text("object")),
        ("properties", Json::Map(vec![("fields".to_owned(), reference("fields"))])),
        ("additionalProperties", map(vec![("type", text("string")), ("description", text("The role's entity type."))])),
    ])
}

/// `view`, `[view, buy]` or `{ view: 1, buy: 5 }`.
fn weighted_events() -> Json {
    let one = map(vec![("type", text("string"))]);
    let weight = map(vec![("type", text("number")), ("minimum", Json::Number(1e-6)), ("maximum", number(1_000_000))]);
    let weighted = map(vec![("type", text("object")), ("additionalProperties", weight), ("minProperties", number(1))]);
    map(vec![("anyOf", list(vec![one.clone(), list_of(one, Some(1), None), weighted]))])
}

fn list_of(items: Json, least: Option<usize>, most: Option<usize>) -> Json {
    let mut of = vec![("type", text("array")), ("items", items)];
    of.extend(least.map(|least| ("minItems", number(least as i64))));
    of.extend(most.map(|most| ("maxItems", number(most as i64))));
    map(of)
}

/// Names of the operator's choice, each with a value of this form.
fn names(pattern: &str, value: Json, most: usize) -> Json {
    map(vec![
        ("type", text("object")),
        ("propertyNames", map(vec![("pattern", text(pattern))])),
        ("additionalProperties", value),
        ("maxProperties", number(most as i64)),
    ])
}

/// One, or a list of them.
fn one_or_more(of: Json, most: usize) -> Json {
    map(vec![("anyOf", list(vec![of.clone(), list_of(of, Some(1), Some(most))]))])
}
