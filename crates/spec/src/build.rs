//! Names -> indexes, expressions -> programs: the spec's sections become one plan, with every mistake noted.

mod aggregate;
mod alarm;
mod attribution;
mod check;
mod computed;
mod decision;
mod feature;
mod feed;
mod interim;
mod list;
mod pattern;
mod policy;
mod rerank;
mod route;
mod row_facts;
mod scope;
mod session;
mod sink;
mod sketch;
mod slots;
mod stream;
mod tags;
mod window;

pub(crate) use interim::build_interim;
pub(crate) use list::{listed, listed_slot};
pub(crate) use scope::{aggregate_call, near};
pub(crate) use sketch::pane_width as sketch_pane_width;
pub(crate) use stream::{canonical, pane_width};

use crate::diagnostic::{Issue, Issues, quoted};
use crate::plan::{
    Aggregate, Alarm, Calendar, Collection, Cross, Decision, EntityIndex, EntityType, EventType, Exposure, Feature,
    Feed, FieldType, Index, List, Plan, QuotaCount, Role, Sink, Slot, Stream, Table,
};
use crate::source::{FieldSource, Source};
use crate::yaml::Text;
use domain::{Symbol, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Index of `user` in every plan.
const USER: EntityIndex = 0;
/// Index of `item` in every plan.
const ITEM: EntityIndex = 1;

/// Builds the plan; it is only to be used if no issue was noted. String constants have the symbols of `numbers`, others than those
/// their place.
pub(crate) fn build(file: &str, source: &Source, numbers: &BTreeMap<String, Symbol>, issues: &mut Issues) -> Plan {
    let mut builder = Builder::new(file, numbers, issues);
    builder.sections(source);
    builder.check_budgets(source);
    builder.finish()
}

/// The plan while it grows.
struct Builder<'a> {
    /// The spec's text, for places inside expressions.
    file: &'a str,
    issues: &'a mut Issues,
    /// As in the source, and what was found here.
    broken: BTreeSet<String>,
    entities: Vec<EntityType>,
    events: Vec<EventType>,
    tables: Vec<Table>,
    /// Declared features, by table and name; set before any of them is compiled.
    declared: BTreeMap<(u16, String), usize>,
    /// The table of each declared feature, by the index in `declared`.
    declared_tables: Vec<u16>,
    /// The expression of each declared feature, by the index in `declared`; none where it cannot be read.
    asts: Vec<Option<Rc<expr::Ast>>>,
    /// The outcome for each declared feature, by the index in `declared`.
    outcomes: Vec<Outcome>,
    streams: Vec<Stream>,
    stream_keys: BTreeMap<String, u16>,
    collections: Vec<Collection>,
    aggregates: Vec<Aggregate>,
    calendars: Vec<Calendar>,
    features: Vec<Feature>,
    slots: Vec<Slot>,
    slot_keys: BTreeMap<String, u16>,
    slots_full: bool,
    numbers: &'a BTreeMap<String, Symbol>,
    constants: Vec<String>,
    symbols: Vec<Symbol>,
    constant_keys: BTreeMap<String, Symbol>,
    indexes: Vec<Index>,
    exposures: Vec<Exposure>,
    lists: Vec<List>,
    feeds: Vec<Feed>,
    decisions: Vec<Decision>,
    alarms: Vec<Alarm>,
    sinks: Vec<Sink>,
    quotas: Vec<QuotaCount>,
    /// By event, ascending.
    weights: Vec<(u16, f64)>,
    attribution: Option<crate::plan::Attribution>,
    /// What is kept, once a spec is built over the state of another.
    kept: Option<interim::Kept>,
}

/// What became of a declared feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Not compiled yet.
    Pending,
    /// It has mistakes, already noted: whoever reads it fails silently.
    Failed,
    /// Index into the plan's features.
    Done {
        index: u16,
        /// Whether it is exactly a list of the user's last items.
        recents: bool,
    },
}

impl<'a> Builder<'a> {
    fn new(file: &'a str, numbers: &'a BTreeMap<String, Symbol>, issues: &'a mut Issues) -> Builder<'a> {
        let entity = |name: &str| EntityType { name: name.to_owned(), fields: Vec::new() };
        let role = |name: &str, entity| Role { name: name.to_owned(), entity };
        let field = |name: &str, ty| FieldType { name: name.to_owned(), ty };
        let impression = EventType {
            name: "impression".to_owned(),
            roles: vec![role("user", USER), role("item", ITEM)],
            fields: vec![field("decision", Type::Str), field("place", Type::Int)],
            computed: Vec::new(),
        };
        Builder {
            file,
            issues,
            broken: BTreeSet::new(),
            entities: vec![entity("user"), entity("item")],
            events: vec![impression],
            tables: Vec::new(),
            declared: BTreeMap::new(),
            declared_tables: Vec::new(),
            asts: Vec::new(),
            outcomes: Vec::new(),
            streams: Vec::new(),
            stream_keys: BTreeMap::new(),
            collections: Vec::new(),
            aggregates: Vec::new(),
            calendars: Vec::new(),
            features: Vec::new(),
            slots: Vec::new(),
            slot_keys: BTreeMap::new(),
            slots_full: false,
            numbers,
            constants: Vec::new(),
            symbols: Vec::new(),
            constant_keys: BTreeMap::new(),
            indexes: Vec::new(),
            exposures: Vec::new(),
            lists: Vec::new(),
            feeds: Vec::new(),
            decisions: Vec::new(),
            alarms: Vec::new(),
            sinks: Vec::new(),
            quotas: Vec::new(),
            weights: Vec::new(),
            attribution: None,
            kept: None,
        }
    }

    fn finish(self) -> Plan {
        Plan {
            interim: self.kept.as_ref().map(|kept| kept.features),
            carried: None,
            decision_read: self.reads_decision(),
            digest: *blake3::hash(self.file.as_bytes()).as_bytes(),
            text: self.file.to_owned(),
            constants: self.constants,
            symbols: self.symbols,
            entities: self.entities,
            events: self.events,
            tables: self.tables,
            streams: self.streams,
            collections: self.collections,
            aggregates: self.aggregates,
            calendars: self.calendars,
            features: self.features,
            slots: self.slots,
            indexes: self.indexes,
            exposures: self.exposures,
            lists: self.lists,
            feeds: self.feeds,
            decisions: self.decisions,
            alarms: self.alarms,
            sinks: self.sinks,
            quotas: self.quotas,
            warnings: Vec::new(),
            weights: self.weights,
            attribution: self.attribution,
        }
    }

    /// All sections of a spec.
    fn sections(&mut self, source: &Source) {
        self.broken = source.broken.clone();
        self.entities(source);
        self.events(source);
        self.tables(source);
        self.features(source);
        self.lists(source);
        self.weights(source);
        self.feeds(source);
        self.decisions(source);
        self.alarms(source);
        self.sinks(source);
        self.attribution(source);
    }

    fn entities(&mut self, source: &Source) {
        for declared in &source.entities {
            let fields = field_types(&declared.fields);
            match self.entity(&declared.name.text) {
                Some(index) => self.entities[usize::from(index)].fields = fields,
                None => self.entities.push(EntityType { name: declared.name.text.clone(), fields }),
            }
        }
    }

    fn events(&mut self, source: &Source) {
        for declared in &source.events {
            if declared.name.text == "impression" {
                self.extend_impression(&declared.roles, &declared.fields);
                continue;
            }
            let mut roles = Vec::new();
            for (role, entity) in &declared.roles {
                match self.entity(&entity.text) {
                    Some(index) => roles.push(Role { name: role.text.clone(), entity: index }),
                    None => {
                        self.unknown_entity(entity);
                        self.broken.insert(format!("event {}", declared.name.text));
                    }
                }
            }
            if declared.roles.is_empty() && !self.is_broken("event", &[&declared.name.text]) {
                let message = format!("the event {} names no entity", quoted(&declared.name.text));
                let issue = Issue::new("missing_field", &declared.name.span, message);
                self.issues.push(issue.help("say whom it concerns, as in `{ user: user, item: item }`"));
            }
            let fields = field_types(&declared.fields);
            self.events.push(EventType { name: declared.name.text.clone(), roles, fields, computed: Vec::new() });
        }
    }

    /// `impression` is built in: a declaration may only add fields.
    fn extend_impression(&mut self, roles: &[(Text, Text)], fields: &[FieldSource]) {
        for (role, entity) in roles {
            if !matches!((role.text.as_str(), entity.text.as_str()), ("user", "user") | ("item", "item")) {
                let message = "`impression` is built in with `user: user, item: item`";
                let issue = Issue::new("built_in", &role.span, message);
                self.issues.push(issue.help("only `fields` can be added to it"));
            }
        }
        for field in fields {
            let built_in = self.events[0].fields.iter().take(2).find(|known| known.name == field.name.text);
            match built_in {
                None => self.events[0].fields.push(FieldType { name: field.name.text.clone(), ty: field.ty.clone() }),
                Some(known) if known.ty == field.ty => {}
                Some(known) => {
                    let message =
                        format!("the field {} of `impression` is built in as {}", quoted(&known.name), known.ty);
                    self.issues.push(Issue::new("built_in", &field.name.span, message).help("choose another name"));
                }
            }
        }
    }

    fn tables(&mut self, source: &Source) {
        for declared in &source.tables {
            match self.table_key(&declared.name) {
                // Over a kept spec some are there already.
                Some(table) if self.table(&table.name).is_some() => {}
                Some(table) => self.tables.push(table),
                None => {
                    self.broken.insert(format!("table {}", declared.name.text));
                }
            }
        }
    }

    /// What the name of a table says about its key.
    fn table_key(&mut self, name: &Text) -> Option<Table> {
        let (owner, second) = match name.text.split_once('.') {
            None => (name.text.as_str(), None),
            Some((owner, second)) => (owner, Some(second)),
        };
        let Some(entity) = self.entity(owner) else {
            self.unknown_entity(&Text { text: owner.to_owned(), ..name.clone() });
            return None;
        };
        let cross = match second {
            None => None,
            Some(_) if entity == ITEM => {
                let issue = Issue::new("bad_cross", &name.span, "a crossed table cannot belong to `item`");
                self.issues.push(issue.help("write the other entity first, as in `user.item`"));
                return None;
            }
            Some(second) => Some(self.cross(name, entity, second)?),
        };
        Some(Table { name: name.text.clone(), entity, cross, for_caps: false })
    }

    fn cross(&mut self, name: &Text, owner: EntityIndex, second: &str) -> Option<Cross> {
        let entity = self.entity(second);
        let field = self.field(ITEM, second);
        let issue = match (entity, field) {
            (Some(_), Some(_)) => {
                let message = format!("{} is an entity type and an attribute of `item`", quoted(second));
                Issue::new("ambiguous", &name.span, message).help("rename one of them")
            }
            (Some(entity), None) if entity == owner => {
                Issue::new("bad_cross", &name.span, "an entity type cannot be crossed with itself")
                    .help("cross it with another one, or with an attribute of `item`")
            }
            (Some(entity), None) => return Some(Cross::Entity(entity)),
            (None, Some(field)) => {
                let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
                if matches!(ty, Type::Str | Type::Bool | Type::Int) {
                    return Some(Cross::ItemField(field));
                }
                let message = format!("`item.{second}` is {ty}; a key must be string, bool or int");
                Issue::new("wrong_type", &name.span, message)
                    .help("cross with such an attribute, as in `user.category`")
            }
            (None, None) if self.is_broken("entity", &["item", second]) => return None,
            (None, None) => {
                let message = format!("{} is neither an attribute of `item` nor an entity type", quoted(second));
                let fields = self.entities[usize::from(ITEM)].fields.iter().map(|field| field.name.as_str());
                let entities = self.entities.iter().map(|entity| entity.name.as_str());
                Issue::new("unknown_name", &name.span, message).near(second, fields.chain(entities))
            }
        };
        self.issues.push(issue);
        None
    }

    /// Whether a thing, or this part of it, was declared with a mistake.
    fn is_broken(&self, kind: &str, path: &[&str]) -> bool {
        (1..=path.len()).any(|to| self.broken.contains(&format!("{kind} {}", path[..to].join("."))))
    }

    /// Whether a feature, or its table, was declared with a mistake.
    fn is_broken_feature(&self, path: &[&str]) -> bool {
        let table = path.split_last().map_or(String::new(), |(_, table)| table.join("."));
        self.broken.contains(&format!("table {table}")) || self.broken.contains(&format!("feature {}", path.join(".")))
    }

    fn unknown_entity(&mut self, name: &Text) {
        let issue = Issue::new("unknown_entity", &name.span, format!("{} is not an entity type", quoted(&name.text)));
        self.issues.push(issue.near(&name.text, self.entities.iter().map(|entity| entity.name.as_str())));
    }

    fn entity(&self, name: &str) -> Option<EntityIndex> {
        self.entities.iter().position(|entity| entity.name == name).map(|index| index as EntityIndex)
    }

    fn event(&self, name: &str) -> Option<u16> {
        self.events.iter().position(|event| event.name == name).map(|index| index as u16)
    }

    fn table(&self, name: &str) -> Option<u16> {
        self.tables.iter().position(|table| table.name == name).map(|index| index as u16)
    }

    /// Index of an attribute of an entity type.
    fn field(&self, entity: EntityIndex, name: &str) -> Option<u16> {
        let fields = &self.entities[usize::from(entity)].fields;
        fields.iter().position(|field| field.name == name).map(|index| index as u16)
    }

    /// Notes what is wrong with an expression at its place in the file.
    fn note(&mut self, text: &Text, diagnostics: Vec<expr::Diagnostic>) {
        for diagnostic in diagnostics {
            if diagnostic.code == scope::CASCADE {
                continue;
            }
            let span = text.locate(self.file, &diagnostic.span);
            let issue = Issue { code: diagnostic.code, span, message: diagnostic.message, help: diagnostic.help };
            self.issues.push(issue);
        }
    }

    fn parse(&mut self, text: &Text) -> Option<expr::Ast> {
        match expr::parse(&text.text) {
            Ok(ast) => Some(ast),
            Err(diagnostics) => {
                self.note(text, diagnostics);
                None
            }
        }
    }
}

fn field_types(fields: &[FieldSource]) -> Vec<FieldType> {
    fields.iter().map(|field| FieldType { name: field.name.text.clone(), ty: field.ty.clone() }).collect()
}
