//! Replies, and the one place that knows which status a refusal has.

use domain::{Code, Refusal};
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::mpsc;

/// A reply before it becomes HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// The refusal's code, if it is one.
    pub(crate) code: Option<Code>,
    /// Value of the `Allow` header.
    pub(crate) allow: Option<String>,
    /// Value of the `Retry-After` header, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// What comes instead of `body`, piece by piece.
    pub(crate) stream: Option<Streamed>,
}

/// The receiving end of a reply that is made while it is sent. If the sender goes away before it has said `End`, the connection is cut
/// off, so that nobody takes the reply for whole.
pub(crate) type Streamed = mpsc::Receiver<Piece>;

/// A piece of a streamed reply.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some of its bytes.
    Bytes(Bytes),
    /// There are no more.
    End,
}

/// The media type of JSON.
pub(crate) const JSON: &str = "application/json";
/// The media type of one JSON object per line.
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// The media type of server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream";
/// The media type of plain text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(body: Vec<u8>) -> Reply {
        Reply {
            status: StatusCode::OK,
            content_type: JSON,
            body,
            code: None,
            allow: None,
            retry_after: None,
            stream: None,
        }
    }

    /// 200 with lines of JSON as they are made.
    pub(crate) fn ndjson_stream(stream: Streamed) -> Reply {
        Reply { content_type: NDJSON, stream: Some(stream), ..Reply::json(Vec::new()) }
    }

    /// 200 with text. What clients have sent may be in it, and be shown by a terminal: nothing that steers one gets through.
    pub(crate) fn text(body: String) -> Reply {
        let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let body = if body.contains(steers) { body.replace(steers, "\u{FFFD}") } else { body };
        Reply { content_type: TEXT, ..Reply::json(body.into_bytes()) }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Reply {
        Reply { status, ..self }
    }

    /// A refusal in the one shape of errors.
    pub(crate) fn refused(refusal: &Refusal) -> Reply {
        let mut body = Vec::new();
        wire::write_error(&mut body, refusal);
        let status = status_of(refusal.code);
        let later = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        Reply { code: Some(refusal.code), retry_after: later.then_some(1), ..Reply::json(body).with_status(status) }
    }
}

/// The status of a refusal.
pub(crate) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::InvalidJson
        | Code::InvalidValue
        | Code::UnknownField
        | Code::MissingField
        | Code::WrongType
        | Code::UnknownEvent
        | Code::MalformedRequest
        | Code::TooMany
        | Code::InvalidExpression
        | Code::InvalidSpec
        | Code::BadPageToken => StatusCode::BAD_REQUEST,
        Code::TimeInFuture | Code::TimeOutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::UnknownEntity
        | Code::UnknownFeed
        | Code::UnknownDecision
        | Code::UnknownList
        | Code::UnknownReview
        | Code::UnknownTenant
        | Code::UnknownVersion
        | Code::NoChangeRunning
        | Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::RateLimited | Code::TooManyBytes => StatusCode::TOO_MANY_REQUESTS,
        Code::PathTooLong => StatusCode::URI_TOO_LONG,
        Code::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::Timeout => StatusCode::REQUEST_TIMEOUT,
        Code::IdReused
        | Code::ListFull
        | Code::ReviewClaimed
        | Code::ReviewDecided
        | Code::SpecConflict
        | Code::ChangeRunning
        | Code::SinkStopped
        | Code::SpecNeedsOlderLog => StatusCode::CONFLICT,
        Code::Gone | Code::PageExpired => StatusCode::GONE,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Overloaded | Code::Stopping | Code::JournalFailed | Code::Recovering | Code::TenantFailed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::CapacityReached | Code::DiskFull | Code::LogFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}
