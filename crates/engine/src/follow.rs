//! Reading the durable log as it grows, for read-models that are functions of it.

use crate::core::Core;
use domain::{Answer, Code, Payload, Position, Refusal, Time};
use journal::{Disk, FileDisk, Records};

/// A place in the log that moves forward.
pub struct Follower<D: Disk = FileDisk> {
    records: Records<D>,
    last: Position,
}

impl<D: Disk> Core<D> {
    /// Follows the log from its first record.
    ///
    /// # Errors
    /// `gone` if retention has cut the log; `journal_failed` if it cannot be read.
    pub fn follow(&self) -> Result<Follower<D>, Refusal> {
        let first = self.reader.first();
        if first > Position(1) {
            let message = format!("the log is kept only from position {first} on, and this needs all of it");
            return Err(Refusal::new(Code::Gone, "", message));
        }
        let records = self.reader.iter_from(first).map_err(unreadable)?;
        Ok(Follower { records, last: Position::START })
    }

    /// The last position on disk.
    pub fn durable(&self) -> Position {
        self.gate.durable()
    }
}

impl<D: Disk> Follower<D> {
    /// The last record read.
    pub fn position(&self) -> Position {
        self.last
    }

    /// Hands out what is durable by now with position and log time, at most `most` records; whether there may be more.
    /// Decisions are passed over.
    ///
    /// # Errors
    /// `journal_failed`.
    pub fn read(&mut self, most: usize, apply: &mut dyn FnMut(Position, Time, &Payload<'_>)) -> Result<bool, Refusal> {
        for _ in 0..most {
            let Some(record) = self.records.next().map_err(unreadable)? else { return Ok(false) };
            let header = record.header;
            self.last = header.position;
            if header.kind == Answer::KIND {
                continue;
            }
            let payload = Payload::decode(header.kind, record.payload).map_err(|_| {
                let message = format!("record {} is not in a format that this version reads", header.position);
                Refusal::new(Code::JournalFailed, "", message)
            })?;
            apply(header.position, header.log_time, &payload);
        }
        Ok(true)
    }
}

fn unreadable(error: journal::Error) -> Refusal {
    Refusal::new(Code::JournalFailed, "", format!("the log cannot be read: {error}"))
}
