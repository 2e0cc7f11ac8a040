//! A small blocking HTTP/1.1 client for demos, benches and crash tests: one connection kept alive, every wait bounded,
//! nothing tried twice. With it, bodies of events and entities as NDJSON.

mod client;
mod lines;
mod ndjson;

pub use client::{Client, Error, Response};
pub use lines::{LineReceiver, LineSender, post_lines};
pub use ndjson::{push_event, push_list_put, push_upsert};
