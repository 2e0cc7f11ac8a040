//! How far back a value looks: what must have been counted for it to be whole.

use domain::Span;
use spec::Plan;
use spec::plan::{AggregateOp, PaneLevel, SlotIndex, SlotSource, Stream, Window};

/// How far back a value looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// It counts no events; attributes are what was last said of an entity.
    Nothing,
    /// So long before the instant that it is read at.
    Back(Span),
    /// To the first event there ever was.
    Everything,
}

/// The longest of a calendar's periods.
const PERIOD_MAX: Span = Span(31 * 86_400_000 + 3_600_000);

/// Of everything in these slots. Attributes and lists reach back to when they were last set: to everything.
pub(crate) fn of(plan: &Plan, slots: &[SlotIndex]) -> Reach {
    let reach = |slot: &SlotIndex| match plan.slots[usize::from(*slot)].source {
        SlotSource::Aggregate(index) => {
            let aggregate = &plan.aggregates[usize::from(index)];
            let stream = &plan.streams[usize::from(aggregate.stream)];
            let crossed_by_attribute =
                matches!(plan.tables[usize::from(stream.table)].cross, Some(spec::plan::Cross::ItemField(_)));
            if crossed_by_attribute { Reach::Everything } else { of_aggregate(aggregate.op, stream) }
        }
        SlotSource::Attribute { .. } | SlotSource::Listed(_) => Reach::Everything,
        _ => Reach::Nothing,
    };
    // An attribute alone has no slots of aggregates; it is what was last set, which may be before the cut.
    if slots.is_empty() {
        return Reach::Everything;
    }
    slots.iter().map(reach).max().unwrap_or(Reach::Nothing)
}

/// Of one aggregate.
pub(crate) fn of_aggregate(op: AggregateOp, stream: &Stream) -> Reach {
    match op {
        AggregateOp::Seen(span) | AggregateOp::CountRecents(span) => Reach::Back(span),
        _ => match op.window() {
            Some(Window::Sliding(span)) => Reach::Back(Span(span.0.saturating_add(pane(stream, span)))),
            Some(Window::Tumbling { width, back }) => Reach::Back(Span(width.0.saturating_mul(i64::from(back) + 1))),
            Some(Window::Calendar { back, .. }) => Reach::Back(Span(PERIOD_MAX.0.saturating_mul(i64::from(back) + 1))),
            Some(Window::Session(_)) | None => Reach::Everything,
        },
    }
}

/// The longest pane that a sliding window is widened by.
fn pane(stream: &Stream, window: Span) -> i64 {
    let serving = stream.panes.iter().filter(|level| level.serves(Window::Sliding(window)));
    let widths = serving.filter_map(|level| match level {
        PaneLevel::Sliding { width, .. } => Some(width.0),
        _ => None,
    });
    widths.max().unwrap_or(0)
}
