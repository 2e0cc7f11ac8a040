//! Refusals as gRPC statuses: the code that fits best, and ours beside it, which says more.

use domain::{Code, Refusal};
use tonic::{Code as Grpc, Status};

/// Where our code stands in the metadata.
const CODE: &str = "millrace-code";
/// Where the field concerned stands.
const FIELD: &str = "millrace-field";

/// The status of a refusal.
pub(crate) fn status_of(refusal: &Refusal) -> Status {
    let mut status = Status::new(grpc_code(refusal.code), refusal.message.clone());
    let metadata = status.metadata_mut();
    for (name, text) in [(CODE, refusal.code.as_str()), (FIELD, &*refusal.field)] {
        // What cannot stand there is in the message.
        if let Ok(value) = text.parse()
            && !text.is_empty()
        {
            metadata.insert(name, value);
        }
    }
    status
}

fn grpc_code(code: Code) -> Grpc {
    match code {
        Code::Unauthorized => Grpc::Unauthenticated,
        Code::Forbidden => Grpc::PermissionDenied,
        Code::UnknownEntity
        | Code::UnknownFeed
        | Code::UnknownDecision
        | Code::UnknownList
        | Code::UnknownTenant
        | Code::UnknownVersion
        | Code::NoChangeRunning
        | Code::NotFound
        | Code::Gone
        | Code::PageExpired => Grpc::NotFound,
        Code::MethodNotAllowed => Grpc::Unimplemented,
        Code::Timeout => Grpc::DeadlineExceeded,
        Code::IdReused => Grpc::AlreadyExists,
        Code::ListFull | Code::SpecConflict | Code::ChangeRunning | Code::SpecNeedsOlderLog => Grpc::FailedPrecondition,
        Code::RateLimited | Code::TooManyBytes | Code::CapacityReached | Code::DiskFull | Code::LogFull => {
            Grpc::ResourceExhausted
        }
        Code::Overloaded | Code::Stopping | Code::JournalFailed | Code::Recovering | Code::TenantFailed => {
            Grpc::Unavailable
        }
        Code::Internal => Grpc::Internal,
        _ => Grpc::InvalidArgument,
    }
}
