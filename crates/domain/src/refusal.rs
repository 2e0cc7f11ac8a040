//! Why a request, an event or an entity was refused: a stable code, the field, and what to do about it.

use std::fmt;

/// A refusal's stable code. The text form is part of the interface and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Code {
    InvalidJson,
    InvalidValue,
    UnknownField,
    MissingField,
    WrongType,
    UnknownEvent,
    UnknownEntity,
    UnknownFeed,
    UnknownDecision,
    UnknownList,
    ListFull,
    UnknownReview,
    ReviewClaimed,
    ReviewDecided,
    InvalidExpression,
    InvalidSpec,
    SpecConflict,
    ChangeRunning,
    NoChangeRunning,
    UnknownVersion,
    SpecNeedsOlderLog,
    BadPageToken,
    PageExpired,
    TooLarge,
    TooMany,
    TimeInFuture,
    TimeOutOfRange,
    IdReused,
    CapacityReached,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Gone,
    Overloaded,
    Stopping,
    JournalFailed,
    DiskFull,
    LogFull,
    RateLimited,
    TooManyBytes,
    Recovering,
    TenantFailed,
    UnknownTenant,
    MalformedRequest,
    PathTooLong,
    HeadTooLarge,
    Timeout,
    SinkStopped,
    UnsupportedMedia,
    Internal,
}

impl Code {
    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidJson => "invalid_json",
            Code::InvalidValue => "invalid_value",
            Code::UnknownField => "unknown_field",
            Code::MissingField => "missing_field",
            Code::WrongType => "wrong_type",
            Code::UnknownEvent => "unknown_event",
            Code::UnknownEntity => "unknown_entity",
            Code::UnknownFeed => "unknown_feed",
            Code::UnknownDecision => "unknown_decision",
            Code::UnknownList => "unknown_list",
            Code::ListFull => "list_full",
            Code::UnknownReview => "unknown_review",
            Code::ReviewClaimed => "review_claimed",
            Code::ReviewDecided => "review_decided",
            Code::InvalidExpression => "invalid_expression",
            Code::InvalidSpec => "invalid_spec",
            Code::SpecConflict => "spec_conflict",
            Code::ChangeRunning => "change_running",
            Code::NoChangeRunning => "no_change_running",
            Code::UnknownVersion => "unknown_version",
            Code::SpecNeedsOlderLog => "spec_needs_older_log",
            Code::BadPageToken => "bad_page_token",
            Code::PageExpired => "page_expired",
            Code::TooLarge => "too_large",
            Code::TooMany => "too_many",
            Code::TimeInFuture => "time_in_future",
            Code::TimeOutOfRange => "time_out_of_range",
            Code::IdReused => "id_reused",
            Code::CapacityReached => "capacity_reached",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::Gone => "gone",
            Code::Overloaded => "overloaded",
            Code::Stopping => "stopping",
            Code::JournalFailed => "journal_failed",
            Code::DiskFull => "disk_full",
            Code::LogFull => "log_full",
            Code::RateLimited => "rate_limited",
            Code::TooManyBytes => "too_many_bytes",
            Code::Recovering => "recovering",
            Code::TenantFailed => "tenant_failed",
            Code::UnknownTenant => "unknown_tenant",
            Code::MalformedRequest => "malformed_request",
            Code::PathTooLong => "path_too_long",
            Code::HeadTooLarge => "head_too_large",
            Code::Timeout => "timeout",
            Code::SinkStopped => "sink_stopped",
            Code::UnsupportedMedia => "unsupported_media",
            Code::Internal => "internal",
        }
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The field concerned (`""` if none).
    pub field: String,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
    /// Where in the text of the field, if that is an expression.
    pub mark: Option<Box<Mark>>,
}

/// A place in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In characters, from 1.
    pub column: u32,
    /// The line of the expression, and under it a caret for each character that is meant.
    pub caret: String,
}

impl Mark {
    /// Marks the bytes of `span` in `text`.
    pub fn new(text: &str, span: std::ops::Range<usize>) -> Mark {
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let width = text[start..text.floor_char_boundary(span.end).clamp(start, line_end)].chars().count().max(1);
        let before = text[line_start..start].chars().count();
        let line = &text[line_start..line_end];
        Mark {
            column: text[..start].chars().count() as u32 + 1,
            caret: format!("{line}\n{}{}", " ".repeat(before), "^".repeat(width)),
        }
    }
}

impl Refusal {
    /// A refusal about one field.
    pub fn new(code: Code, field: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { code, field: field.into(), message: message.into(), mark: None }
    }

    /// The same with the place in the field's text.
    pub fn with_mark(mut self, mark: Mark) -> Refusal {
        self.mark = Some(Box::new(mark));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.code.as_str(), self.message)
        } else {
            write!(f, "{}: {}: {}", self.code.as_str(), self.field, self.message)
        }
    }
}

impl std::error::Error for Refusal {}

/// The sentence for a name that the spec does not have, with those it has: `what` says of what kind, in one word.
pub fn not_in_spec<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("the spec has no {what} '{name}'; it has: {known}")
}
