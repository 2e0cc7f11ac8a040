//! The nouns of Millrace: positions, times, values, events, records, requests and answers.
//! Pure data and its binary encoding; nothing here reads a clock, a file or a socket.

mod answer;
pub mod calendar;
mod codec;
mod event;
pub mod limits;
mod outcome;
mod periods;
mod position;
mod refusal;
mod request;
mod review;
mod time;
mod timestamp;
mod trial;
mod value;
mod zone;

pub use answer::{Answer, Change, DecisionId, Effect, Effort, Few, Recommended, Removal, RouteHit, Step, Term};
pub use codec::{CodecError, Payload};
pub use event::{Event, Field, ListPut, Raw, Upsert};
pub use outcome::OutcomeId;
pub use periods::Periods;
pub use position::{EntityId, PlanVersion, Position, Symbol};
pub use refusal::{Code, Mark, Refusal, not_in_spec};
pub use request::{Boost, FeedRequest, Page, Subject};
pub use review::{FallbacksGiven, Review, ReviewAct};
pub use time::{Span, Time};
pub use timestamp::{INSTANT_RANGE_NS, parse_day, parse_instant, parse_timestamp};
pub use trial::Trial;
pub use value::{Type, Value, Values};
pub use zone::{CalendarUnit, Zone};
