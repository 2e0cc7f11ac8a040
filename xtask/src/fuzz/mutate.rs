//! One input made of others: edits at random places, pieces that mean something, parts of other inputs.

use sim::Rng;

/// The longest input.
const BYTES_MAX: usize = 64 << 10;
/// Most repetitions of a piece: deep nesting and long chains are found by them.
const REPEATED_MAX: u64 = 3_000;
/// Numbers at the edges of what integers and floats hold.
const EDGES: [&str; 14] = [
    "0",
    "-1",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "1e308",
    "1e999",
    "5e-324",
];

/// A mutation of one of these inputs.
pub(crate) fn mutated(corpus: &[Vec<u8>], pieces: &[&str], rng: &mut Rng) -> Vec<u8> {
    let one = |rng: &mut Rng| corpus[rng.below(corpus.len() as u64) as usize].clone();
    let mut bytes = one(rng);
    for _ in 0..=rng.below(5) {
        let (from, to) = range(&bytes, rng);
        match rng.below(10) {
            0..=2 if !pieces.is_empty() => drop(bytes.splice(from..to, rng.pick(pieces).bytes())),
            3 => drop(bytes.drain(from..to)),
            4 => {
                let part = bytes[from..to].to_vec();
                let at = rng.below(bytes.len() as u64 + 1) as usize;
                bytes.splice(at..at, part);
            }
            5 => {
                let other = one(rng);
                let (other_from, other_to) = range(&other, rng);
                bytes.splice(from..to, other[other_from..other_to].iter().copied());
            }
            6 => number(&mut bytes, rng),
            7 if !pieces.is_empty() && rng.percent(10) => {
                let piece = rng.pick(pieces).repeat(rng.below(REPEATED_MAX) as usize);
                bytes.splice(from..from, piece.bytes());
            }
            8 if !bytes.is_empty() => {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << rng.below(8);
            }
            _ => {
                let byte = rng.draw() as u8;
                bytes.insert(from, byte);
            }
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

/// A part of it, most often a short one.
fn range(bytes: &[u8], rng: &mut Rng) -> (usize, usize) {
    let from = rng.below(bytes.len() as u64 + 1) as usize;
    let longest = if rng.percent(80) { 12 } else { bytes.len() as u64 };
    (from, (from + rng.below(longest + 1) as usize).min(bytes.len()))
}

/// Another number in the place of one.
fn number(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit()))
        .collect();
    let Some(&start) = starts.get(rng.below(starts.len() as u64) as usize) else { return };
    let end = bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |many| start + many);
    bytes.splice(start..end, rng.pick(&EDGES).bytes());
}
