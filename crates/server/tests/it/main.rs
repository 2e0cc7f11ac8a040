//! A real server on a loopback port over a real engine in a temporary folder, spoken to over TCP.

mod alarms;
mod attribution;
mod bad_decisions;
mod bad_input;
mod calls;
mod expressions;
mod framing;
mod gorse;
mod house;
mod ledger;
mod lists;
mod outbox;
mod reviews;
mod spec;
mod streams;
mod suite;
mod tenants;
mod tokens;
mod verdicts;
