//! A part of a list as JSON.

use super::{write_array, write_float, write_key, write_text, write_uint};
use crate::time::write_instant;
use domain::{ListPut, Position};

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListFacts<'a> {
    /// The list's name.
    pub list: &'a str,
    /// Whose entities stand on it.
    pub of: &'a str,
    /// Entries.
    pub entries: &'a [ListPut<'a>],
    /// How many the whole list has.
    pub count: u64,
    /// Where the next part begins; none after the last.
    pub next: Option<&'a str>,
    /// The position that this is as of.
    pub position: Position,
}

/// Appends the part of the list as a JSON object.
pub fn write_list(out: &mut Vec<u8>, facts: &ListFacts<'_>) {
    out.push(b'{');
    write_key(out, "list");
    write_text(out, facts.list);
    write_key(out, "of");
    write_text(out, facts.of);
    write_key(out, "entries");
    write_array(out, facts.entries, write_entry);
    write_key(out, "count");
    write_uint(out, facts.count);
    write_key(out, "next");
    match facts.next {
        Some(next) => write_text(out, next),
        None => out.extend_from_slice(b"null"),
    }
    write_key(out, "position");
    write_uint(out, facts.position.0);
    out.push(b'}');
}

fn write_entry(out: &mut Vec<u8>, entry: &ListPut<'_>) {
    out.push(b'{');
    write_key(out, "key");
    write_text(out, &entry.key);
    if let Some(score) = entry.score {
        write_key(out, "score");
        write_float(out, score);
    }
    if let Some(until) = entry.until {
        write_key(out, "until");
        write_instant(out, until);
    }
    out.push(b'}');
}
