//! The write half: catalogue, keyed rows and windows, as pure functions of the log.
//! A record is validated and admitted before it is appended, resolved to dense ids once, and then applied by every
//! component in log order; what a component holds depends on nothing but the records applied and the plan.

mod attribution;
mod carry;
mod catalogue;
mod coerce;
mod computed;
mod crossed;
mod dedupe;
mod dictionary;
mod digest;
mod elements;
mod exposure;
mod fingerprint;
mod key_table;
mod layout;
mod lists;
mod names;
mod numbered;
mod paged;
mod quotas;
mod read;
mod resolve;
mod row;
mod rows;
mod saved;
mod short_text;
mod sketch;
mod subject;
mod touched;
mod validate;

pub use attribution::{Attribution, AttributionSnapshot, Counts, Decided, FeedCounts, Unjoined};
pub use catalogue::{Catalogue, CatalogueSnapshot};
pub use dedupe::{Dedupe, DedupeSnapshot, Delivery, Identities, Identity};
pub use dictionary::{Dictionary, DictionarySnapshot};
pub use digest::Digest;
pub use domain::parse_timestamp;
pub use elements::{Element, Elements};
pub use exposure::Exposure;
pub use key_table::{KeyTable, TableKey};
pub use lists::{ListEntry, Lists, ListsSnapshot};
pub use paged::{Paged, Pages};
pub use quotas::{QuotaReading, Quotas, QuotasSnapshot};
pub use resolve::{Change, EventChange, Few, Located, Resolved, cross_key, resolve, resolve_located};
pub use rows::{Memory, Raised, Reading, Rows, RowsSnapshot, Scope};
pub use saved::{LoadError, Reader, Snapshot};
pub use subject::{CrossedReading, CrossedValue, Subject};
pub use touched::Touched;
pub use validate::{admit, admit_all, validate};
