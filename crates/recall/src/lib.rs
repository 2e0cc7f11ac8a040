//! Candidate indexes, kept up to date for every change of the log: items ordered by a feature, items that the same users
//! visited, what sessions like the present one went on with, the newest items. Pure: what an index holds depends on nothing but the changes applied, the plan, and the item
//! features as of each change.

mod co_visited;
mod drawn;
mod explore;
mod hit;
mod indexes;
mod mix;
mod newest;
mod ranked;
mod saved;
mod sessions;
mod tags;
mod top;

pub use co_visited::{Known, Scratch, Side};
pub use hit::{Hit, ItemScores};
pub use indexes::{Indexes, Memory};
pub use saved::IndexesSnapshot;
pub use sessions::Visitor;
