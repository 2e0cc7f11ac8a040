//! Where state begins on a log that retention has cut: a checkpoint of an older plan, of which a new plan's state goes on with what both
//! count, keep and index alike. The plan's text says which checkpoint it is, so everything builds the same state from it.

use super::{Loaded, OWN_SPEC, SPEC, load_before};
use crate::offline::LogFile;
use domain::Position;
use journal::{Disk, Reader};
use spec::{Carried, Plan};
use std::sync::Arc;

/// A checkpoint that a new plan's state can begin at.
pub(crate) struct Base {
    /// Which one it is.
    pub(crate) from: Carried,
    /// The plan that it is of.
    pub(crate) plan: Arc<Plan>,
}

/// The oldest checkpoint that has all that the plan in force counts: the one that its own state begins at while the log reaches
/// there, else the oldest of its own.
pub(crate) fn base<D: Disk>(reader: &Reader<D>, in_force: &Arc<Plan>) -> Result<Option<Base>, journal::Error> {
    if let Some(from) = in_force.carried.filter(|from| from.position.next() >= reader.replay_from())
        && let Some(plan) = plan_at(reader, &from)?
    {
        return Ok(Some(Base { from, plan }));
    }
    let state = spec::state_digest(in_force);
    let Some(oldest) = journal::load_oldest_checkpoint(reader, &state)?.checkpoint else { return Ok(None) };
    let (position, log_time) = (oldest.entry().position, oldest.entry().log_time);
    let from = Carried { position, log_time, state };
    // Its own text is what finds the plan later.
    Ok(plan_at(reader, &from)?.map(|plan| Base { from, plan }))
}

/// The plan that a checkpoint is of; none if it is not there, or its text is of another.
fn plan_at<D: Disk>(reader: &Reader<D>, from: &Carried) -> Result<Option<Arc<Plan>>, journal::Error> {
    let found = journal::load_checkpoint_before(reader, from.position, &from.state)?;
    let Some(mut checkpoint) = found.checkpoint.filter(|of| of.entry().position == from.position) else {
        return Ok(None);
    };
    let (mut texts, mut bytes) = (Vec::new(), Vec::new());
    while let Some(tag) = checkpoint.next_section()? {
        if tag == SPEC || tag == OWN_SPEC {
            bytes.clear();
            checkpoint.read_section(&mut bytes)?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let plans = texts.iter().filter_map(|text| spec::compile("the spec of a checkpoint", text).ok());
    Ok(plans.into_iter().find(|plan| spec::state_digest(plan) == from.state).map(Arc::new))
}

/// Where the newest checkpoint of a plan stands; none if it has none.
pub(crate) fn exists<D: Disk>(reader: &Reader<D>, plan: &Plan) -> Option<Position> {
    let found = journal::load_checkpoint_before(reader, reader.last(), &spec::state_digest(plan)).ok()?;
    found.checkpoint.map(|checkpoint| checkpoint.entry().position)
}

/// State of a plan at the checkpoint of another that it begins at, if that is at or before a position.
pub(super) fn carried_over<D: Disk>(
    reader: &Reader<D>,
    position: Position,
    plan: &Arc<Plan>,
    (shards, hash_seed): (u32, u64),
    warnings: &mut Vec<String>,
) -> Result<Option<Loaded>, journal::Error> {
    let Some(from) = plan.carried.filter(|from| from.position <= position) else { return Ok(None) };
    let Some(old) = plan_at(reader, &from)? else { return Ok(None) };
    let loaded = load_before(reader, from.position, &old, shards, hash_seed, warnings)?;
    let Some(loaded) = loaded.filter(|loaded| loaded.machine.position == from.position) else { return Ok(None) };
    let Loaded { machine, specs, text } = loaded;
    Ok(machine.carried(plan, &text).map(|machine| Loaded { machine, specs, text }))
}

/// The plan of a spec that a node is started with, on a log that may be cut: as the log has it if it is in force there, with the state
/// that is there if it has the same, else with one that begins at a checkpoint.
pub(crate) fn form_at_start<D: Disk>(reader: &Reader<D>, plan: &Arc<Plan>) -> Result<Arc<Plan>, journal::Error> {
    let whole = reader.first() <= Position(1);
    if whole || plan.carried.is_some() || plan.is_interim() {
        return Ok(plan.clone());
    }
    let in_force = match LogFile::of(reader.clone()) {
        Ok(log) => log.plan(),
        Err(_) => None,
    };
    let Some(in_force) = in_force else { return Ok(plan.clone()) };
    if plan.text == in_force.written() && !in_force.is_interim() {
        return Ok(in_force);
    }
    let under = |from: &Carried| spec::carried(Some(from), "the spec", &plan.text).ok().map(Arc::new);
    if let Some(same) = in_force.carried.as_ref().and_then(under)
        && spec::state_digest(&same) == spec::state_digest(&in_force)
    {
        return Ok(same);
    }
    if exists(reader, plan).is_some() {
        return Ok(plan.clone());
    }
    let Some(base) = base(reader, &in_force)? else { return Ok(plan.clone()) };
    let carried = under(&base.from).filter(|_| spec::carry(&base.plan, plan).is_ok());
    Ok(carried.unwrap_or_else(|| plan.clone()))
}
