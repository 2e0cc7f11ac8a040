//! The tenants of one process as the operator wrote them: names, files and limits. Nothing is opened here; paths and durations are
//! as written.

use crate::diagnostic::{Diagnostics, Issues};
use crate::{decode, yaml};
use domain::Span;

/// A file of tenants, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenants {
    /// The file of the operator's tokens, which open the metrics of the whole process.
    pub operator: Option<String>,
    /// The tenants, in the order of the file; at least one.
    pub tenants: Vec<Tenant>,
}

/// One tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenant {
    /// Its name in paths, directories and metrics: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Path of its spec.
    pub spec: String,
    /// Path of its tokens; none = open, to this machine only.
    pub tokens: Option<String>,
    /// How much of its log is kept; none = as the process says.
    pub retain: Option<Span>,
    /// What it may use.
    pub limits: TenantLimits,
}

/// What one tenant may use; none = no limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Requests a second.
    pub requests_per_second: Option<u32>,
    /// Requests at once after a pause; none = one second's.
    pub requests_burst: Option<u32>,
    /// Events and entities a second.
    pub events_per_second: Option<u32>,
    /// Events and entities at once after a pause; none = one second's.
    pub events_burst: Option<u32>,
    /// Bytes of request bodies in memory at once.
    pub body_bytes: Option<u64>,
    /// Entities of one type that were ever named.
    pub entities: Option<u32>,
    /// Distinct string values.
    pub strings: Option<u32>,
    /// Bytes of log on disk.
    pub log_bytes: Option<u64>,
}

/// Reads a file of tenants. `file_name` is only for the diagnostics.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn read_tenants(file_name: &str, text: &str) -> Result<Tenants, Diagnostics> {
    let mut issues = Issues::default();
    let tenants = yaml::read(text, &mut issues).map(|root| decode::tenants(&root, &mut issues));
    match tenants {
        Some(tenants) if issues.is_empty() => Ok(tenants),
        _ => Err(issues.finish(file_name, text)),
    }
}

/// Whether this may be a tenant's name: 1 to 63 lower-case ASCII letters, digits, `-` and `_`, a letter or digit first. Nothing else
/// can be said in a path, so that no name leads out of the data directory and no two name the same folder.
pub fn is_tenant_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with(['-', '_'])
}

#[cfg(test)]
mod tests;
