//! Reading what is durable: streaming from a position, one record, the position of an instant.
//! Everything that is handed out has been verified: the checksum of its record and the chain of its group.

use crate::disk::{Disk, DiskFile};
use crate::group::{self, GroupHeader, Walk};
use crate::live::Shared;
use crate::record::{OwnedRecord, Record};
use crate::scan::{Found, STREAM, Scanner};
use crate::segment::{Mark, Segment};
use crate::{Digest, Error};
use domain::{Position, Time};
use std::io;
use std::sync::Arc;

/// Bytes read at once when one record is wanted.
const PROBE: usize = 64 << 10;

/// Reads the durable part of the log. Cheap to clone; any number of threads may read while the writer commits.
pub struct Reader<D: Disk> {
    shared: Arc<Shared<D>>,
}

impl<D: Disk> Clone for Reader<D> {
    fn clone(&self) -> Reader<D> {
        Reader { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Disk> Reader<D> {
    pub(crate) fn new(shared: Arc<Shared<D>>) -> Reader<D> {
        Reader { shared }
    }

    /// The directory that the log lies in.
    pub fn disk(&self) -> &Arc<D> {
        &self.shared.disk
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<D>> {
        &self.shared
    }

    /// The first position whose record is kept; one past `last` when there are no records.
    pub fn first(&self) -> Position {
        self.shared.live().first()
    }

    /// The first position from which the log can be replayed: 1 while the log is whole, else the one after the oldest
    /// checkpoint that is named and that the log reaches back to; one past `last` when there is none.
    pub fn replay_from(&self) -> Position {
        self.shared.live().replay_from()
    }

    /// The last durable position.
    pub fn last(&self) -> Position {
        self.shared.live().durable
    }

    /// Bytes that the log takes on disk: whole files, of the newest what is written.
    pub fn bytes(&self) -> u64 {
        let live = self.shared.live();
        let older = live.segments.len().saturating_sub(1);
        live.segments[..older].iter().map(|segment| segment.bytes).sum::<u64>() + live.end
    }

    /// Streams forward from `position` (0 means 1: before every record).
    ///
    /// # Errors
    /// [`Error::NotRetained`]; [`Error::BeyondEnd`] beyond the position that comes next; [`Error::Io`].
    pub fn iter_from(&self, position: Position) -> Result<Records<D>, Error> {
        self.iter(Position(position.0.max(1)), STREAM)
    }

    fn iter(&self, position: Position, read_size: usize) -> Result<Records<D>, Error> {
        let segment = self.covering(position)?;
        let mark = segment.mark_at(position);
        self.records(segment, mark, position, read_size)
    }

    /// The segment that `position` belongs to.
    fn covering(&self, position: Position) -> Result<Arc<Segment>, Error> {
        let live = self.shared.live();
        if position > live.durable.next() {
            return Err(Error::BeyondEnd { asked: position, last: live.durable });
        }
        let segment = live.segment_of(position)?;
        drop(live);
        self.index(&segment)?;
        Ok(segment)
    }

    fn records(
        &self,
        segment: Arc<Segment>,
        mark: Mark,
        from: Position,
        read_size: usize,
    ) -> Result<Records<D>, Error> {
        let file = self.open_segment(&segment)?;
        let scanner = Scanner::new(segment, file, read_size);
        let place = At { offset: mark.offset, next: mark.first, chain: mark.chain };
        Ok(Records { reader: self.clone(), scanner, at: place, group: None, from })
    }

    fn open_segment(&self, segment: &Segment) -> Result<D::File, Error> {
        self.shared.disk.open(&segment.name).map_err(|error| {
            let first = self.first();
            if error.kind() == io::ErrorKind::NotFound && first > segment.header.first {
                return Error::NotRetained { asked: segment.header.first, first };
            }
            Error::io("open", &segment.name)(error)
        })
    }

    /// Reads an old segment once in full, so that its index exists. Those of this process have theirs already.
    fn index(&self, segment: &Arc<Segment>) -> Result<(), Error> {
        if segment.indexed() {
            return Ok(());
        }
        let next = self.shared.live().segment_after(segment.header.first).cloned();
        let Some(next) = next else { return Ok(()) };
        verify_segment(segment, self.open_segment(segment)?, next.header.first, Some(&next.header.chain))
    }

    /// The record at `position`; `None` when it is not durable yet.
    ///
    /// # Errors
    /// [`Error::NotRetained`] (also for position 0), [`Error::Damaged`], [`Error::Io`].
    pub fn record(&self, position: Position) -> Result<Option<OwnedRecord>, Error> {
        if position > self.last() {
            return Ok(None);
        }
        let mut records = self.iter(position, PROBE)?;
        Ok(records.next()?.map(|record| record.to_owned()))
    }

    /// The first kept position whose `log_time` is at or after `time`; one past the end when there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn position_at(&self, time: Time) -> Result<Position, Error> {
        let live = self.shared.live();
        // A segment's header says when the segment before it ended.
        let older = live.segments[1..].partition_point(|segment| segment.header.log_time < time);
        let segment = Arc::clone(&live.segments[older]);
        drop(live);
        self.index(&segment)?;
        let mark = segment.mark_before(time);
        let mut records = self.records(segment, mark, mark.first, PROBE)?;
        while let Some(record) = records.next()? {
            if record.header.log_time >= time {
                return Ok(record.header.position);
            }
        }
        Ok(records.at.next)
    }

    /// The chain digest right after `position`: it names the log's content up to there.
    ///
    /// # Errors
    /// [`Error::NotRetained`] for a position more than one before the first kept; [`Error::BeyondEnd`];
    /// [`Error::Damaged`]; [`Error::Io`].
    pub fn chain_at(&self, position: Position) -> Result<Digest, Error> {
        let live = self.shared.live();
        if position.next() == live.first() {
            return Ok(live.segments[0].header.chain);
        }
        if position > live.durable {
            return Err(Error::BeyondEnd { asked: position, last: live.durable });
        }
        drop(live);
        self.iter(position, PROBE)?.chain_through(position)
    }

    /// `log_time` right after `position`, for the same positions as [`Reader::chain_at`].
    pub(crate) fn log_time_at(&self, position: Position) -> Result<Time, Error> {
        let live = self.shared.live();
        if position.next() == live.first() {
            return Ok(live.segments[0].header.log_time);
        }
        let last = live.durable;
        drop(live);
        let record = self.record(position)?.ok_or(Error::BeyondEnd { asked: position, last })?;
        Ok(record.header.log_time)
    }
}

/// Where the next group is expected.
#[derive(Clone, Copy, Debug)]
struct At {
    offset: u64,
    next: Position,
    chain: Digest,
}

/// The group whose records are being handed out.
struct Open {
    header: GroupHeader,
    offset: u64,
    /// The chain before it.
    before: Digest,
    walk: Walk,
}

/// A forward stream of records. At the durable end it answers `None`, and goes on when more has become durable.
pub struct Records<D: Disk> {
    reader: Reader<D>,
    scanner: Scanner<D::File>,
    at: At,
    group: Option<Open>,
    /// Records before this one are verified but not handed out.
    from: Position,
}

impl<D: Disk> Records<D> {
    /// The next record, or `None` at the durable end.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::NewerVersion`], always by name, never by ending early; [`Error::NotRetained`]
    /// when retention has overtaken the stream; [`Error::Io`].
    #[expect(clippy::should_implement_trait, reason = "it lends from its buffer, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        loop {
            if let Some(open) = &mut self.group {
                // Peeked on a copy: a borrow handed out inside a loop cannot be dropped again.
                let mut walk = open.walk;
                match walk.next(self.scanner.bytes(open.offset, &open.header)).map(|record| record.header.position) {
                    None => self.group = None,
                    Some(position) if position < self.from => open.walk = walk,
                    Some(_) => break,
                }
            } else if !self.next_group()? {
                return Ok(None);
            }
        }
        let open = self.group.as_mut().expect("the loop ends on an open group");
        Ok(open.walk.next(self.scanner.bytes(open.offset, &open.header)))
    }

    /// Loads the next group that holds records; `false` at the durable end.
    fn next_group(&mut self) -> Result<bool, Error> {
        loop {
            let live = self.reader.shared.live();
            if self.at.next > live.durable {
                return Ok(false);
            }
            if self.at.next < live.first() {
                return Err(Error::NotRetained { asked: self.at.next, first: live.first() });
            }
            let after = live.segment_after(self.scanner.segment.header.first).cloned();
            let durable_end = live.end;
            drop(live);
            let limit = match after {
                Some(next) if next.header.first == self.at.next => {
                    self.enter(next)?;
                    continue;
                }
                Some(_) => self.scanner.file().len().map_err(Error::io("measure", &self.scanner.segment.name))?,
                None => durable_end,
            };
            let At { offset, next, chain } = self.at;
            match self.scanner.group(offset, limit, next, &chain)? {
                Found::Group(header) => {
                    let offset_after = offset + u64::from(header.length);
                    self.at = At { offset: offset_after, next: header.last().next(), chain: header.chain };
                    if header.count > 0 {
                        self.group = Some(Open { header, offset, before: chain, walk: Walk::new(header) });
                        return Ok(true);
                    }
                }
                found => return Err(self.scanner.damaged(offset, next, &found)),
            }
        }
    }

    fn enter(&mut self, segment: Arc<Segment>) -> Result<(), Error> {
        if segment.header.chain != self.at.chain {
            return Err(broken_link(&segment));
        }
        let file = self.reader.open_segment(&segment)?;
        self.at.offset = crate::segment::HEADER as u64;
        self.scanner.advance(segment, file);
        Ok(())
    }

    /// The chain right after `position`, which the stream has not passed and which is durable.
    fn chain_through(mut self, position: Position) -> Result<Digest, Error> {
        let asked = Error::BeyondEnd { asked: position, last: self.at.next };
        while self.next_group()? {
            if let Some(open) = self.group.take()
                && open.header.last() >= position
            {
                let bytes = self.scanner.bytes(open.offset, &open.header);
                return Ok(group::chain_at(bytes, &open.header, &open.before, position));
            }
        }
        Err(asked)
    }
}

fn broken_link(segment: &Segment) -> Error {
    Error::Damaged {
        segment: segment.name.clone(),
        offset: 0,
        position: segment.header.first,
        reason: "it does not continue the chain of the segment before it",
    }
}

/// Reads a segment with a successor in full, noting its groups: it must reach the successor's first position and chain.
pub(crate) fn verify_segment<F: DiskFile>(
    segment: &Arc<Segment>,
    file: F,
    next_first: Position,
    next_chain: Option<&Digest>,
) -> Result<(), Error> {
    let length = file.len().map_err(Error::io("measure", &segment.name))?;
    let mut scanner = Scanner::new(Arc::clone(segment), file, STREAM);
    let header = segment.header;
    let mut mark = Mark {
        first: header.first,
        offset: crate::segment::HEADER as u64,
        log_time: header.log_time,
        chain: header.chain,
    };
    while mark.first < next_first {
        match scanner.group(mark.offset, length, mark.first, &mark.chain)? {
            Found::Group(group) => {
                segment.note(mark);
                mark = Mark {
                    first: group.last().next(),
                    offset: mark.offset + u64::from(group.length),
                    log_time: group.log_time,
                    chain: group.chain,
                };
            }
            found => return Err(scanner.damaged(mark.offset, mark.first, &found)),
        }
    }
    if mark.first != next_first || next_chain.is_some_and(|chain| *chain != mark.chain) {
        let reason = "the next segment does not continue its chain";
        return Err(Error::Damaged {
            segment: segment.name.clone(),
            offset: mark.offset,
            position: mark.first,
            reason,
        });
    }
    segment.set_indexed();
    Ok(())
}
