//! The records that the sequencer appends while a change catches up: what the log on disk does not show yet.

use crate::machine::Machine;
use domain::{CodecError, Payload, Position, Time};

/// Most bytes that wait in a tap. One that overflows is closed, and whoever reads it goes back to the log.
const TAP_BYTES_MAX: usize = 64 << 20;

/// Records in order, encoded.
#[derive(Default)]
pub(crate) struct Tap {
    records: Vec<Tapped>,
    bytes: Vec<u8>,
}

struct Tapped {
    position: Position,
    log_time: Time,
    kind: u8,
    end: usize,
}

impl Tap {
    /// Takes note of a record; whether there was room.
    pub(crate) fn note(&mut self, position: Position, log_time: Time, kind: u8, payload: &[u8]) -> bool {
        if self.bytes.len() + payload.len() > TAP_BYTES_MAX {
            return false;
        }
        self.bytes.extend_from_slice(payload);
        self.records.push(Tapped { position, log_time, kind, end: self.bytes.len() });
        true
    }

    /// How many records wait.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Applies everything to a machine.
    pub(crate) fn apply_to(&self, machine: &mut Machine, writer_epoch: u32) -> Result<(), CodecError> {
        machine.writer_epoch = writer_epoch;
        let mut start = 0;
        for Tapped { position, log_time, kind, end } in &self.records {
            machine.apply(*position, *log_time, &Payload::decode(*kind, &self.bytes[start..*end])?);
            start = *end;
        }
        Ok(())
    }
}
