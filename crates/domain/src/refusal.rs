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
}

impl Refusal {
    /// A refusal about one field.
    pub fn new(code: Code, field: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { code, field: field.into(), message: message.into() }
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
