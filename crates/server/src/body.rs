//! Reading a request's body: bounded in size, in time, and from below in rate; only of the types that a call takes, only as it is.

use crate::config::Limits;
use crate::quota::Held;
use domain::{Code, Refusal};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Which types of bodies a call takes.
pub(crate) struct Media {
    types: &'static [&'static str],
    advice: &'static str,
}

/// JSON and lines of it.
pub(crate) const JSON: Media = Media {
    types: &["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"],
    advice: "send 'Content-Type: application/json' (or application/x-ndjson); curl does it with --json",
};

/// Those of `JSON` that are lines.
const LINES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// A spec. No type that a browser sends to other sites without asking them.
pub(crate) const SPEC: Media = Media {
    types: &["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "application/json"],
    advice: "send 'Content-Type: application/yaml'; with curl: -H 'content-type: application/yaml' --data-binary @spec.yaml",
};

/// Refuses bodies that are compressed or say that they are not JSON. A missing type is taken for JSON.
pub(crate) fn admit_type(headers: &HeaderMap, taken: &Media) -> Result<(), Refusal> {
    for encoding in headers.get_all(CONTENT_ENCODING) {
        if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            let message = "compressed bodies are not taken; send the body as it is";
            return Err(Refusal::new(Code::UnsupportedMedia, "content-encoding", message));
        }
    }
    match media_type(headers) {
        Some(media) if !taken.types.iter().any(|known| media.eq_ignore_ascii_case(known)) => {
            Err(Refusal::new(Code::UnsupportedMedia, "content-type", taken.advice))
        }
        _ => Ok(()),
    }
}

/// Whether the body says to be JSON by lines.
pub(crate) fn is_lines(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media| LINES.iter().any(|known| media.eq_ignore_ascii_case(known)))
}

/// As it was sent: types are the same in capitals.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(CONTENT_TYPE)?;
    Some(content_type.to_str().unwrap_or("").split(';').next().unwrap_or("").trim())
}

/// Most bytes of a refused body that are read and thrown away.
const DISCARD_BYTES_MAX: usize = 1 << 20;
/// Longest time that is spent on it.
const DISCARD_TIME: Duration = Duration::from_millis(500);

/// Reads and throws away the body of a request that was refused already. A connection closed over unread bytes is reset,
/// and the client would lose the answer; so a body of moderate size is taken off it first. A client that asked whether to
/// send its body (`Expect`) has not sent it.
pub(crate) async fn discard(headers: &HeaderMap, mut body: Incoming) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let end = Instant::now() + DISCARD_TIME;
    let mut rest = DISCARD_BYTES_MAX;
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        let Some(left) = rest.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else { return };
        rest = left;
    }
}

/// Reads the whole body, at most `max` bytes, of the request with these headers. What is announced and what comes is held.
///
/// # Errors
/// `too_large`, `too_many_bytes`, `timeout` if it comes too slowly, `invalid_value` if the connection breaks or the framing is wrong.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Incoming,
    max: usize,
    held: &mut Held<'_>,
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        discard(headers, body).await;
        return Err(too_large(max));
    }
    if let Err(refusal) = held.grow_to(announced as usize) {
        discard(headers, body).await;
        return Err(refusal);
    }
    let start = Instant::now();
    let mut bytes = Vec::with_capacity((announced as usize).min(64 << 10));
    loop {
        let Ok(frame) = timeout_at(start + allowance(bytes.len(), limits), body.frame()).await else {
            return Err(Refusal::new(Code::Timeout, "body", "the body came too slowly; send it again"));
        };
        let frame = match frame {
            None => return Ok(bytes),
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                return Err(Refusal::new(Code::InvalidValue, "body", "the body ended early or its framing is wrong"));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > max {
            discard(headers, body).await;
            return Err(too_large(max));
        }
        if let Err(refusal) = held.grow_to(bytes.len() + data.len()) {
            discard(headers, body).await;
            return Err(refusal);
        }
        bytes.extend_from_slice(&data);
    }
}

/// How long after its start a body, or a line of a stream, may take that has come this far.
pub(crate) fn allowance(received: usize, limits: &Limits) -> Duration {
    let earned = Duration::from_millis(received as u64 * 1_000 / limits.body_rate.max(1));
    (limits.body_grace + earned).min(limits.body_time)
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(Code::TooLarge, "body", format!("the body may have at most {max} bytes; send several calls"))
}
