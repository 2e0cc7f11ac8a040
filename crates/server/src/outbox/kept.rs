//! What a sink remembers through a crash: how far everything is settled, and what was given up. Two small files beside the log; the
//! list is written before the cursor passes what stands in it.

use domain::{OutcomeId, Position, Time};
use engine::Engine;
use std::collections::BTreeMap;
use std::io;

const CURSOR: &str = "millrace sink 1";
const DEAD: &str = "millrace dead letters 1";
/// Longest reason that is kept, in characters.
const WHY_MAX: usize = 200;

/// An outcome that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When it was given up, by the clock.
    pub(crate) at: Time,
    /// How the last attempt failed.
    pub(crate) why: String,
}

/// Everything that was given up, by id.
pub(crate) type DeadList = BTreeMap<OutcomeId, Dead>;

impl Dead {
    pub(super) fn new(attempts: u32, at: Time, why: &str) -> Dead {
        let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_MAX).collect();
        Dead { attempts, at, why }
    }
}

/// Where a sink goes on; none if it never ran here.
pub(super) fn cursor(engine: &Engine, sink: &str) -> io::Result<Option<Position>> {
    let Some(bytes) = engine.blob(&format!("sink-{sink}"))? else { return Ok(None) };
    let position = lines(&bytes, CURSOR).and_then(|lines| lines.first()?.parse().ok());
    position.map(|position| Some(Position(position))).ok_or_else(|| damaged(&format!("blob-sink-{sink}")))
}

pub(super) fn save_cursor(engine: &Engine, sink: &str, cursor: Position) -> io::Result<()> {
    engine.write_blob(&format!("sink-{sink}"), &sealed(CURSOR, &format!("{cursor}\n")))
}

pub(super) fn dead(engine: &Engine, sink: &str) -> io::Result<DeadList> {
    let Some(bytes) = engine.blob(&format!("dead-{sink}"))? else { return Ok(DeadList::new()) };
    let read = |line: &&str| {
        let mut parts = line.splitn(4, ' ');
        let (id, attempts, at) = (parts.next()?, parts.next()?, parts.next()?);
        let dead = Dead { attempts: attempts.parse().ok()?, at: Time(at.parse().ok()?), why: parts.next()?.to_owned() };
        Some((OutcomeId::parse(id)?, dead))
    };
    let list = lines(&bytes, DEAD).and_then(|lines| lines.iter().map(read).collect());
    list.ok_or_else(|| damaged(&format!("blob-dead-{sink}")))
}

pub(super) fn save_dead(engine: &Engine, sink: &str, dead: &DeadList) -> io::Result<()> {
    let line = |(id, dead): (&OutcomeId, &Dead)| format!("{id} {} {} {}\n", dead.attempts, dead.at.0, dead.why);
    let text: String = dead.iter().map(line).collect();
    engine.write_blob(&format!("dead-{sink}"), &sealed(DEAD, &text))
}

/// A first line that says what it is, the text, and a checksum.
fn sealed(head: &str, text: &str) -> Vec<u8> {
    let whole = format!("{head}\n{text}");
    let sum = blake3::hash(whole.as_bytes()).to_hex();
    format!("{whole}{}\n", &sum[..16]).into_bytes()
}

/// The lines between; none if it is not whole.
fn lines<'b>(bytes: &'b [u8], head: &str) -> Option<Vec<&'b str>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (whole, sum) = text.split_at(text.rfind('\n')? + 1);
    if blake3::hash(whole.as_bytes()).to_hex()[..16] != *sum {
        return None;
    }
    Some(whole.strip_prefix(head)?.strip_prefix('\n')?.lines().collect())
}

fn damaged(file: &str) -> io::Error {
    let message = format!("the file {file} is damaged; remove it, and what it may have told is delivered once more");
    io::Error::other(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_not_taken_for_it() {
        let whole = sealed(CURSOR, "4711\n");
        assert_eq!(lines(&whole, CURSOR), Some(vec!["4711"]));
        assert_eq!(lines(&sealed(DEAD, ""), DEAD), Some(vec![]));
        assert_eq!(lines(&whole, DEAD), None);
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            assert_eq!(lines(&altered, CURSOR), None, "byte {at}");
            assert_eq!(lines(&whole[..at], CURSOR), None, "cut at {at}");
        }
    }
}
