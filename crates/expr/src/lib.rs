//! The expression language: text -> syntax tree with spans -> checked, typed form -> closures over rows, and
//! kernels over blocks of 64 rows.
//! What has no such form is run by the interpreter, which is the reference of the others.
//! Pure: an expression reads its row of values and nothing else. The syntax is CEL's, see [`parse`]; the types and
//! rules of numbers, times and missing values are those of [`compile`].

mod arithmetic;
mod ast;
mod block;
mod blocks;
mod builtin;
mod check;
mod closure;
mod columns;
mod compile;
mod datum;
mod diagnostic;
mod form;
mod functions;
mod interpreter;
mod lexer;
mod made;
mod membership;
mod numbers;
mod parser;
mod program;
mod required;
mod scope;
mod set;
mod suggest;
mod sum;
mod trial;
mod typed;
mod vector;

#[cfg(test)]
mod tests;

pub use ast::{Ast, BinaryOp, Entry, Literal, Macro, MacroKind, Name, Node, NodeKind, UnaryOp};
pub use check::{Checked, Environment, Meaning, Static, check};
pub use columns::{BLOCK_ROWS, Bits, BlockScratch, Column, Columns, Lane, Plain};
pub use compile::compile;
pub use datum::{Datum, Fault, Texts};
pub use diagnostic::Diagnostic;
pub use functions::Pattern;
pub use interpreter::{Names, interpret};
pub use made::MadeTexts;
pub use parser::parse;
pub use program::{Program, TextsRun};
pub use required::{Obstacle, RankKind, Reading, Required, Residue, Test, Wanted};
pub use scope::Scope;
pub use suggest::suggest;
pub use trial::{check_slots, evaluate};
