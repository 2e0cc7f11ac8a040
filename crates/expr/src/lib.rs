//! The expression language: text -> syntax tree with spans -> checked types -> compiled closures over slots.
//! Pure: an expression reads its row of values and nothing else. The syntax is a subset of CEL's, see [`parse`];
//! the types, the rules and the functions are those of [`compile`].

mod arithmetic;
mod ast;
mod builtin;
mod columns;
mod compile;
mod datum;
mod diagnostic;
mod lexer;
mod membership;
mod operand;
mod parser;
mod program;
mod scope;
mod suggest;
mod sum;
mod typed;

#[cfg(test)]
mod tests;

pub use ast::{Ast, BinaryOp, Literal, Name, Node, NodeKind, UnaryOp};
pub use columns::{BLOCK_ROWS, Bits, BlockScratch, Column, Columns, Lane, Plain};
pub use compile::compile;
pub use datum::{Datum, Fault, Texts};
pub use diagnostic::Diagnostic;
pub use parser::parse;
pub use program::Program;
pub use scope::Scope;
pub use suggest::suggest;
