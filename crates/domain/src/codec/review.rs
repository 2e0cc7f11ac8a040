//! The payload of a review's record.

use super::{CodecError, Input, put_int, put_str, put_uint};
use crate::{DecisionId, Position, Review, ReviewAct, Span};

pub(super) fn put(out: &mut Vec<u8>, review: &Review<'_>) {
    put_uint(out, u64::from(review.case.epoch));
    put_uint(out, review.case.position.0);
    put_str(out, &review.decision);
    put_str(out, &review.by);
    match &review.act {
        ReviewAct::Claim { lease } => {
            out.push(0);
            put_int(out, lease.0);
        }
        ReviewAct::Release => out.push(1),
        ReviewAct::Decide { answer, reason } => {
            out.push(2);
            put_str(out, answer);
            put_str(out, reason);
        }
    }
}

pub(super) fn take<'a>(input: &mut Input<'a>) -> Result<Review<'a>, CodecError> {
    let epoch = u32::try_from(input.uint()?).map_err(|_| CodecError)?;
    let case = DecisionId { epoch, position: Position(input.uint()?) };
    let (decision, by) = (input.text()?, input.text()?);
    let act = match input.byte()? {
        0 => ReviewAct::Claim { lease: Span(input.int()?) },
        1 => ReviewAct::Release,
        2 => ReviewAct::Decide { answer: input.text()?, reason: input.text()? },
        _ => return Err(CodecError),
    };
    Ok(Review { case, decision, by, act })
}
