//! What the operator wrote, checked, as one immutable plan; or all that is wrong with it.

pub mod plan;

pub use plan::Plan;
