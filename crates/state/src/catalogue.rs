//! What every entity is like now: its declared attributes, in columns, and whether it is in the catalogue at all.

use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::paged::{Paged, Pages};
use crate::resolve::{Change, Resolved};
use crate::saved::{LoadError, Reader, Snapshot, put_text, put_u32, put_u64};
use crate::touched::Touched;
use domain::{EntityId, Position, Span, Symbol, Time, Type, Value, limits};
use spec::Plan;
use spec::plan::EntityIndex;
use std::sync::Arc;

/// Pages per checkpoint chunk.
const CHUNK_PAGES: u32 = 64;

/// How the log has spoken of an entity. The numbers are those of the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Unknown = 0,
    Seen = 1,
    Upserted = 2,
    Deleted = 3,
}

#[derive(Clone)]
struct Kind {
    columns: Vec<Paged<Value>>,
    standing: Paged<Standing>,
    /// Where the type has no attributes, a bit for each entity whose standing is known: the one look that an event needs at most
    /// entities. It follows from `standing`.
    known: Vec<u64>,
    present: u32,
    touched: Touched,
}

/// Current attributes of every entity. An entity is present if it was upserted and not deleted since, or if it was only ever
/// named by events and its type declares no attributes.
#[derive(Clone)]
pub struct Catalogue {
    plan: Arc<Plan>,
    kinds: Vec<Kind>,
    position: Position,
}

impl Catalogue {
    /// An empty catalogue.
    pub fn new(plan: Arc<Plan>) -> Catalogue {
        let kinds = plan.entities.iter().map(|entity| Kind {
            columns: entity.fields.iter().map(|_| Paged::new()).collect(),
            standing: Paged::new(),
            known: Vec::new(),
            present: 0,
            touched: Touched::default(),
        });
        Catalogue { kinds: kinds.collect(), plan, position: Position::START }
    }

    /// Goes on under a plan with the same entities and events.
    pub fn adopt(&mut self, plan: &Arc<Plan>) {
        self.plan = plan.clone();
    }

    /// Applies one record.
    pub fn apply(&mut self, resolved: &Resolved) {
        self.position = resolved.position;
        match &resolved.change {
            Change::Event(event) => {
                let roles = &self.plan.events[event.event as usize].roles;
                for (role, id) in roles.iter().zip(event.entities.iter()) {
                    self.kinds[role.entity as usize].note_seen(*id);
                }
            }
            Change::Upsert { entity, id, fields } => {
                let kind = &mut self.kinds[*entity as usize];
                kind.stand(*id, Standing::Upserted);
                for (column, value) in kind.columns.iter_mut().zip(fields) {
                    *column.get_mut(id.0) = value.clone();
                }
            }
            Change::Delete { entity, id } => {
                let kind = &mut self.kinds[*entity as usize];
                kind.stand(*id, Standing::Deleted);
                for column in &mut kind.columns {
                    if column.get(id.0).is_some_and(|value| *value != Value::Missing) {
                        *column.get_mut(id.0) = Value::Missing;
                    }
                }
            }
            Change::ListPut { .. } | Change::ListDelete { .. } | Change::None => {}
        }
    }

    /// From now on notes what changes, so that a copy can [`follow`](Catalogue::follow).
    pub fn lead(&mut self) {
        self.kinds.iter_mut().for_each(|kind| kind.touched.keep());
    }

    /// Takes over what changed in the copy that is ahead since this one was ahead of it.
    pub fn follow(&mut self, ahead: &Catalogue) {
        self.position = ahead.position;
        for (kind, ahead) in self.kinds.iter_mut().zip(&ahead.kinds) {
            kind.follow(ahead);
        }
    }

    /// Position of the last record applied.
    pub fn position(&self) -> Position {
        self.position
    }

    /// An attribute; `Missing` where the entity or the value is not known.
    pub fn attribute(&self, entity: EntityIndex, id: EntityId, field: u16) -> Value {
        self.column(entity, field).and_then(|column| column.get(id.0)).cloned().unwrap_or_default()
    }

    /// All values of an attribute, by entity; `None` if the plan has no such attribute.
    pub fn column(&self, entity: EntityIndex, field: u16) -> Option<&Paged<Value>> {
        self.kinds.get(entity as usize)?.columns.get(field as usize)
    }

    /// Whether an entity is in the catalogue.
    pub fn present(&self, entity: EntityIndex, id: EntityId) -> bool {
        let Some(kind) = self.kinds.get(entity as usize) else {
            return false;
        };
        kind.standing.get(id.0).is_some_and(|standing| kind.counts(*standing))
    }

    /// How many entities of a type are present.
    pub fn count(&self, entity: EntityIndex) -> u32 {
        self.kinds.get(entity as usize).map_or(0, |kind| kind.present)
    }

    /// One more than the highest id that may be present.
    pub fn bound(&self, entity: EntityIndex) -> u32 {
        self.kinds.get(entity as usize).map_or(0, |kind| kind.standing.len())
    }

    /// Pages copied because a snapshot still held them, since the start.
    pub fn copied_pages(&self) -> u64 {
        let columns = self.kinds.iter().flat_map(|kind| kind.columns.iter().map(Paged::copied_pages));
        columns.chain(self.kinds.iter().map(|kind| kind.standing.copied_pages())).sum()
    }

    /// Digest of every entity that the catalogue has heard of, by key and by the text of its strings.
    pub fn digest(&self, dictionary: &Dictionary) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for (index, kind) in self.kinds.iter().enumerate() {
            let known = kind.standing.iter().filter(|(_, standing)| **standing != Standing::Unknown);
            for (id, standing) in known {
                canonical.clear();
                put_text(&mut canonical, &self.plan.entities[index].name);
                put_text(&mut canonical, dictionary.key(index as EntityIndex, EntityId(id)));
                canonical.push(*standing as u8);
                for column in &kind.columns {
                    put_canonical(&mut canonical, column.get(id).unwrap_or(&Value::Missing), dictionary);
                }
                digest.add_entry(&canonical);
            }
        }
        digest
    }

    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&mut self) -> CatalogueSnapshot {
        let kinds = self.kinds.iter_mut().map(|kind| FrozenKind {
            columns: kind.columns.iter_mut().map(Paged::snapshot).collect(),
            standing: kind.standing.snapshot(),
        });
        CatalogueSnapshot { kinds: kinds.collect(), position: self.position }
    }

    /// Loads one chunk of a snapshot into a new catalogue of the same plan.
    ///
    /// # Errors
    /// The bytes are damaged or of another plan.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        self.position = Position(input.u64()?);
        let index = input.u32()? as usize;
        let fields = self.plan.entities.get(index).map(|entity| entity.fields.clone());
        let fields = fields.ok_or(LoadError::new("an entity type is not in the plan"))?;
        if input.u32()? as usize != fields.len() {
            return Err(LoadError::new("an entity type has other fields"));
        }
        for _ in 0..input.count(5)? {
            let id = EntityId(input.u32()?);
            let standing = match input.u8()? {
                1 => Standing::Seen,
                2 => Standing::Upserted,
                3 => Standing::Deleted,
                _ => return Err(LoadError::new("an entity's standing is not known")),
            };
            if id.0 >= limits::ENTITIES_MAX {
                return Err(LoadError::new("an entity's number is too large"));
            }
            let kind = &mut self.kinds[index];
            kind.stand(id, standing);
            for (column, field) in kind.columns.iter_mut().zip(&fields) {
                let value = take_value(&mut input, &field.ty)?;
                if value != Value::Missing || column.get(id.0).is_some() {
                    *column.get_mut(id.0) = value;
                }
            }
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a catalogue chunk is too long")) }
    }
}

impl Kind {
    fn counts(&self, standing: Standing) -> bool {
        standing == Standing::Upserted || (standing == Standing::Seen && self.columns.is_empty())
    }

    fn stand(&mut self, id: EntityId, standing: Standing) {
        self.touched.insert(id.0);
        let was = std::mem::replace(self.standing.get_mut(id.0), standing);
        self.note_known(id.0);
        self.present += u32::from(self.counts(standing));
        self.present -= u32::from(self.counts(was));
    }

    fn follow(&mut self, ahead: &Kind) {
        self.touched.clear();
        self.present = ahead.present;
        for &id in ahead.touched.ids() {
            self.standing.take_over(&ahead.standing, id);
            self.note_known(id);
            for (column, ahead) in self.columns.iter_mut().zip(&ahead.columns) {
                column.take_over(ahead, id);
            }
        }
    }

    fn note_seen(&mut self, id: EntityId) {
        if self.columns.is_empty() && !self.is_known(id.0) {
            self.stand(id, Standing::Seen);
        }
    }

    fn is_known(&self, id: u32) -> bool {
        self.known.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    fn note_known(&mut self, id: u32) {
        if !self.columns.is_empty() {
            return;
        }
        let at = id as usize / 64;
        self.known.resize(self.known.len().max(at + 1), 0);
        self.known[at] |= 1 << (id % 64);
    }
}

struct FrozenKind {
    columns: Vec<Pages<Value>>,
    standing: Pages<Standing>,
}

/// A frozen catalogue.
pub struct CatalogueSnapshot {
    kinds: Vec<FrozenKind>,
    position: Position,
}

impl FrozenKind {
    fn chunks(&self) -> u32 {
        self.standing.len().div_ceil(CHUNK_PAGES).max(1)
    }
}

impl Snapshot for CatalogueSnapshot {
    fn chunks(&self) -> u32 {
        self.kinds.iter().map(FrozenKind::chunks).sum()
    }

    fn save(&self, mut chunk: u32, out: &mut Vec<u8>) {
        for (index, kind) in self.kinds.iter().enumerate() {
            if chunk >= kind.chunks() {
                chunk -= kind.chunks();
                continue;
            }
            put_u64(out, self.position.0);
            put_u32(out, index as u32);
            put_u32(out, kind.columns.len() as u32);
            let pages = chunk * CHUNK_PAGES..(chunk + 1) * CHUNK_PAGES;
            let rows = pages.flat_map(|page| kind.standing.page(page));
            let known: Vec<_> = rows.filter(|(_, standing)| **standing != Standing::Unknown).collect();
            put_u32(out, known.len() as u32);
            for (id, standing) in known {
                put_u32(out, id);
                out.push(*standing as u8);
                for column in &kind.columns {
                    put_value(out, column.get(id).unwrap_or(&Value::Missing));
                }
            }
            return;
        }
    }
}

/// The value by number, for checkpoints: 0 for `Missing`, else 1 and the value in the form of its declared type.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    out.push(u8::from(*value != Value::Missing));
    match value {
        Value::Missing => {}
        Value::Bool(bool) => out.push(u8::from(*bool)),
        Value::Int(int) => put_u64(out, *int as u64),
        Value::Float(float) => put_u64(out, float.to_bits()),
        Value::Str(symbol) => put_u32(out, symbol.0),
        Value::Time(time) => put_u64(out, time.0 as u64),
        Value::Span(span) => put_u64(out, span.0 as u64),
        Value::Entity(id) => put_u32(out, id.0),
        Value::List(values) => {
            put_u32(out, values.len() as u32);
            values.iter().for_each(|value| put_value(out, value));
        }
    }
}

fn take_value(input: &mut Reader<'_>, ty: &Type) -> Result<Value, LoadError> {
    match input.u8()? {
        0 => return Ok(Value::Missing),
        1 => {}
        _ => return Err(LoadError::new("a value is neither missing nor there")),
    }
    Ok(match ty {
        Type::Bool => Value::Bool(input.u8()? != 0),
        Type::Int => Value::Int(input.i64()?),
        Type::Float => Value::Float(f64::from_bits(input.u64()?)),
        Type::Str => Value::Str(Symbol(input.u32()?)),
        Type::Time => Value::Time(Time(input.i64()?)),
        Type::Span => Value::Span(Span(input.i64()?)),
        Type::Entity(_) => Value::Entity(EntityId(input.u32()?)),
        Type::List(of) => {
            let count = input.count(1)?;
            Value::List((0..count).map(|_| take_value(input, of)).collect::<Result<_, _>>()?)
        }
    })
}

/// The value in a form that depends on no numbering of strings; entities keep their number, which is the log's.
fn put_canonical(out: &mut Vec<u8>, value: &Value, dictionary: &Dictionary) {
    match value {
        Value::Str(symbol) => {
            out.push(2);
            put_text(out, dictionary.text(*symbol));
        }
        Value::List(values) => {
            out.push(3);
            put_u32(out, values.len() as u32);
            values.iter().for_each(|value| put_canonical(out, value, dictionary));
        }
        value => put_value(out, value),
    }
}
