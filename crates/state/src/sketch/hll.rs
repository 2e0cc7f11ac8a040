//! How many different elements a pane has: their hashes while they are few, then the registers of a HyperLogLog.
//! Both are functions of the set of hashes alone: order, repetition and grouping change no bit.

use crate::saved::{LoadError, Reader, put_u32, put_u64};
use domain::limits::{DISTINCT_EXACT_MAX, DISTINCT_REGISTERS, DISTINCT_UNION_MAX};
use prefetch_index::prefetch_index;

/// Bits of a hash that choose its register.
const BITS: u32 = DISTINCT_REGISTERS.trailing_zeros();
/// The largest value of a register: one more than the bits that are left.
const RANK_MAX: u8 = (64 - BITS + 1) as u8;

/// One largest rank per register.
type Registers = [u8; DISTINCT_REGISTERS];

/// The different elements of one pane.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Distinct {
    /// Their hashes, ascending, at most `DISTINCT_EXACT_MAX`.
    Exact(Vec<u64>),
    /// HyperLogLog (Flajolet et al. 2007) over 64-bit hashes (Heule et al. 2013).
    Registers(Box<Registers>),
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct::Exact(Vec::new())
    }
}

impl Distinct {
    /// Adds an element by its hash.
    pub(crate) fn add(&mut self, hash: u64) {
        match self {
            Distinct::Registers(registers) => raise(registers, hash),
            Distinct::Exact(hashes) => {
                let Err(at) = hashes.binary_search(&hash) else { return };
                if hashes.len() == DISTINCT_EXACT_MAX {
                    let mut registers = Box::new([0; DISTINCT_REGISTERS]);
                    hashes.iter().chain([&hash]).for_each(|hash| raise(&mut registers, *hash));
                    *self = Distinct::Registers(registers);
                    return;
                }
                super::make_room(hashes, DISTINCT_EXACT_MAX);
                hashes.insert(at, hash);
            }
        }
    }

    /// Asks for its memory.
    pub(crate) fn touch(&self) {
        match self {
            Distinct::Exact(hashes) => prefetch_index(hashes, 0),
            Distinct::Registers(registers) => prefetch_index(&registers[..], 0),
        }
    }

    /// Heap bytes, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Distinct::Exact(hashes) => hashes.capacity() * 8,
            Distinct::Registers(_) => DISTINCT_REGISTERS,
        }
    }

    /// Appends it: a count of hashes and the hashes, or the largest count and the registers.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        match self {
            Distinct::Exact(hashes) => {
                put_u32(out, hashes.len() as u32);
                hashes.iter().for_each(|hash| put_u64(out, *hash));
            }
            Distinct::Registers(registers) => {
                put_u32(out, u32::MAX);
                out.extend_from_slice(&registers[..]);
            }
        }
    }

    /// Reads what `save` wrote.
    pub(crate) fn load(input: &mut Reader<'_>) -> Result<Distinct, LoadError> {
        let unsound = LoadError::new("a set of elements is not sound");
        let count = input.u32()?;
        if count == u32::MAX {
            let registers: Registers = input.slice(DISTINCT_REGISTERS)?.try_into().map_err(|_| unsound)?;
            let sound = registers.iter().all(|rank| *rank <= RANK_MAX) && registers.iter().any(|rank| *rank > 0);
            return if sound { Ok(Distinct::Registers(Box::new(registers))) } else { Err(unsound) };
        }
        if count == 0 || count as usize > DISTINCT_EXACT_MAX {
            return Err(unsound);
        }
        let hashes = input.words(count as usize)?;
        if hashes.is_sorted_by(|a, b| a < b) { Ok(Distinct::Exact(hashes)) } else { Err(unsound) }
    }
}

/// How many different elements there are in panes together: exact while none has more than `DISTINCT_EXACT_MAX` and all together no more
/// than `DISTINCT_UNION_MAX`; else the estimate from the union of their registers, rounded.
pub(crate) fn distinct<'p>(panes: impl Iterator<Item = &'p Distinct> + Clone) -> f64 {
    let exact = |pane: &Distinct| if let Distinct::Exact(hashes) = pane { Some(hashes.len()) } else { None };
    let different = match panes.clone().map(exact).sum::<Option<usize>>() {
        None => None,
        // Most keys have seen little: their elements need little room to be put together.
        Some(0..=FEW) => different::<{ 2 * FEW }>(panes.clone()),
        Some(_) => different::<{ 2 * DISTINCT_UNION_MAX }>(panes.clone()),
    };
    different.map_or_else(|| estimated(panes), |different| different as f64)
}

/// Elements that are put together in less room.
const FEW: usize = 64;

/// How many different elements panes have together, if all are exact and half of the room is enough: hashes in a table by their lowest
/// bits, each in the first free slot from there.
fn different<'p, const ROOM: usize>(panes: impl Iterator<Item = &'p Distinct>) -> Option<usize> {
    let mut slots = [0u64; ROOM];
    // 0 stands for a free slot.
    let (mut count, mut zero) = (0, false);
    for pane in panes {
        let Distinct::Exact(hashes) = pane else { return None };
        for &hash in hashes {
            let mut slot = hash as usize % ROOM;
            while slots[slot] != hash && slots[slot] != 0 {
                slot = (slot + 1) % ROOM;
            }
            zero |= hash == 0;
            count += usize::from(slots[slot] != hash);
            slots[slot] = hash;
            if count + usize::from(zero) > ROOM / 2 {
                return None;
            }
        }
    }
    Some(count + usize::from(zero))
}

fn estimated<'p>(panes: impl Iterator<Item = &'p Distinct>) -> f64 {
    let mut union = [0u8; DISTINCT_REGISTERS];
    for pane in panes {
        match pane {
            Distinct::Exact(hashes) => hashes.iter().for_each(|hash| raise(&mut union, *hash)),
            Distinct::Registers(registers) => merge(&mut union, registers),
        }
    }
    estimate(&union).round()
}

/// Notes a hash in its register: the place of the first 1 behind the bits that chose it.
fn raise(registers: &mut Registers, hash: u64) {
    let register = &mut registers[(hash >> (64 - BITS)) as usize];
    let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
    *register = rank.max(*register);
}

fn merge(into: &mut Registers, from: &Registers) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into = (*into).max(*from));
}

/// The improved raw estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6: without
/// bias over the whole range, no tables. Standard error `1.04 / sqrt(registers)`.
fn estimate(registers: &Registers) -> f64 {
    let mut with_rank = [0u32; RANK_MAX as usize + 1];
    registers.iter().for_each(|rank| with_rank[usize::from(*rank)] += 1);
    let m = DISTINCT_REGISTERS as f64;
    let last = usize::from(RANK_MAX);
    let mut sum = m * tau(1.0 - f64::from(with_rank[last]) / m);
    for rank in (1..last).rev() {
        sum = 0.5 * (sum + f64::from(with_rank[rank]));
    }
    sum += m * sigma(f64::from(with_rank[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * sum)
}

/// `x + sum of x^(2^k) * 2^(k-1)`; infinite at 1, which stands for registers that are all empty.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// `(1 - x - sum of (1 - x^(2^-k))^2 * 2^-k) / 3`.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
