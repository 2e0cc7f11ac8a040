//! Bodies that carry one object, an array of them or NDJSON: every good element becomes a payload, every bad one a
//! refusal with its line; one does not spoil the others.

use crate::entity;
use crate::event::{event, event_of};
use crate::scan::{Outcome, Scanner, utf8};
use crate::usual::Shape;
use domain::{Code, Payload, Refusal, limits};

#[cfg(test)]
mod tests;

/// How the body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One object alone.
    One,
    /// An array, or several objects on lines of their own.
    Many,
}

/// A line that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRefusal {
    /// Where: the line of the body on which the object starts, or the place in the array; both from 1.
    pub line: u32,
    /// Why.
    pub refusal: Refusal,
}

/// What a body holds, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<'a> {
    /// How it was written.
    pub form: Form,
    /// The good elements.
    pub payloads: Vec<Payload<'a>>,
    /// The line of each payload (see [`LineRefusal::line`]).
    pub lines: Vec<u32>,
    /// The bad elements.
    pub refused: Vec<LineRefusal>,
}

/// Reads events: one object, an array of objects, or objects on lines of their own (blank lines are skipped, an object may
/// span lines).
///
/// # Errors
/// The body as a whole: empty, too many elements (`too_many`), an array that is not JSON or not UTF-8.
pub fn parse_events(body: &[u8]) -> Result<Batch<'_>, Refusal> {
    let mut shape = Shape::default();
    parse(body, |scan| event(scan, Some(&mut shape)).map(Payload::Event))
}

/// Reads events of one type, which they need not name.
///
/// # Errors
/// As [`parse_events`]; an event that names another type is refused by itself.
pub fn parse_events_of<'a>(body: &'a [u8], kind: &'a str) -> Result<Batch<'a>, Refusal> {
    let mut shape = Shape::default();
    parse(body, |scan| event_of(scan, Some(&mut shape), kind).map(Payload::Event))
}

/// Reads events of one type, which they need not name, one on each line: what a line holds, nothing outside of it changes. Blank lines are
/// skipped, and counted. Lines are numbered from 1.
pub fn parse_event_lines<'a>(lines: &'a [u8], kind: &'a str) -> Batch<'a> {
    EventLines::new(lines, kind).read(usize::MAX)
}

/// The same, a few at a time: what has been read is used while it is still in the caches.
pub struct EventLines<'a> {
    rest: Rest<'a>,
    kind: &'a str,
    shape: Shape<'a>,
}

/// Lines that were not read yet.
enum Rest<'a> {
    Text {
        text: &'a str,
        scan: Scanner<'a>,
    },
    /// They are not UTF-8 as a whole, and are read together.
    Damaged(&'a [u8]),
}

impl<'a> EventLines<'a> {
    /// Of which nothing is read yet.
    pub fn new(lines: &'a [u8], kind: &'a str) -> EventLines<'a> {
        let rest = match std::str::from_utf8(lines) {
            Ok(text) => Rest::Text { text, scan: Scanner::new(text) },
            Err(_) => Rest::Damaged(lines),
        };
        EventLines { rest, kind, shape: Shape::default() }
    }

    /// Whether there is nothing behind what was read.
    pub fn is_done(&self) -> bool {
        match &self.rest {
            Rest::Text { scan, .. } => scan.peek().is_none(),
            Rest::Damaged(lines) => lines.is_empty(),
        }
    }

    /// Reads on, up to so many events, and all lines between them that are none.
    pub fn read(&mut self, most: usize) -> Batch<'a> {
        match &mut self.rest {
            Rest::Text { text, scan } => {
                let mut batch = Batch::of(((text.len() - scan.at()) / LINE_BYTES).min(most));
                batch.lines_alone((text, scan), self.kind, &mut self.shape, most);
                batch
            }
            Rest::Damaged(lines) => {
                let lines = std::mem::take(lines);
                let mut batch = Batch::of((lines.len() / LINE_BYTES).min(limits::EVENTS_PER_CALL_MAX));
                for (bytes, line) in lines.split(|&byte| byte == b'\n').zip(1..) {
                    if !bytes.trim_ascii().is_empty() {
                        let read = utf8(bytes).map_err(Box::new);
                        batch.take_or_refuse(line, read.and_then(|text| line_alone(text, self.kind, &mut self.shape)));
                    }
                }
                batch
            }
        }
    }
}

/// Reads the event that is all of a line.
fn line_alone<'a>(text: &'a str, kind: &'a str, shape: &mut Shape<'a>) -> Outcome<Payload<'a>> {
    let mut scan = Scanner::new(text);
    let event = scan.space_then(|scan| event_of(scan, Some(shape), kind))?;
    scan.end().map(|()| Payload::Event(event))
}

/// Reads entities to set or delete: one object, an array, or objects on lines of their own, each
/// `{"entity":"item","key":"i1","fields":{...}}` or `{"entity":"item","key":"i1","delete":true}`.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_entities(body: &[u8]) -> Result<Batch<'_>, Refusal> {
    parse(body, entity::line)
}

/// What a line has at least in most bodies, in bytes.
const LINE_BYTES: usize = 96;

/// Reads one element.
type Element<'e, 'a> = &'e mut dyn FnMut(&mut Scanner<'a>) -> Outcome<Payload<'a>>;

/// Reads one object, an array of objects, or objects on lines of their own.
pub(crate) fn parse<'a>(
    body: &'a [u8],
    mut element: impl FnMut(&mut Scanner<'a>) -> Outcome<Payload<'a>>,
) -> Result<Batch<'a>, Refusal> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let first = body.iter().find(|byte| !blank(byte));
    // Most lines are about so long; growing step by step would copy what is there again and again.
    let likely = (body.len() / LINE_BYTES).min(limits::EVENTS_PER_CALL_MAX);
    let mut batch = Batch::of(likely);
    match first {
        None => {
            return Err(Refusal::new(
                Code::InvalidJson,
                "",
                "the body is empty: send a JSON object, an array or NDJSON",
            ));
        }
        Some(b'[') => batch.array(Scanner::new(utf8(body)?), &mut element)?,
        Some(_) => match std::str::from_utf8(body) {
            Ok(text) => batch.lines(Scanner::new(text), &mut element)?,
            Err(_) => batch.damaged_lines(body, &mut element)?,
        },
    }
    if first != Some(&b'[') && batch.len() == 1 {
        batch.form = Form::One;
    }
    Ok(batch)
}

impl<'a> Batch<'a> {
    /// Nothing yet, with room for so many.
    fn of(likely: usize) -> Batch<'a> {
        let (payloads, lines) = (Vec::with_capacity(likely), Vec::with_capacity(likely));
        Batch { form: Form::Many, payloads, lines, refused: Vec::new() }
    }

    /// How many elements the body had.
    pub fn len(&self) -> usize {
        self.payloads.len() + self.refused.len()
    }

    /// Whether the body was an empty array.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn array(&mut self, mut scan: Scanner<'a>, element: Element<'_, 'a>) -> Result<(), Refusal> {
        scan.space();
        let mut place = 0;
        let read = scan.array(|scan| {
            place += 1;
            let start = scan.clone();
            if let Err(refusal) = self.take(place, element(scan)) {
                // A bad element is passed over if it is JSON at all; otherwise nothing after it can be told apart.
                *scan = start;
                scan.skip(1)?;
                self.refuse(place, *refusal);
            }
            self.admit()
        });
        read.and_then(|()| scan.end()).map_err(|refusal| *refusal)
    }

    fn lines(&mut self, mut scan: Scanner<'a>, element: Element<'_, 'a>) -> Result<(), Refusal> {
        loop {
            scan.space();
            if scan.peek().is_none() {
                return Ok(());
            }
            let start = scan.clone();
            let read = element(&mut scan).and_then(|payload| line_end(&mut scan).map(|()| payload));
            if let Err(refusal) = self.take(start.line(), read) {
                let reached = scan.at();
                scan = start;
                self.refuse(scan.line(), *refusal);
                after_bad_line(&mut scan, reached);
            }
            self.admit().map_err(|refusal| *refusal)?;
        }
    }

    /// Lines of which each is judged alone, up to so many events. Most hold an event and nothing else, and are read without looking for
    /// their ends first.
    fn lines_alone(
        &mut self,
        (text, scan): (&'a str, &mut Scanner<'a>),
        kind: &'a str,
        shape: &mut Shape<'a>,
        most: usize,
    ) {
        while self.payloads.len() < most && scan.peek().is_some() {
            let start = scan.clone();
            if scan.peek() == Some(b'{')
                && let Ok(event) = event_of(scan, Some(shape), kind)
                && scan.line() == start.line()
                && line_end(scan).is_ok()
            {
                self.payloads.push(Payload::Event(event));
                self.lines.push(start.line());
                continue;
            }
            *scan = start;
            // Blanks before it may have been passed over.
            let (from, line) = (scan.line_start(), scan.line());
            scan.next_line();
            let alone = &text[from..scan.at()];
            if !alone.trim_ascii().is_empty() {
                self.take_or_refuse(line, line_alone(alone.strip_suffix('\n').unwrap_or(alone), kind, shape));
            }
        }
    }

    /// Lines of a body that is not UTF-8 as a whole: each is judged alone.
    fn damaged_lines(&mut self, body: &'a [u8], element: Element<'_, 'a>) -> Result<(), Refusal> {
        for (index, bytes) in body.split(|&byte| byte == b'\n').enumerate() {
            let line = index as u32 + 1;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let read = utf8(bytes).map_err(Box::new).and_then(|text| {
                let mut scan = Scanner::new(text);
                scan.space();
                let payload = element(&mut scan)?;
                scan.end().map(|()| payload)
            });
            self.take_or_refuse(line, read);
            self.admit().map_err(|refusal| *refusal)?;
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, line: u32, read: Outcome<Payload<'a>>) -> Outcome<()> {
        self.payloads.push(read?);
        self.lines.push(line);
        Ok(())
    }

    #[inline]
    fn take_or_refuse(&mut self, line: u32, read: Outcome<Payload<'a>>) {
        if let Err(refusal) = self.take(line, read) {
            self.refuse(line, *refusal);
        }
    }

    fn refuse(&mut self, line: u32, refusal: Refusal) {
        self.refused.push(LineRefusal { line, refusal });
    }

    #[inline]
    fn admit(&self) -> Outcome<()> {
        if self.len() <= limits::EVENTS_PER_CALL_MAX {
            return Ok(());
        }
        let message = format!("more than {} elements in one call: send several calls", limits::EVENTS_PER_CALL_MAX);
        Err(Box::new(Refusal::new(Code::TooMany, "", message)))
    }
}

/// After an object only blanks may stand on its line.
#[inline]
fn line_end(scan: &mut Scanner<'_>) -> Outcome<()> {
    let line = scan.line();
    scan.space();
    if scan.line() != line || scan.peek().is_none() {
        Ok(())
    } else {
        Err(scan.fault("expected a line's end after the object"))
    }
}

/// Goes to the next line that can be a new object. Lines that the bad object had reached into belong to it unless they
/// begin with a brace, as every good line does.
fn after_bad_line(scan: &mut Scanner<'_>, reached: usize) {
    loop {
        scan.next_line();
        let line_start = scan.at();
        if line_start > reached || matches!(scan.peek(), None | Some(b'{')) {
            return;
        }
    }
}
