//! Outcomes as server-sent events. A connection is cut if its client reads nothing for too long, sooner where a state of its own is
//! held for it.

use super::{Followed, Following, Part, after_of};
use crate::Shared;
use crate::reply::{EVENTS, Piece, Reply};
use domain::Refusal;
use hyper::HeaderMap;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use wire::OutcomeView;

/// One client's.
pub(crate) struct Stream {
    following: Following,
    patience: Duration,
}

/// Why it ends.
enum Ended {
    /// The server stops.
    Stopped,
    /// It cannot go on.
    Refused(Refusal),
    /// Nobody listens, or not soon enough.
    Unheard,
}

impl Stream {
    /// # Errors
    /// Names that the spec has not, a `Last-Event-ID` that is none, or `overloaded`.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        mut part: Part,
        headers: &HeaderMap,
        stop: watch::Receiver<bool>,
    ) -> Result<Stream, Refusal> {
        // A client that was cut off goes on where it was, whatever it asked for first.
        if let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) {
            part.after = after_of(id.to_str().unwrap_or_default(), "last-event-id")?;
        }
        // The connection ends before that, once its client reads nothing for `write_time`.
        let patience = shared.config.limits.write_time * 2;
        Ok(Stream { following: Following::new(shared, part, stop)?, patience })
    }

    /// Begins to tell; ends once the server stops or the client is gone.
    pub(crate) fn begin(self) -> Reply {
        let (out, pieces) = mpsc::channel(1);
        tokio::spawn(async move {
            match self.run(&out).await {
                // A connection that is cut shows that there was more.
                Ended::Unheard => return,
                Ended::Stopped => {}
                Ended::Refused(refusal) => {
                    let mut event = b"event: error\ndata: ".to_vec();
                    wire::write_error(&mut event, &refusal);
                    event.extend_from_slice(b"\n\n");
                    // If nobody listens any more there is nothing to be said.
                    let _ = out.send(Piece::Bytes(event.into())).await;
                }
            }
            let _ = out.send(Piece::End).await;
        });
        Reply { content_type: EVENTS, stream: Some(pieces), ..Reply::json(Vec::new()) }
    }

    async fn run(mut self, out: &mpsc::Sender<Piece>) -> Ended {
        let mut bytes = b"retry: 1000\n\n".to_vec();
        loop {
            let patience = self.following.patience(self.patience);
            if !matches!(timeout(patience, out.send(Piece::Bytes(Bytes::from(bytes)))).await, Ok(Ok(()))) {
                return Ended::Unheard;
            }
            let followed = tokio::select! {
                followed = self.following.next(event) => followed,
                () = out.closed() => return Ended::Unheard,
            };
            bytes = match followed {
                Ok(Followed::Told(events)) => events.concat(),
                // With an id, so that a client that is told little goes on here and not where it was told something last.
                Ok(Followed::Quiet(cursor)) => format!(": heartbeat\nid: {cursor}\n\n").into_bytes(),
                Ok(Followed::Stopped) => return Ended::Stopped,
                Err(refusal) => return Ended::Refused(refusal),
            };
        }
    }
}

fn event(outcome: &OutcomeView<'_>) -> Vec<u8> {
    let mut bytes = format!("id: {}\nevent: {}\ndata: ", outcome.key, outcome.what.kind()).into_bytes();
    wire::write_outcome(&mut bytes, outcome);
    bytes.extend_from_slice(b"\n\n");
    bytes
}
