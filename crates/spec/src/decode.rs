//! The YAML tree -> the spec's sections: which fields exist, what shape each has, which are not in this release.
//! Every mistake is noted and reading goes on.

mod attribution;
mod budget;
mod decision;
mod feed;
mod list;
mod policy;
mod rerank;
mod scalar;
mod sink;
mod tables;
mod tenants;

pub(crate) use feed::{BELOW_MAX, COUNT_MAX};
pub(crate) use tables::{Table, row_fields, tables};
pub(crate) use tenants::tenants;

use crate::diagnostic::{Issue, Issues, quoted};
use crate::source::{EntitySource, EventSource, FieldSource, Source, TableSource};
use crate::yaml::{Kind, Node, Text};
use domain::{Type, limits};
use std::collections::BTreeSet;

const SECTIONS: [&str; 12] = [
    "version",
    "entities",
    "events",
    "features",
    "lists",
    "feeds",
    "decisions",
    "alarms",
    "sinks",
    "weights",
    "attribution",
    "budget",
];
const ENTITY: [&str; 1] = ["fields"];

/// Reads the root of the document.
pub(crate) fn decode(root: &Node, issues: &mut Issues) -> Source {
    let mut decoder = Decoder { issues, broken: BTreeSet::new() };
    let mut source = Source::default();
    let Some(entries) = decoder.map(root, "the spec") else { return source };
    for (key, value) in entries {
        match key.text.as_str() {
            "version" => {}
            "entities" => source.entities = decoder.section(key, value, Decoder::entity),
            "events" => source.events = decoder.section(key, value, Decoder::event),
            "features" => source.tables = decoder.section(key, value, Decoder::table),
            "lists" => source.lists = decoder.lists(key, value),
            "feeds" => source.feeds = decoder.section(key, value, Decoder::feed),
            "decisions" => source.decisions = decoder.decisions(key, value),
            "alarms" => source.alarms = decoder.alarms(key, value),
            "sinks" => source.sinks = decoder.sinks(key, value),
            "weights" => source.weights = decoder.weights(key, value),
            "attribution" => source.attribution = decoder.attribution(key, value),
            "budget" => source.budget = decoder.budget(value),
            "models" | "policy" | "segments" | "experiments" => decoder.not_available(key),
            "include" | "includes" | "import" => {
                let issue = Issue::new("not_available", &key.span, "a spec names no other files: nothing is included");
                decoder
                    .issues
                    .push(issue.help("put the files into one folder and give that: together they are the spec"));
            }
            _ => decoder.unknown(key, "the spec", &SECTIONS),
        }
    }
    decoder.version(root, entries);
    source.broken = decoder.broken;
    source
}

/// Reads shapes and notes mistakes.
struct Decoder<'i> {
    issues: &'i mut Issues,
    broken: BTreeSet<String>,
}

impl Decoder<'_> {
    fn version(&mut self, root: &Node, entries: &[(Text, Node)]) {
        let Some((_, value)) = entries.iter().find(|(key, _)| key.text == "version") else {
            if entries.iter().any(|(key, _)| self.issues.suggests(&key.span, "version")) {
                return;
            }
            let issue = Issue::new("missing_field", &(root.span.start..root.span.start), "the spec has no `version`");
            self.issues.push(issue.help("begin with `version: 1`"));
            return;
        };
        if let Some(version) = self.int(value, "the version", 0..=i64::MAX)
            && version != 1
        {
            let message = format!("version {version} of the spec language is not known here");
            self.issues
                .push(Issue::new("unknown_version", &value.span, message).help("this release reads `version: 1`"));
        }
    }

    /// A section: names of the operator's choice, each with a definition.
    fn section<T>(&mut self, key: &Text, node: &Node, read: fn(&mut Self, &Text, &Node) -> Option<T>) -> Vec<T> {
        let what = format!("`{}`", key.text);
        let Some(entries) = self.map(node, &what) else { return Vec::new() };
        if entries.len() > limits::SPEC_ITEMS_MAX {
            let message =
                format!("{what} has {} entries; at most {} are allowed", entries.len(), limits::SPEC_ITEMS_MAX);
            self.issues.push(Issue::new("too_many", &key.span, message));
            return Vec::new();
        }
        entries.iter().filter_map(|(name, value)| read(self, name, value)).collect()
    }

    fn entity(&mut self, name: &Text, node: &Node) -> Option<EntitySource> {
        self.name(name, "an entity type");
        if matches!(name.text.as_str(), "request" | "recall") {
            self.reserved(name);
        }
        let mut fields = Vec::new();
        let whole = format!("entity {}", name.text);
        for (key, value) in self.map_of(&whole, node, "an entity type") {
            match key.text.as_str() {
                "fields" => fields = self.fields(&whole, value),
                "vectors" => self.not_available(key),
                _ => self.unknown(key, "an entity type", &ENTITY),
            }
        }
        Some(EntitySource { name: name.clone(), fields })
    }

    fn event(&mut self, name: &Text, node: &Node) -> Option<EventSource> {
        self.name(name, "an event");
        let (mut roles, mut fields) = (Vec::new(), Vec::new());
        let whole = format!("event {}", name.text);
        for (key, value) in self.map_of(&whole, node, "an event") {
            if key.text == "fields" {
                fields = self.fields(&whole, value);
                continue;
            }
            self.name(key, "a role");
            match self.text(value, "a role's entity type") {
                Some(entity) => roles.push((key.clone(), entity.clone())),
                None => {
                    self.broken.insert(whole.clone());
                }
            }
        }
        self.event_names(name, &roles, &fields);
        Some(EventSource { name: name.clone(), roles, fields })
    }

    /// Roles and fields stand side by side in the JSON of an event, beside `event`, `id`, `source` and `time`.
    fn event_names(&mut self, event: &Text, roles: &[(Text, Text)], fields: &[FieldSource]) {
        let names = roles.iter().map(|(role, _)| role).chain(fields.iter().map(|field| &field.name));
        for name in names.filter(|name| matches!(name.text.as_str(), "event" | "id" | "source" | "time")) {
            let message = format!("{} is part of every event already", quoted(&name.text));
            self.issues.push(Issue::new("reserved_name", &name.span, message).help("choose another name"));
        }
        for field in fields {
            let built_in = event.text == "impression" && matches!(field.name.text.as_str(), "user" | "item");
            if built_in || roles.iter().any(|(role, _)| role.text == field.name.text) {
                let message = format!("{} is a role and a field of this event", quoted(&field.name.text));
                self.issues.push(Issue::new("duplicate_name", &field.name.span, message).help("rename the field"));
            }
        }
        let count = roles.len() + fields.len();
        if count > limits::FIELDS_MAX {
            let message = format!("the event has {count} roles and fields; at most {} are allowed", limits::FIELDS_MAX);
            self.issues.push(Issue::new("too_many", &event.span, message));
        }
    }

    fn table(&mut self, name: &Text, node: &Node) -> Option<TableSource> {
        let parts: Vec<&str> = name.text.split('.').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) {
            let message = format!("{} is not the name of a table", quoted(&name.text));
            let issue = Issue::new("bad_name", &name.span, message);
            self.issues.push(issue.help("write an entity type (`user`) or a crossed one (`user.category`)"));
            return None;
        }
        let mut features = Vec::new();
        for (key, value) in self.map_of(&format!("table {}", name.text), node, "a table of features") {
            self.name(key, "a feature");
            match self.text(value, "a feature's expression") {
                Some(expression) => features.push((key.clone(), expression.clone())),
                None => {
                    self.broken.insert(format!("feature {}.{}", name.text, key.text));
                }
            }
        }
        Some(TableSource { name: name.clone(), features })
    }

    /// The entries of something declared; if it is no map, all of it counts as broken.
    fn map_of<'n>(&mut self, whole: &str, node: &'n Node, what: &str) -> &'n [(Text, Node)] {
        self.map(node, what).unwrap_or_else(|| {
            self.broken.insert(whole.to_owned());
            &[]
        })
    }

    /// `{ name: type, ... }`
    fn fields(&mut self, whole: &str, node: &Node) -> Vec<FieldSource> {
        let entries = self.map_of(whole, node, "`fields`");
        if entries.len() > limits::FIELDS_MAX {
            let message = format!("there are {} fields; at most {} are allowed", entries.len(), limits::FIELDS_MAX);
            self.issues.push(Issue::new("too_many", &node.span, message));
            return Vec::new();
        }
        let mut fields = Vec::new();
        for (name, value) in entries {
            self.name(name, "a field");
            match self.field_type(value) {
                Some(ty) => fields.push(FieldSource { name: name.clone(), ty }),
                None => {
                    self.broken.insert(format!("{whole}.{}", name.text));
                }
            }
        }
        fields
    }

    fn field_type(&mut self, node: &Node) -> Option<Type> {
        if let Kind::List(list) = &node.kind {
            return match list.as_slice() {
                [Node { kind: Kind::Scalar(text), .. }] if text.text == "string" => {
                    Some(Type::List(Box::new(Type::Str)))
                }
                [Node { kind: Kind::Scalar(text), .. }] if text.text == "float" => {
                    Some(Type::List(Box::new(Type::Float)))
                }
                _ => {
                    let issue = Issue::new("unknown_type", &node.span, "the list types are `[string]` and `[float]`");
                    self.issues.push(issue.help("write `[string]` or `[float]`"));
                    None
                }
            };
        }
        let text = self.text(node, "a type")?;
        let ty = match text.text.as_str() {
            "string" => Type::Str,
            "int" => Type::Int,
            "float" => Type::Float,
            "bool" => Type::Bool,
            "timestamp" => Type::Time,
            "duration" => Type::Span,
            wrong => {
                let known = ["string", "int", "float", "bool", "timestamp", "duration", "[string]", "[float]"];
                let is_list = matches!(wrong, "[string]" | "[float]");
                let written = if is_list { format!("the text {}", quoted(wrong)) } else { quoted(wrong) };
                let issue = Issue::new("unknown_type", &text.span, format!("{written} is not a type"));
                self.issues.push(match wrong {
                    _ if self.issues.full() => issue,
                    _ if is_list => issue.help(format!("a type is written without quotes: {wrong}")),
                    "number" | "double" | "f64" | "decimal" => issue.help("did you mean `float`?"),
                    "integer" | "i64" | "long" => issue.help("did you mean `int`?"),
                    "text" | "str" | "keyword" => issue.help("did you mean `string`?"),
                    "boolean" => issue.help("did you mean `bool`?"),
                    "time" | "datetime" | "date" => issue.help("did you mean `timestamp`?"),
                    _ => issue.near(wrong, known.into_iter()),
                });
                return None;
            }
        };
        Some(ty)
    }

    /// Notes a field that no section of this kind has.
    fn unknown(&mut self, key: &Text, what: &str, known: &[&str]) {
        let issue = Issue::new("unknown_field", &key.span, format!("{} is not a field of {what}", quoted(&key.text)));
        self.issues.push(if self.issues.full() {
            issue
        } else if is_name(&key.text) {
            issue.near(&key.text, known.iter().copied())
        } else {
            issue.help("an expression with `,`, `[` or `{` in it needs quotes inside `{ }`")
        });
    }

    fn not_available(&mut self, key: &Text) {
        let message = format!("{} is not available in this release", quoted(&key.text));
        self.issues.push(Issue::new("not_available", &key.span, message).help("remove it"));
    }

    fn reserved(&mut self, name: &Text) {
        let message = format!("{} has a meaning of its own in expressions", quoted(&name.text));
        self.issues.push(Issue::new("reserved_name", &name.span, message).help("choose another name"));
    }

    /// Notes a name that expressions could not say.
    fn name(&mut self, name: &Text, what: &str) {
        if !is_name(&name.text) {
            let message = format!("{} cannot be the name of {what}", quoted(&name.text));
            let issue = Issue::new("bad_name", &name.span, message);
            let most = limits::NAME_BYTES_MAX;
            self.issues.push(issue.help(format!("use letters, digits and `_`, a letter first, at most {most} bytes")));
        } else if !is_word(&name.text) {
            self.reserved(name);
        }
    }
}

/// Whether it has the form of a name: ASCII letters, digits and `_`, no digit first.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the expression language reads it as a name (and not as `true` or another of its words).
fn is_word(name: &str) -> bool {
    name != "now" && expr::parse(name).is_ok_and(|ast| ast.root().as_name() == Some(name))
}
