//! What must hold after every restart, at every checkpoint, and at the end of a run.

use crate::disk::Storage;
use crate::model::{Reader, Value, features};
use crate::planted::Plant;
use crate::world::{Verdict, World};
use domain::{Code, Payload, Position, Raw, Time};
use engine::{By, LogFile, Machine, OpenReport};
use journal::Options;
use std::fmt::Display;

fn told(error: impl Display) -> String {
    error.to_string()
}

/// The recovered log against what the outside knows: acknowledged is there once and with the same bytes, unacknowledged is whole
/// or absent, positions are dense, nothing that was there has changed.
pub(crate) fn reopened(world: &mut World, report: &OpenReport, clean: bool) -> Verdict {
    let (first, last) = (report.journal.first.0, report.journal.last.0);
    if last < world.ledger.acked {
        return Err(format!("the log ends at {last}, but {} was acknowledged", world.ledger.acked));
    }
    if last > world.ledger.last() {
        return Err(format!("the log ends at {last}, but only {} were sent", world.ledger.last()));
    }
    if let Some((from, to)) = world.ledger.batches.iter().find(|(from, to)| *from <= last && last < *to) {
        return Err(format!("the log ends at {last}, inside the call {from} to {to} that is all or nothing"));
    }
    world.check_epoch(report.journal.epoch)?;
    if first > 1 && (world.knobs.retain.is_none() || first < world.replay_from) {
        return Err(format!("the log starts at {first}, it was {}", world.replay_from));
    }
    if let Some((at, spec)) = world.checkpointed
        && clean
        && spec.counting() == world.spec.counting()
        && report.checkpoint.0 < at
    {
        let (found, warnings) = (report.checkpoint, &report.warnings);
        return Err(format!("the checkpoint at {at} was lost, state comes from {found}: {warnings:?}"));
    }
    world.replay_from = first;
    world.ledger.truncate(last);
    world.left.retain(|(id, _)| id.position.0 <= last);
    world.pages.retain(|next| next.is_of_log(last));
    log(world)?;
    adopted(world);
    world.check_position()?;
    if world.rng.percent(30) {
        digests(world, last, &[1 + world.counts.steps as u32 % 4])?;
    }
    world.rearm();
    Ok(())
}

/// A spec that is not the last one in the log was appended to it.
fn adopted(world: &mut World) {
    let last = world.ledger.log.iter().rev().find_map(|record| match &record.payload {
        Payload::Spec(text) => Some(text.to_string()),
        _ => None,
    });
    let text = world.spec.plan().text.clone();
    if last.as_ref() != Some(&text) {
        let log_time = world.ledger.log_time.max(world.now);
        world.ledger.append(log_time, Payload::Spec(text.into()));
    }
}

/// Every record that is on the disk, compared with the one that must be there.
fn log(world: &World) -> Verdict {
    let log = LogFile::open(world.storage.fork().process(), Options::default()).map_err(told)?;
    let mut records = log.reader.iter_from(log.reader.first()).map_err(told)?;
    let mut next = log.reader.first().0;
    while let Some(record) = records.next().map_err(told)? {
        if record.header.position.0 != next || !record.digest_holds() {
            return Err(format!("record {} stands where {next} must", record.header.position));
        }
        next += 1;
        world.ledger.check_record(&record.to_owned())?;
    }
    if next != log.last.0 + 1 { Err(format!("the log is read to {next}, it ends at {}", log.last)) } else { Ok(()) }
}

/// State built from the first `last` records; planted bugs of whoever applies records are in here.
fn rebuilt(world: &World, last: u64, shards: u32) -> Machine {
    let mut machine = Machine::new(world.spec.plan(), shards, u64::from(shards));
    apply(world, &mut machine, 1, last);
    machine
}

fn apply(world: &World, machine: &mut Machine, from: u64, last: u64) {
    for position in from..=last {
        let record = &world.ledger.log[position as usize - 1];
        machine.writer_epoch = record.epoch;
        machine.apply(Position(position), Time(record.log_time), &record.payload);
    }
}

/// The same with the bug of a planted recovery.
fn recovered(world: &World, last: u64, shards: u32) -> Machine {
    let mut machine = Machine::new(world.spec.plan(), shards, 77);
    let middle = last / 2;
    apply(world, &mut machine, 1, middle);
    if world.has(Plant::AppliedTwice) {
        apply(world, &mut machine, middle.max(1), middle);
    }
    if world.has(Plant::AppliedOutOfOrder) && middle + 4 <= last {
        apply(world, &mut machine, middle + 3, middle + 4);
        apply(world, &mut machine, middle + 1, middle + 2);
        apply(world, &mut machine, middle + 5, last);
    } else {
        apply(world, &mut machine, middle + 1, last);
    }
    machine
}

/// State at a position is the same for every number of shards, and from the newest checkpoint.
fn digests(world: &mut World, last: u64, shards: &[u32]) -> Verdict {
    let wanted = rebuilt(world, last, 1).digest();
    for &shards in shards {
        let found = recovered(world, last, shards).digest();
        if found != wanted {
            return Err(format!("the digest at {last} is {found} with {shards} shards and {wanted} with one"));
        }
    }
    world.counts.digests += shards.len() as u64;
    from_checkpoint(world, last, wanted)
}

fn from_checkpoint(world: &mut World, last: u64, wanted: state::Digest) -> Verdict {
    let plan = world.spec.plan();
    let log = LogFile::open(world.storage.fork().process(), Options::default()).map_err(told)?;
    let shards = 1 + world.counts.steps as u32 % 3;
    let Some(mut machine) = engine::machine_of_checkpoint(&log.reader, &plan, shards).map_err(told)? else {
        return Ok(());
    };
    let at = machine.position.0;
    if at > last {
        return Err(format!("a checkpoint at {at} is ahead of the log, which ends at {last}"));
    }
    let alike = rebuilt(world, at, 1).digest();
    if machine.digest() != alike {
        return Err(format!("the checkpoint at {at} has the digest {}, the log up to there {alike}", machine.digest()));
    }
    let from = if world.has(Plant::CheckpointMisplaced) { at + 2 } else { at + 1 };
    apply(world, &mut machine, from, last);
    if last > at && machine.digest() != wanted {
        return Err(format!(
            "the checkpoint at {at} and the log after it give {}, the whole log {wanted}",
            machine.digest()
        ));
    }
    Ok(())
}

/// What the running node has counted of answers is what the log says.
fn attribution(world: &World) -> Verdict {
    let Some(core) = world.core.as_ref().filter(|_| world.spec.plan().attribution.is_some()) else { return Ok(()) };
    for by in [By::Route, By::Position] {
        let found = core.attribution(None, by).map_err(told)?;
        let mut wanted = rebuilt(world, world.ledger.last(), 1).attribution(None, by).map_err(told)?;
        // What was joined before the node was opened is not told.
        wanted.position = found.position;
        if found != wanted {
            return Err(format!("answers are attributed as {found:?}, the log says {wanted:?}"));
        }
    }
    Ok(())
}

/// A checkpoint that was just written is what the log says.
pub(crate) fn checkpoint(world: &mut World) -> Verdict {
    attribution(world)?;
    let durable = world.core.as_ref().map_or(0, |core| core.status().durable.0);
    let wanted = rebuilt(world, durable, 1).digest();
    from_checkpoint(world, durable, wanted)
}

/// An entity's attributes and features as the model has them.
pub(crate) fn entity(world: &World, kind: &str, key: &str) -> Verdict {
    let Some(core) = &world.core else { return Ok(()) };
    let model = &world.ledger.model;
    let at = world.ledger.last();
    let view = match core.entity(kind, key) {
        Ok(view) => view,
        Err(refusal) if matches!(refusal.code, Code::NotFound | Code::UnknownEntity) => {
            let mut heard =
                ["view", "buy", "login"].into_iter().flat_map(|event| model.happened(world.spec, event, at));
            let named = heard.any(|event| event.keys.get(kind).is_some_and(|known| known == key));
            let known = kind != "device" && (named || model.change_of(kind, key, at).is_some());
            return if known { Err(format!("{kind} {key} is not known: {refusal}")) } else { Ok(()) };
        }
        Err(refusal) => return Err(told(refusal)),
    };
    if view.now.0 != world.now.max(state_time(world)) {
        return Err(format!(
            "windows end at {}, the clock says {}, the log {}",
            view.now.0,
            world.now,
            state_time(world)
        ));
    }
    for (name, value) in &view.fields {
        let wanted = model.attribute(kind, key, name, at).cloned().unwrap_or(Raw::Null);
        if *value != wanted {
            return Err(format!("{kind} {key} has {name} {value:?}, the model says {wanted:?}"));
        }
    }
    let owner = if kind == "user" {
        "user"
    } else if kind == "item" {
        "item"
    } else {
        "device"
    };
    let reader = Reader { model, spec: world.spec, owner: (owner, key), category: None, at, now: view.now.0 };
    let wanted = features(world.spec).iter().filter(|feature| feature.entity == kind);
    for feature in wanted {
        let found = view.features.iter().find(|(name, _)| name == feature.name).map(|(_, value)| value);
        let wanted = (feature.value)(&reader);
        if !found.is_some_and(|found| agrees(&wanted, found)) {
            return Err(format!(
                "{kind} {key} has {} {found:?}, the model says {wanted:?} at {}",
                feature.name, view.now.0
            ));
        }
    }
    Ok(())
}

/// Log time of the last record that state takes in.
fn state_time(world: &World) -> i64 {
    let of_state =
        world.ledger.log.iter().rev().find(|record| !matches!(record.payload, Payload::Decision(_) | Payload::Spec(_)));
    of_state.map_or(0, |record| record.log_time)
}

fn agrees(wanted: &Value, found: &Raw<'static>) -> bool {
    match (wanted, found) {
        (Value::Keys(keys), Raw::List(list)) => {
            let listed = list.iter().map(|raw| match raw {
                Raw::Str(key) => Some(&**key),
                _ => None,
            });
            listed.eq(keys.iter().map(|key| Some(key.as_str())))
        }
        (wanted, Raw::Float(found)) => wanted.is(Some(*found)),
        (wanted, Raw::Int(found)) => wanted.is(Some(*found as f64)),
        (wanted, Raw::Null) => wanted.is(None),
        _ => false,
    }
}

/// Everything that left can be found, explained and computed again.
pub(crate) fn decisions(world: &mut World) -> Verdict {
    let Some(core) = &world.core else { return Ok(()) };
    for (id, answer) in &world.left {
        if id.position > core.status().durable || id.position < core.status().replay_from {
            continue;
        }
        let found = core.decision(*id).map_err(|refusal| format!("{id}: {refusal}"))?;
        if found != *answer {
            return Err(format!("{id} was answered {answer:?} and is recorded as {found:?}"));
        }
    }
    let newest = world.left.iter().rev().find(|(id, _)| id.position.0 <= core.status().durable.0);
    if let Some((id, _)) = newest
        && core.status().replay_from.0 == 1
    {
        let again = core.replay(*id, &mut |_, _| ()).map_err(|refusal| format!("{id}: {refusal}"))?;
        if !again.identical {
            return Err(format!("{id} is computed again as another: {:?}", again.differences));
        }
    }
    Ok(())
}

/// The end of a run: all state and all decisions, once more from the bytes on the disk alone.
pub(crate) fn end(world: &mut World) -> Verdict {
    log(world)?;
    attribution(world)?;
    let last = world.ledger.last();
    digests(world, last, &[1, 2, 4, 8])?;
    if world.core.as_ref().is_none_or(|core| core.status().replay_from.0 > 1) {
        return Ok(());
    }
    let log = LogFile::open(world.storage.fork().process(), Options::default()).map_err(told)?;
    let plan = world.spec.plan();
    let (found, wanted) = (log.digest(&plan, 3).map_err(told)?, rebuilt(world, last, 1).digest());
    if found != wanted {
        return Err(format!("the log on the disk has the digest {found}, the one that was sent {wanted}"));
    }
    if world.has(Plant::ReplayedLater) {
        return replayed_later(world, &log);
    }
    let report = log.replay(1_000, 1 + world.counts.steps as u32 % 4, &mut |_, _| ()).map_err(told)?;
    (world.counts.replayed, world.counts.identical) = (report.replayed, report.identical);
    if report.replayed != report.identical {
        return Err(format!("decisions are computed again as others: {:?}", report.different));
    }
    Ok(())
}

/// The planted replay that takes its own clock's time for the recorded one.
fn replayed_later(world: &World, log: &LogFile<crate::disk::SimDisk>) -> Verdict {
    let last_spec = world.ledger.log.iter().rposition(|record| matches!(record.payload, Payload::Spec(_))).unwrap_or(0);
    for record in &world.ledger.log[last_spec..] {
        let Payload::Decision(answer) = &record.payload else { continue };
        let mut question = engine::strip(answer);
        question.stripped.now = Time(answer.now.0 + 3_600_000);
        let mut start = || Machine::new(world.spec.plan(), 1, 0);
        let again = engine::recompute(&log.reader, &mut start, &[question], &mut |_, _| ()).map_err(told)?;
        let mut again = again.into_iter().next().ok_or("no answer was computed")?;
        again.now = answer.now;
        if !decision::compare(answer, &again).is_empty() {
            return Err("a decision is computed again as another".into());
        }
    }
    Ok(())
}

/// A disk with one bad bit: refused by name, or opened with everything that was acknowledged and nothing changed.
pub(crate) fn damaged(world: &World, storage: &Storage, name: &str) -> Verdict {
    let options = Options { segment_bytes: world.knobs.segment_bytes, verify: journal::Verify::All };
    let log = match LogFile::open(storage.process(), options) {
        Ok(log) => log,
        // Any named refusal will do: nothing was guessed.
        Err(_) => return Ok(()),
    };
    let last = log.last.0;
    let mut records = log.reader.iter_from(log.reader.first()).map_err(told)?;
    while let Some(record) = records.next().map_err(told)? {
        world.ledger.check_record(&record.to_owned())?;
    }
    // Without a witness the last commit looks like one that was never finished.
    let witnessed = world.last_commit;
    if last < witnessed.min(world.ledger.acked) {
        return Err(format!(
            "with a bad bit in {name} the log ends at {last}, but {} was acknowledged",
            world.ledger.acked
        ));
    }
    Ok(())
}
