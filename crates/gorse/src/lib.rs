//! The Gorse REST API in terms of users, items and events: its paths, bodies and answers, and a read-model of what it lets
//! clients read back, which is a function of the log. No socket, no thread, no clock.
//! Start at `call.rs` (the table of calls), `shape.rs` (what the spec must declare) and `mirror.rs` (the read-model).

mod bodies;
mod call;
mod cursor;
mod mirror;
mod neighbours;
mod params;
mod shape;
mod time;
mod write;

pub use bodies::{
    Feedback, Item, ItemPatch, User, UserPatch, read_feedback, read_item, read_item_patch, read_items, read_user,
    read_user_patch, read_users,
};
pub use call::{Call, Found, Right, find};
pub use cursor::{FeedbackKey, decode_key, encode_key};
pub use mirror::{Due, Filter, Mirror, Page, Row};
pub use neighbours::neighbours;
pub use params::Params;
pub use shape::Shape;
pub use time::{ZERO_MS, parse_delay, parse_time};
pub use write::{
    ItemView, UserView, write_affected, write_feedback, write_health, write_ids, write_item, write_items, write_page,
    write_scores, write_user, write_users,
};
