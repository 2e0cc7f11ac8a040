//! Reading a request's body: bounded in size, in time, and from below in rate; only JSON, only as it is.

use crate::config::Limits;
use domain::{Code, Refusal};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Refuses bodies that are compressed or say that they are not JSON. A missing type is taken for JSON.
pub(crate) fn admit_type(headers: &HeaderMap) -> Result<(), Refusal> {
    for encoding in headers.get_all(CONTENT_ENCODING) {
        if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            let message = "compressed bodies are not taken; send the body as it is";
            return Err(Refusal::new(Code::UnsupportedMedia, "content-encoding", message));
        }
    }
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let media = content_type.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let json = ["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"];
    if json.contains(&media.as_str()) {
        return Ok(());
    }
    let message = "send 'Content-Type: application/json' (or application/x-ndjson); curl does it with --json";
    Err(Refusal::new(Code::UnsupportedMedia, "content-type", message))
}

/// Reads the whole body, at most `max` bytes.
///
/// # Errors
/// `too_large`, `timeout` if it comes too slowly, `invalid_value` if the connection breaks or the framing is wrong.
pub(crate) async fn read(body: Incoming, max: usize, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(too_large(max));
    }
    let start = Instant::now();
    let mut bytes = Vec::with_capacity((announced as usize).min(64 << 10));
    let mut body = body;
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
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&data);
    }
}

/// How long after its start a body may take that has come this far.
fn allowance(received: usize, limits: &Limits) -> Duration {
    let earned = Duration::from_millis(received as u64 * 1_000 / limits.body_rate.max(1));
    (limits.body_grace + earned).min(limits.body_time)
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(Code::TooLarge, "body", format!("the body may have at most {max} bytes; send several calls"))
}
