//! A spec built over the state of another: what the other counts, keeps and indexes is all there is, and what is not among it is
//! unfilled.

use super::{Builder, canonical};
use crate::diagnostic::{Issue, Issues};
use crate::interim::{HELP, NEEDS_FILLING};
use crate::plan::{EventType, Feature, Plan, Route, Slot, SlotIndex, SlotSource};
use crate::source::Source;
use crate::yaml::Text;
use domain::{Symbol, Type, Value};
use expr::Program;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of everything the kept spec has: what comes behind it has no state.
pub(super) struct Kept {
    pub(super) features: u16,
    tables: usize,
    collections: usize,
    calendars: usize,
    pub(super) indexes: usize,
    pub(super) exposures: usize,
    pub(super) quotas: usize,
    /// By event.
    computed: Vec<usize>,
    /// The features by table and name, until they are found in the new spec again.
    known: BTreeMap<(u16, String), u16>,
}

/// Builds the plan of an interim text: of all of it, of the kept spec, and of the new one.
pub(crate) fn build_interim(
    (text, kept, new): (&str, &str, &str),
    kept_source: &Source,
    source: &Source,
    numbers: &BTreeMap<String, Symbol>,
    issues: &mut Issues,
) -> Plan {
    let mut builder = Builder::new(kept, numbers, issues);
    builder.sections(kept_source);
    let declared = builder.declared_things();
    builder.keep();
    // What is declared must be the same; so its names mean what they meant.
    let mut other = Issues::default();
    let mut declaring = Builder::new(new, numbers, &mut other);
    declaring.entities(source);
    declaring.events(source);
    declaring.lists(source);
    if declaring.declared_things() != declared {
        let message =
            "what is kept cannot go on under this spec before it is filled: its entities, events or lists differ";
        builder.issues.push(Issue::new(NEEDS_FILLING, &(0..0), message).help(HELP));
    }
    // Spans of the new spec are places in its own text.
    let mut builder = Builder { file: new, broken: source.broken.clone(), ..builder };
    builder.tables(source);
    builder.features(source);
    builder.weights(source);
    builder.feeds(source);
    builder.decisions(source);
    builder.alarms(source);
    builder.sinks(source);
    builder.attribution(source);
    let plan = builder.let_go().finish();
    Plan { digest: *blake3::hash(text.as_bytes()).as_bytes(), text: text.to_owned(), ..plan }
}

impl Builder<'_> {
    /// All that is declared and numbered, as text.
    fn declared_things(&self) -> String {
        let declared = |event: &EventType| EventType { computed: Vec::new(), ..event.clone() };
        let events: Vec<EventType> = self.events.iter().map(declared).collect();
        format!("{:?}{events:?}{:?}", self.entities, self.lists)
    }

    /// From here on another spec is built over what was built so far.
    fn keep(&mut self) {
        let features = self.features.iter_mut().enumerate().map(|(index, feature)| {
            feature.hidden = true;
            ((feature.table, feature.name.clone()), index as u16)
        });
        let known: BTreeMap<(u16, String), u16> = features.collect();
        for feature in &self.features {
            self.slot_keys.remove(&self.slots[usize::from(feature.slot)].name);
        }
        self.kept = Some(Kept {
            features: self.features.len() as u16,
            tables: self.tables.len(),
            collections: self.collections.len(),
            calendars: self.calendars.len(),
            indexes: self.indexes.len(),
            exposures: self.exposures.len(),
            quotas: self.quotas.len(),
            computed: self.events.iter().map(|event| event.computed.len()).collect(),
            known,
        });
        self.declared.clear();
        self.declared_tables.clear();
        self.asts.clear();
        self.outcomes.clear();
        self.feeds.clear();
        self.decisions.clear();
        self.alarms.clear();
        self.sinks.clear();
        self.weights.clear();
        self.attribution = None;
    }

    /// The slot of an aggregate that the kept spec does not have.
    pub(super) fn unfilled(&mut self, name: &str, ty: Type) -> Option<(SlotIndex, Type)> {
        let slot = Slot { name: name.to_owned(), ty: ty.clone(), source: SlotSource::Unfilled, per_candidate: false };
        Some((self.slot(format!("unfilled {name}: {ty}"), slot)?, ty))
    }

    /// The kept feature that is this one to the letter, and so has its value.
    pub(super) fn known_feature(&mut self, table: u16, name: &Text, program: &Program) -> Option<u16> {
        let key = (table, name.text.clone());
        let index = *self.kept.as_ref()?.known.get(&key)?;
        let Feature { program: known, slot, .. } = &self.features[usize::from(index)];
        let slot = *slot;
        let alike = canonical(known.text()) == canonical(program.text())
            && known.ty() == program.ty()
            && known.slots() == program.slots();
        if !alike {
            return None;
        }
        self.slot_keys.insert(self.slots[usize::from(slot)].name.clone(), slot);
        self.features[usize::from(index)].hidden = false;
        Some(index)
    }

    /// Whether something that a program reads has no state yet.
    pub(super) fn reads_unfilled(&self, program: &Program) -> bool {
        program.slots().iter().any(|&slot| self.slots[usize::from(slot)].source == SlotSource::Unfilled)
    }

    /// Whether this number of something, of which the kept spec has so many, came with the new spec.
    pub(super) fn is_new(&self, index: usize, kept: impl Fn(&Kept) -> usize) -> bool {
        self.kept.as_ref().is_some_and(|of| index >= kept(of))
    }

    /// Whether a table came with the new spec.
    pub(super) fn is_new_table(&self, table: u16) -> bool {
        self.kept.as_ref().is_some_and(|kept| usize::from(table) >= kept.tables)
    }

    /// Lets go of what has no state: rerankers and policies over it, and tables, indexes and counts themselves.
    fn let_go(mut self) -> Self {
        let Some(kept) = &self.kept else { return self };
        self.tables.truncate(kept.tables);
        self.alarms.retain(|alarm| usize::from(alarm.table) < kept.tables);
        self.collections.truncate(kept.collections);
        self.calendars.truncate(kept.calendars);
        self.indexes.truncate(kept.indexes);
        self.exposures.truncate(kept.exposures);
        self.quotas.truncate(kept.quotas);
        for (event, kept) in self.events.iter_mut().zip(&kept.computed) {
            event.computed.truncate(*kept);
        }
        for feature in &mut self.features {
            if usize::from(feature.table) >= kept.tables {
                (feature.table, feature.hidden) = (0, true);
            }
        }
        self
    }
}

/// Closes a route whose index is not there yet: it reads one that is, or none, and never runs.
pub(super) fn closed(route: Route) -> Route {
    let never = Program::new("unfilled", Type::Bool, Vec::new(), Arc::new(|_: &[Value]| Value::Bool(false)));
    Route { source: crate::plan::RouteSource::Random, when: Some(never), ..route }
}
