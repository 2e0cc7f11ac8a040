//! Entity keys and strings as dense numbers, given in log order, and back. Append-only.

use crate::key_table::TableKey;
use crate::names::{FrozenNames, Names};
use crate::saved::{LoadError, Reader, Snapshot, put_text, put_u32};
use domain::{EntityId, Symbol, limits};
use spec::Plan;
use spec::plan::EntityIndex;
use std::sync::Arc;

/// Names per checkpoint chunk.
const CHUNK: u32 = 16_384;

/// Entity keys per entity type and strings, as dense numbers in log order; the plan's string constants come first.
/// The hash seed changes speed under attack and nothing else.
#[derive(Clone)]
pub struct Dictionary {
    entities: Vec<Names>,
    symbols: Names,
    constants: u32,
    entities_max: u32,
    symbols_max: u32,
    seed: u64,
}

impl expr::Texts for Dictionary {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        self.symbols.name(symbol.0).map(Arc::from)
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        Dictionary::symbol(self, text)
    }
}

impl Dictionary {
    /// A dictionary that knows the plan's constants and no entity.
    pub fn new(plan: &Plan, hash_seed: u64) -> Dictionary {
        let mut dictionary =
            Dictionary { constants: plan.constants.len() as u32, ..Dictionary::empty(plan, hash_seed) };
        plan.constants.iter().for_each(|text| {
            dictionary.intern_symbol(text);
        });
        dictionary
    }

    /// A dictionary that knows nothing, to be loaded from a checkpoint.
    pub fn empty(plan: &Plan, hash_seed: u64) -> Dictionary {
        Dictionary {
            entities: plan.entities.iter().map(|_| Names::new()).collect(),
            constants: 0,
            symbols: Names::new(),
            entities_max: limits::ENTITIES_MAX,
            symbols_max: limits::SYMBOLS_MAX,
            seed: hash_seed,
        }
    }

    /// The same with other limits than `domain::limits`: most entities of one type, most strings.
    pub fn with_capacity(mut self, entities: u32, symbols: u32) -> Dictionary {
        (self.entities_max, self.symbols_max) = (entities, symbols);
        self
    }

    /// What it was made with.
    pub fn hash_seed(&self) -> u64 {
        self.seed
    }

    /// The number of an entity, if it was ever named.
    pub fn entity(&self, entity: EntityIndex, key: &str) -> Option<EntityId> {
        self.entities.get(entity as usize)?.find(key, self.seed).map(EntityId)
    }

    /// The hash of a key in this dictionary.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        key.seeded_hash(self.seed)
    }

    /// Asks for the memory where a search for the hash of an entity's key begins.
    pub(crate) fn touch_entity(&self, entity: EntityIndex, hash: u64) {
        self.entities[usize::from(entity)].touch(hash);
    }

    /// The entity that a search looks at first, mostly the key's if it has one; asks for the key of that entity.
    pub(crate) fn entity_candidate(&self, entity: EntityIndex, hash: u64) -> Option<EntityId> {
        self.entities[usize::from(entity)].candidate(hash).map(EntityId)
    }

    /// The number of an entity by its key, that key's hash, and what a search for that looks at first, if it was ever named.
    pub(crate) fn entity_from(
        &self,
        candidate: Option<EntityId>,
        entity: EntityIndex,
        (key, hash): (&str, u64),
    ) -> Option<EntityId> {
        self.entities[usize::from(entity)].find_from(candidate.map(|id| id.0), key, hash).map(EntityId)
    }

    /// The number of an entity, given now if it is new. Capacity is checked by [`admit`](crate::admit), not here.
    pub fn intern_entity(&mut self, entity: EntityIndex, key: &str) -> EntityId {
        let seed = self.seed;
        EntityId(self.entities[entity as usize].intern(key, seed))
    }

    /// The key of an entity; empty if there is no such entity.
    pub fn key(&self, entity: EntityIndex, id: EntityId) -> &str {
        self.entities.get(entity as usize).and_then(|names| names.name(id.0)).unwrap_or("")
    }

    /// The number of a string, if it was ever interned.
    pub fn symbol(&self, text: &str) -> Option<Symbol> {
        self.symbols.find(text, self.seed).map(Symbol)
    }

    /// The number of a string, given now if it is new.
    #[inline]
    pub fn intern_symbol(&mut self, text: &str) -> Symbol {
        Symbol(self.symbols.intern(text, self.seed))
    }

    /// The string of a symbol; empty if there is no such symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.name(symbol.0).unwrap_or("")
    }

    /// How many entities of a type were ever named.
    pub fn entity_count(&self, entity: EntityIndex) -> u32 {
        self.entities.get(entity as usize).map_or(0, Names::len)
    }

    /// How many strings there are, the plan's constants included.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.len()
    }

    /// How many more entities of a type may be named.
    pub fn entity_room(&self, entity: EntityIndex) -> u32 {
        self.entities_max.saturating_sub(self.entity_count(entity))
    }

    /// How many more strings may be interned.
    pub fn symbol_room(&self) -> u32 {
        self.symbols_max.saturating_sub(self.symbols.len())
    }

    /// Bytes of heap memory.
    pub fn bytes(&self) -> usize {
        self.symbols.bytes() + self.entities.iter().map(Names::bytes).sum::<usize>()
    }

    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&self) -> DictionarySnapshot {
        let kinds = self.entities.iter().chain([&self.symbols]);
        DictionarySnapshot { kinds: kinds.map(Names::snapshot).collect() }
    }

    /// Loads one chunk of a snapshot; chunks in order, into an empty dictionary of a plan with the same entity types.
    ///
    /// # Errors
    /// The bytes are damaged, out of order, or of a plan with other entity types.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        let kind = input.u32()? as usize;
        let first = input.u32()?;
        let kinds = self.entities.len();
        if input.u32()? as usize != kinds + 1 || kind > kinds {
            return Err(LoadError::new("the dictionary is of a plan with other entity types"));
        }
        let seed = self.seed;
        let (names, max) = match self.entities.get_mut(kind) {
            Some(names) => (names, self.entities_max),
            None => (&mut self.symbols, self.symbols_max.max(self.constants)),
        };
        let count = input.count(4)?;
        for number in first..first.saturating_add(count as u32) {
            let name = input.text()?;
            if number >= max || names.intern(name, seed) != number {
                return Err(LoadError::new("dictionary keys are out of order, repeated or too many"));
            }
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a dictionary chunk is too long")) }
    }
}

/// A frozen dictionary.
pub struct DictionarySnapshot {
    kinds: Vec<FrozenNames>,
}

impl Snapshot for DictionarySnapshot {
    fn chunks(&self) -> u32 {
        self.kinds.iter().map(|names| names.len().div_ceil(CHUNK).max(1)).sum()
    }

    fn save(&self, mut chunk: u32, out: &mut Vec<u8>) {
        for (kind, names) in self.kinds.iter().enumerate() {
            let chunks = names.len().div_ceil(CHUNK).max(1);
            if chunk >= chunks {
                chunk -= chunks;
                continue;
            }
            let first = chunk * CHUNK;
            let last = (first + CHUNK).min(names.len());
            [kind as u32, first, self.kinds.len() as u32, last - first].into_iter().for_each(|word| put_u32(out, word));
            names.range(first..last).for_each(|name| put_text(out, name));
            return;
        }
    }
}
