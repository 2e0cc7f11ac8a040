//! gRPC beside HTTP: decisions on events, one or a stream of them, with the tokens, limits and answers of the HTTP interface. Start at
//! `service.rs`; `messages.rs` says what each message means, `connection.rs` how a connection is served.

mod connection;
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
mod generated;
mod messages;
mod outcomes;
mod service;
mod status;

pub use connection::serve;
/// The messages and the client's half of the service, as the .proto has them.
pub mod proto {
    pub use crate::generated::*;
}
