//! Bytes on the network to domain types and back: JSON events, entities and feed requests in; answers, results and
//! errors out. Strict (RFC 8259), bounded, without sockets; strings are borrowed from the input where nothing is escaped.

mod batch;
mod entity;
mod event;
mod feed;
mod fields;
mod list;
mod review;
mod scan;
mod suggest;
mod time;
mod usual;
mod write;

pub use batch::{
    Batch, EventLines, Form, LineRefusal, parse_entities, parse_event_lines, parse_events, parse_events_of,
};
pub use entity::parse_fields;
pub use event::{parse_event, parse_event_like};
pub use feed::{FeedCall, PageCall, parse_feed, parse_trial};
pub use list::{parse_list, parse_list_line, parse_list_put};
pub use review::{ReviewBody, parse_review};
pub use scan::{Outcome, Scanner, check, whole};
pub use time::{parse_time, write_instant, write_time};
pub use usual::Shape;
pub use write::{
    AlarmView, AnswerView, Applied, EntityFacts, LineOutcome, ListFacts, OutcomeOf, OutcomeView, ReasonView,
    VerdictView, write_alarm, write_answer, write_applied, write_array, write_bool, write_entity, write_error,
    write_event, write_float, write_int, write_key, write_list, write_named, write_outcome, write_raw, write_text,
    write_uint, write_undecided, write_verdict,
};
