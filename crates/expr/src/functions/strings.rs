//! Texts: CEL's standard functions and its string extension. Positions and lengths count code points.

use super::{Function, Given, Pattern, format, global, member, quote, text};
use crate::{Datum, Fault};
use domain::limits::EXPRESSION_VALUE_MAX;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    global("size", size),
    member("size", size),
    global("matches", matches),
    member("matches", matches),
    member("contains", |args| asked(args, |text, part| text.contains(part))),
    member("endsWith", |args| asked(args, |text, end| text.ends_with(end))),
    member("startsWith", |args| asked(args, |text, start| text.starts_with(start))),
    member("charAt", char_at),
    member("format", format::format),
    member("indexOf", index_of),
    member("join", join),
    member("lastIndexOf", last_index_of),
    member("lowerAscii", |args| changed(args, str::to_ascii_lowercase)),
    member("replace", replace),
    member("reverse", |args| changed(args, |text| text.chars().rev().collect())),
    member("split", split),
    member("substring", substring),
    member("trim", |args| changed(args, |text| text.trim().to_owned())),
    member("upperAscii", |args| changed(args, str::to_ascii_uppercase)),
    global("strings.quote", |args| changed(args, quote::quoted)),
];

fn size(args: &[&Datum]) -> Given {
    let size = match args {
        [Datum::Str(x)] => x.chars().count(),
        [Datum::Bytes(x)] => x.len(),
        [Datum::List(x)] => x.len(),
        [Datum::Map(x)] => x.len(),
        _ => return Err(Fault::NoOverload),
    };
    Ok(Datum::Int(size as i64))
}

fn asked(args: &[&Datum], asked: fn(&str, &str) -> bool) -> Given {
    match args {
        [Datum::Str(x), Datum::Str(y)] => Ok(Datum::Bool(asked(x, y))),
        _ => Err(Fault::NoOverload),
    }
}

fn changed(args: &[&Datum], change: fn(&str) -> String) -> Given {
    match args {
        [Datum::Str(x)] => text(change(x)),
        _ => Err(Fault::NoOverload),
    }
}

fn matches(args: &[&Datum]) -> Given {
    match args {
        [Datum::Str(x), Datum::Str(pattern)] => Pattern::new(pattern)?.matches(x).map(Datum::Bool),
        _ => Err(Fault::NoOverload),
    }
}

/// Where a code point begins, in bytes; also for the one behind the last.
fn byte_of(text: &str, position: i64) -> Result<usize, Fault> {
    const OUTSIDE: Fault = Fault::Argument("a position lies outside of the text");
    let position = usize::try_from(position).map_err(|_| OUTSIDE)?;
    let mut starts = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
    starts.nth(position).ok_or(OUTSIDE)
}

/// Which code point begins at a byte.
fn position_of(text: &str, byte: Option<usize>) -> Datum {
    Datum::Int(byte.map_or(-1, |byte| text[..byte].chars().count() as i64))
}

fn char_at(args: &[&Datum]) -> Given {
    let [Datum::Str(x), Datum::Int(position)] = args else { return Err(Fault::NoOverload) };
    let from = byte_of(x, *position)?;
    text(x[from..].chars().next().map(String::from).unwrap_or_default())
}

fn index_of(args: &[&Datum]) -> Given {
    let (x, part, from) = match args {
        [Datum::Str(x), Datum::Str(part)] => (x, part, 0),
        [Datum::Str(x), Datum::Str(part), Datum::Int(from)] => (x, part, byte_of(x, *from)?),
        _ => return Err(Fault::NoOverload),
    };
    Ok(position_of(x, x[from..].find(&**part).map(|found| from + found)))
}

/// The last place up to a position at which a part begins.
fn last_index_of(args: &[&Datum]) -> Given {
    let (x, part, to) = match args {
        [Datum::Str(x), Datum::Str(part)] => (x, part, x.len()),
        [Datum::Str(x), Datum::Str(part), Datum::Int(to)] => (x, part, byte_of(x, *to)?),
        _ => return Err(Fault::NoOverload),
    };
    let end = x.floor_char_boundary(to + part.len());
    Ok(position_of(x, x[..end].rfind(&**part)))
}

fn join(args: &[&Datum]) -> Given {
    let (list, separator) = match args {
        [Datum::List(list)] => (list, ""),
        [Datum::List(list), Datum::Str(separator)] => (list, &**separator),
        _ => return Err(Fault::NoOverload),
    };
    let mut joined = String::new();
    for (index, element) in list.iter().enumerate() {
        let Datum::Str(element) = element else { return Err(Fault::NoOverload) };
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(element);
        if joined.len() > EXPRESSION_VALUE_MAX {
            return Err(Fault::Limit);
        }
    }
    text(joined)
}

/// How often at most; a negative number is no bound.
fn at_most(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn replace(args: &[&Datum]) -> Given {
    let (x, old, new, count) = match args {
        [Datum::Str(x), Datum::Str(old), Datum::Str(new)] => (x, old, new, usize::MAX),
        [Datum::Str(x), Datum::Str(old), Datum::Str(new), Datum::Int(count)] => (x, old, new, at_most(*count)),
        _ => return Err(Fault::NoOverload),
    };
    let mut replaced = String::with_capacity(x.len().min(EXPRESSION_VALUE_MAX));
    let mut from = 0;
    for (at, found) in x.match_indices(&**old).take(count) {
        replaced.push_str(&x[from..at]);
        replaced.push_str(new);
        if replaced.len() > EXPRESSION_VALUE_MAX {
            return Err(Fault::Limit);
        }
        from = at + found.len();
    }
    replaced.push_str(&x[from..]);
    text(replaced)
}

fn split(args: &[&Datum]) -> Given {
    let (x, separator, count) = match args {
        [Datum::Str(x), Datum::Str(separator)] => (x, separator, usize::MAX),
        [Datum::Str(x), Datum::Str(separator), Datum::Int(count)] => (x, separator, at_most(*count)),
        _ => return Err(Fault::NoOverload),
    };
    let parts: Vec<Datum> = if separator.is_empty() {
        characters(x, count).map(|part| Datum::Str(part.into())).collect()
    } else {
        x.splitn(count, &**separator).map(|part| Datum::Str(part.into())).collect()
    };
    if parts.len() > EXPRESSION_VALUE_MAX { Err(Fault::Limit) } else { Ok(Datum::List(Arc::from(parts))) }
}

/// One code point each, the last of them with all that is behind it.
fn characters(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(byte, c)| (byte, byte + c.len_utf8()));
    ends.take(count).enumerate().map(
        move |(index, (start, end))| {
            if index + 1 == count { &text[start..] } else { &text[start..end] }
        },
    )
}

fn substring(args: &[&Datum]) -> Given {
    let (x, start, end) = match args {
        [Datum::Str(x), Datum::Int(start)] => (x, byte_of(x, *start)?, x.len()),
        [Datum::Str(x), Datum::Int(start), Datum::Int(end)] => (x, byte_of(x, *start)?, byte_of(x, *end)?),
        _ => return Err(Fault::NoOverload),
    };
    text(x.get(start..end).ok_or(Fault::Argument("a part of a text ends where it starts or behind"))?)
}
