//! Entity keys and strings as dense numbers, given in log order, and back. Append-only.

use crate::key_table::{Numbered, Segments, TableKey};
use crate::saved::{LoadError, Reader, Snapshot, put_text, put_u32};
use domain::{EntityId, Symbol, limits};
use spec::Plan;
use spec::plan::EntityIndex;
use std::sync::Arc;

/// Keys per block: the unit that a snapshot shares.
const BLOCK: usize = 256;
/// Blocks per checkpoint chunk.
const CHUNK_BLOCKS: usize = 64;

#[derive(Clone, Default)]
struct Block {
    text: String,
    ends: Vec<u32>,
}

impl Block {
    fn key(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }
}

/// The names of one kind, by number and back.
#[derive(Clone)]
struct Names {
    blocks: Vec<Arc<Block>>,
    count: u32,
    table: Segments<Numbered>,
}

impl Names {
    fn new() -> Names {
        Names { blocks: Vec::new(), count: 0, table: Segments::new() }
    }

    fn name(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        (number < self.count as usize).then(|| self.blocks[number / BLOCK].key(number % BLOCK))
    }

    fn find(&self, name: &str, seed: u64) -> Option<u32> {
        let (hash, half) = Numbered::probe(name.seeded_hash(seed));
        let same = |entry: &Numbered| entry.has(half) && self.name(entry.number) == Some(name);
        self.table.find(hash, same).map(|entry| entry.number)
    }

    fn intern(&mut self, name: &str, seed: u64) -> u32 {
        if let Some(number) = self.find(name, seed) {
            return number;
        }
        let number = self.count;
        if (number as usize).is_multiple_of(BLOCK) {
            self.blocks.push(Arc::default());
        }
        let block = Arc::make_mut(self.blocks.last_mut().expect("a block was pushed for the first key"));
        block.text.push_str(name);
        block.ends.push(block.text.len() as u32);
        let (hash, entry) = Numbered::new(name.seeded_hash(seed), number);
        self.table.insert_unique(hash, entry, Numbered::rehash);
        self.count += 1;
        number
    }

    fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.text.capacity() + block.ends.capacity() * 4);
        self.table.bytes() + blocks.sum::<usize>()
    }
}

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

impl Dictionary {
    /// A dictionary that knows the plan's constants and no entity.
    pub fn new(plan: &Plan, hash_seed: u64) -> Dictionary {
        let mut symbols = Names::new();
        plan.constants.iter().for_each(|text| {
            symbols.intern(text, hash_seed);
        });
        Dictionary {
            entities: plan.entities.iter().map(|_| Names::new()).collect(),
            constants: symbols.count,
            symbols,
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

    /// The number of an entity, if it was ever named.
    pub fn entity(&self, entity: EntityIndex, key: &str) -> Option<EntityId> {
        self.entities.get(entity as usize)?.find(key, self.seed).map(EntityId)
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
    pub fn intern_symbol(&mut self, text: &str) -> Symbol {
        Symbol(self.symbols.intern(text, self.seed))
    }

    /// The string of a symbol; empty if there is no such symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.name(symbol.0).unwrap_or("")
    }

    /// How many entities of a type were ever named.
    pub fn entity_count(&self, entity: EntityIndex) -> u32 {
        self.entities.get(entity as usize).map_or(0, |names| names.count)
    }

    /// How many strings there are, the plan's constants included.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.count
    }

    /// How many more entities of a type may be named.
    pub fn entity_room(&self, entity: EntityIndex) -> u32 {
        self.entities_max.saturating_sub(self.entity_count(entity))
    }

    /// How many more strings may be interned.
    pub fn symbol_room(&self) -> u32 {
        self.symbols_max.saturating_sub(self.symbols.count)
    }

    /// Bytes of heap memory.
    pub fn bytes(&self) -> usize {
        self.symbols.bytes() + self.entities.iter().map(Names::bytes).sum::<usize>()
    }

    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&self) -> DictionarySnapshot {
        let kinds = self.entities.iter().chain([&self.symbols]);
        DictionarySnapshot { kinds: kinds.map(|names| (names.blocks.clone(), names.count)).collect() }
    }

    /// Loads one chunk of a snapshot; chunks in order, into a new dictionary of the same plan.
    ///
    /// # Errors
    /// The bytes are damaged, out of order, or of a plan with other entity types or constants.
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
    kinds: Vec<(Vec<Arc<Block>>, u32)>,
}

impl Snapshot for DictionarySnapshot {
    fn chunks(&self) -> u32 {
        self.kinds.iter().map(|(blocks, _)| blocks.len().div_ceil(CHUNK_BLOCKS).max(1) as u32).sum()
    }

    fn save(&self, mut chunk: u32, out: &mut Vec<u8>) {
        for (kind, (blocks, count)) in self.kinds.iter().enumerate() {
            let chunks = blocks.len().div_ceil(CHUNK_BLOCKS).max(1) as u32;
            if chunk >= chunks {
                chunk -= chunks;
                continue;
            }
            let first = chunk as usize * CHUNK_BLOCKS;
            let last = (first + CHUNK_BLOCKS).min(blocks.len());
            let start = (first * BLOCK) as u32;
            let keys = ((last * BLOCK) as u32).min(*count) - start;
            [kind as u32, start, self.kinds.len() as u32, keys].into_iter().for_each(|word| put_u32(out, word));
            for block in &blocks[first..last] {
                (0..block.ends.len()).for_each(|at| put_text(out, block.key(at)));
            }
            return;
        }
    }
}
