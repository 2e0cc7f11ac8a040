//! Texts by dense number and back: append-only, in blocks that snapshots share. Texts of up to 38 bytes stand in place, so that
//! looking one up touches a block of the table and a cache line of the text.

use crate::key_table::TableKey;
use crate::numbered::Numbered;
use crate::short_text::same_bytes;
use prefetch_index::prefetch_index;
use std::sync::Arc;

/// Names per block: the unit that a snapshot shares.
pub(crate) const BLOCK: usize = 128;
/// Longest text kept in place.
const HERE: usize = 38;

#[derive(Clone)]
enum Name {
    Here(u8, [u8; HERE]),
    Heap(Box<str>),
}

impl Name {
    const EMPTY: Name = Name::Here(0, [0; HERE]);

    fn new(text: &str) -> Name {
        let mut here = [0; HERE];
        match here.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Name::Here(text.len() as u8, here)
            }
            None => Name::Heap(text.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Name::Here(len, bytes) => &bytes[..*len as usize],
            Name::Heap(text) => text.as_bytes(),
        }
    }

    fn text(&self) -> &str {
        match self {
            Name::Here(..) => std::str::from_utf8(self.bytes()).expect("a name is made from a str"),
            Name::Heap(text) => text,
        }
    }
}

/// A block of names; those past the count are empty.
type Block = Arc<[Name; BLOCK]>;

/// The names of one kind, by number and back.
#[derive(Clone)]
pub(crate) struct Names {
    blocks: Vec<Block>,
    count: u32,
    table: Numbered,
    heap: usize,
}

impl Names {
    pub(crate) fn new() -> Names {
        Names { blocks: Vec::new(), count: 0, table: Numbered::new(), heap: 0 }
    }

    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        (number < self.count).then(|| self.kept(number).text())
    }

    pub(crate) fn find(&self, name: &str, seed: u64) -> Option<u32> {
        self.find_hashed(name, name.seeded_hash(seed))
    }

    /// Asks for the memory where a search for the hash of a name begins.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) {
        self.table.touch(hash);
    }

    /// The number that a search looks at first, mostly the name's if it has one; asks for the name that the number stands for.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<u32> {
        let number = self.table.candidate(hash)?;
        prefetch_index(&self.blocks[number as usize / BLOCK][..], number as usize % BLOCK);
        Some(number)
    }

    /// The number of a name, given now if it is new.
    #[inline]
    pub(crate) fn intern(&mut self, name: &str, seed: u64) -> u32 {
        let hash = name.seeded_hash(seed);
        self.find_hashed(name, hash).unwrap_or_else(|| self.add(name, hash))
    }

    #[inline(never)]
    fn add(&mut self, name: &str, hash: u64) -> u32 {
        let number = self.count;
        if (number as usize).is_multiple_of(BLOCK) {
            self.blocks.push(Arc::new([Name::EMPTY; BLOCK]));
        }
        let block = self.blocks.last_mut().expect("a block was pushed for the first name");
        let kept = Name::new(name);
        self.heap += if let Name::Heap(text) = &kept { text.len() } else { 0 };
        Arc::make_mut(block)[number as usize % BLOCK] = kept;
        self.table.insert(hash, number, |_| true);
        self.count += 1;
        number
    }

    /// Bytes of heap memory.
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.heap + self.blocks.len() * size_of::<[Name; BLOCK]>()
    }

    pub(crate) fn snapshot(&self) -> FrozenNames {
        FrozenNames { blocks: self.blocks.clone(), count: self.count }
    }

    #[inline]
    pub(crate) fn find_hashed(&self, name: &str, hash: u64) -> Option<u32> {
        self.find_from(self.table.candidate(hash), name, hash)
    }

    /// The number of a name by its hash and the number that a search for that looks at first.
    #[inline]
    pub(crate) fn find_from(&self, candidate: Option<u32>, name: &str, hash: u64) -> Option<u32> {
        let candidate = candidate?;
        if self.is(candidate, name) { Some(candidate) } else { self.find_among(name, hash) }
    }

    /// The number of a name where another has the same half of a hash.
    #[cold]
    fn find_among(&self, name: &str, hash: u64) -> Option<u32> {
        self.table.find(hash, |number| self.is(number, name))
    }

    /// Whether a number that was given is this name's.
    #[inline]
    fn is(&self, number: u32, name: &str) -> bool {
        same_bytes(self.kept(number).bytes(), name.as_bytes())
    }

    fn kept(&self, number: u32) -> &Name {
        &self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }
}

/// Frozen names.
pub(crate) struct FrozenNames {
    blocks: Vec<Block>,
    count: u32,
}

impl FrozenNames {
    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// The names with these numbers.
    pub(crate) fn range(&self, numbers: std::ops::Range<u32>) -> impl Iterator<Item = &str> {
        numbers.map(|number| self.blocks[number as usize / BLOCK][number as usize % BLOCK].text())
    }
}
