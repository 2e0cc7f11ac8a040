//! The expression language: text -> syntax tree with spans -> checked types -> compiled closures over slots.
//! Pure: an expression reads its row of values and nothing else.

mod program;

pub use program::Program;
