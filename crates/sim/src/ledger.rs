//! What the outside knows: the log that must be, byte for byte, how far it was acknowledged, and what must happen to the next
//! payload. It survives every crash, for it is not on the disk.

use crate::model::{Known, Model, SKEW};
use crate::workload::Sent;
use domain::{Code, Payload, Refusal};
use engine::Accepted;
use journal::OwnedRecord;

/// A record that the log must hold if it reaches so far.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The writer epoch that wrote it.
    pub(crate) epoch: u32,
    /// Its log time.
    pub(crate) log_time: i64,
    /// What it says.
    pub(crate) payload: Payload<'static>,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Everything that was accepted, and what of it may not be lost.
#[derive(Default)]
pub(crate) struct Ledger {
    /// The record at position `n` is number `n - 1`.
    pub(crate) log: Vec<Record>,
    /// The same for the model.
    pub(crate) model: Model,
    /// Everything up to here was acknowledged, or read by an answer that left.
    pub(crate) acked: u64,
    /// Time of the log.
    pub(crate) log_time: i64,
    /// The writer epoch of what is appended now.
    pub(crate) epoch: u32,
    /// First and last position of calls that are whole or absent.
    pub(crate) batches: Vec<(u64, u64)>,
}

/// What must become of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Duplicate(u64),
    Refused(Code),
    /// Any of the others: its id is about to be forgotten.
    Fading(u64),
}

impl Ledger {
    /// The last position.
    pub(crate) fn last(&self) -> u64 {
        self.log.len() as u64
    }

    /// Adds the record that was just appended.
    pub(crate) fn append(&mut self, log_time: i64, payload: Payload<'static>) {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        self.log_time = self.log_time.max(log_time);
        self.model.apply(log_time, &payload);
        self.log.push(Record { epoch: self.epoch, log_time, payload, bytes });
    }

    /// Forgets what a crash has taken.
    pub(crate) fn truncate(&mut self, last: u64) {
        self.log.truncate(last as usize);
        self.batches.retain(|(_, end)| *end <= last);
        self.model = Model::default();
        self.log.iter().for_each(|record| self.model.apply(record.log_time, &record.payload));
        self.log_time = self.log.last().map_or(0, |record| record.log_time);
    }

    /// Whether the record is the one that must stand there.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn check_record(&self, found: &OwnedRecord) -> Result<(), String> {
        let position = found.header.position.0;
        let wanted = position.checked_sub(1).and_then(|at| self.log.get(at as usize));
        let Some(wanted) = wanted else { return Err(format!("the log has a record {position} that nobody sent")) };
        if found.header.epoch != wanted.epoch {
            let (found, wanted) = (found.header.epoch, wanted.epoch);
            return Err(format!("record {position} is of writer epoch {found}, it must be of {wanted}"));
        }
        if found.header.log_time.0 != wanted.log_time {
            let (found, wanted) = (found.header.log_time.0, wanted.log_time);
            return Err(format!("record {position} has log time {found}, it must be {wanted}"));
        }
        if found.header.kind != wanted.payload.kind() || found.payload != wanted.bytes {
            let found = Payload::decode(found.header.kind, &found.payload);
            return Err(format!("record {position} is {found:?}, it must be {:?}", wanted.payload));
        }
        Ok(())
    }

    fn fate(&self, sent: &Sent, log_time: i64) -> Fate {
        if let Some(code) = sent.wrong {
            return Fate::Refused(code);
        }
        if let Some(code) = self.model.lists.refusal(&sent.payload, log_time) {
            return Fate::Refused(code);
        }
        let Payload::Event(event) = &sent.payload else { return Fate::Taken };
        if event.time.is_some_and(|time| time.0 > log_time + SKEW) {
            return Fate::Refused(Code::TimeInFuture);
        }
        match self.model.known(event, log_time) {
            Known::Fresh => Fate::Taken,
            Known::Duplicate(position) => Fate::Duplicate(position),
            Known::Reused => Fate::Refused(Code::IdReused),
            Known::Fading(position) => Fate::Fading(position),
        }
    }

    /// Takes in what a call answered at clock time `now`; the results must be what they have to be.
    ///
    /// # Errors
    /// The first result that is not.
    pub(crate) fn submitted(
        &mut self,
        sent: &[Sent],
        atomic: bool,
        now: i64,
        results: &[Result<Accepted, Refusal>],
    ) -> Result<(), String> {
        if results.len() != sent.len() {
            return Err(format!("{} results for {} payloads", results.len(), sent.len()));
        }
        if atomic && self.refuses_all(sent, now) {
            if results.iter().all(Result::is_ok) {
                return Err("a call that is all or nothing was taken with a payload that must be refused".into());
            }
            if sent.iter().all(|sent| sent.wrong.is_none()) {
                self.log_time = self.log_time.max(now);
            }
            return Ok(());
        }
        if atomic && results.iter().any(Result::is_err) {
            let fading = sent.iter().any(|sent| matches!(self.fate(sent, self.log_time.max(now)), Fate::Fading(_)));
            self.log_time = self.log_time.max(now);
            return if fading { Ok(()) } else { Err(format!("a good call was refused: {results:?}")) };
        }
        let first = self.last() + 1;
        for (sent, result) in sent.iter().zip(results) {
            let log_time = if sent.wrong.is_some() { self.log_time } else { self.log_time.max(now) };
            self.log_time = log_time;
            self.one(sent, log_time, result)?;
        }
        if atomic && self.last() > first {
            self.batches.push((first, self.last()));
        }
        Ok(())
    }

    /// Whether one of the payloads, judged before any of them is taken, is refused for sure.
    fn refuses_all(&self, sent: &[Sent], now: i64) -> bool {
        let log_time = self.log_time.max(now);
        let contradicts = |at: usize| match &sent[at].payload {
            Payload::Event(event) if event.id.is_some() => sent[..at].iter().any(|before| match &before.payload {
                Payload::Event(before) => (&before.source, &before.id) == (&event.source, &event.id) && before != event,
                _ => false,
            }),
            _ => false,
        };
        // Of lists, the payloads before count too.
        let of_list = |sent: &Sent| sent.wrong.is_none() && matches!(sent.payload, Payload::ListPut(_));
        let refused = sent.iter().any(|sent| !of_list(sent) && matches!(self.fate(sent, log_time), Fate::Refused(_)));
        refused || (0..sent.len()).any(contradicts) || self.overfills(sent, log_time)
    }

    /// Whether a list has no room for one of the payloads once those before it are on it.
    fn overfills(&self, sent: &[Sent], log_time: i64) -> bool {
        let mut lists = self.model.lists.clone();
        sent.iter().any(|sent| {
            let refused = lists.refusal(&sent.payload, log_time).is_some();
            lists.apply(self.last() + 1, &sent.payload);
            refused
        })
    }

    fn one(&mut self, sent: &Sent, log_time: i64, result: &Result<Accepted, Refusal>) -> Result<(), String> {
        let fate = self.fate(sent, log_time);
        let wrong = || Err(format!("{:?} was answered {result:?}, it must be {fate:?}", sent.payload));
        match (result, fate) {
            (Ok(accepted), Fate::Taken | Fate::Fading(_)) if !accepted.duplicate => {
                if accepted.position.0 != self.last() + 1 {
                    return Err(format!("position {} was given after {}", accepted.position, self.last()));
                }
                self.append(log_time, sent.payload.clone());
                Ok(())
            }
            (Ok(accepted), Fate::Duplicate(position) | Fate::Fading(position)) if accepted.duplicate => {
                if accepted.position.0 == position { Ok(()) } else { wrong() }
            }
            (Err(refusal), Fate::Refused(code)) if refusal.code == code => Ok(()),
            (Err(refusal), Fate::Fading(_)) if refusal.code == Code::IdReused => Ok(()),
            _ => wrong(),
        }
    }
}
