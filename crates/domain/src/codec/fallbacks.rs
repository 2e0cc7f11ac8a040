//! The payload of a record of fallbacks that were given.

use super::{CodecError, Input, put_str, put_uint};
use crate::{DecisionId, FallbacksGiven, Position};

pub(super) fn put(out: &mut Vec<u8>, given: &FallbacksGiven<'_>) {
    put_str(out, &given.decision);
    put_uint(out, given.on.len() as u64);
    for id in &given.on {
        put_uint(out, u64::from(id.epoch));
        put_uint(out, id.position.0);
    }
}

pub(super) fn take<'a>(input: &mut Input<'a>) -> Result<FallbacksGiven<'a>, CodecError> {
    let decision = input.text()?;
    let count = input.len()?;
    let id = |input: &mut Input<'a>| {
        let epoch = u32::try_from(input.uint()?).map_err(|_| CodecError)?;
        Ok(DecisionId { epoch, position: Position(input.uint()?) })
    };
    Ok(FallbacksGiven { decision, on: (0..count).map(|_| id(input)).collect::<Result<_, _>>()? })
}
