//! Types of fields and elements.

use super::{Checker, Found, Static, Typed};
use crate::Diagnostic;
use crate::ast::{Node, NodeKind};
use std::ops::Range;

impl Checker<'_> {
    /// The type of a field of a value of this type; `span` is the field's name.
    pub(super) fn field(&mut self, of: &Static, name: &str, optional: bool, span: Range<usize>) -> Option<Static> {
        let wrap = |ty: Static| if optional { Static::Optional(Box::new(ty)) } else { ty };
        // A field is found by the text of its name.
        self.texts = true;
        match self.types.shallow(of) {
            Static::Map(key, value) => {
                if self.types.assignable(&Static::Str, &key) {
                    return Some(wrap(*value));
                }
                let key = self.types.resolved(&key);
                let message = format!("the keys of this map are {key}, so it has no fields");
                self.wrong_type(span, message, "ask for a key: `map[key]`")
            }
            Static::Dyn | Static::Var(_) => Some(wrap(Static::Dyn)),
            Static::Optional(inner) => self.field(&inner, name, true, span),
            ty => {
                let message = format!("{} has no fields, so no `{name}`", self.types.resolved(&ty));
                self.wrong_type(span, message, "maps have fields, and so have entities: `item.price`")
            }
        }
    }

    /// `x[i]`
    pub(super) fn index(&mut self, operand: &Node, index: &Node, optional: bool, span: Range<usize>) -> Found {
        let (operand, index) = (self.node(operand), self.node(index));
        let (operand, index) = (operand?, index?);
        let ty = self.element(&operand.ty, &index, optional, span.clone())?;
        let kind = NodeKind::Index { operand: operand.boxed(), index: index.boxed(), optional };
        Some(Typed::new(kind, span, ty))
    }

    fn element(&mut self, of: &Static, index: &Typed, optional: bool, span: Range<usize>) -> Option<Static> {
        let wrap = |ty: Static| if optional { Static::Optional(Box::new(ty)) } else { ty };
        let place = self.types.shallow(&index.ty);
        match self.types.shallow(of) {
            Static::List(inner) => {
                if matches!(place, Static::Int | Static::Uint | Static::Dyn | Static::Var(_)) {
                    return Some(wrap(*inner));
                }
                let message = format!("a place in a list is an int, but this is {}", self.types.resolved(&place));
                self.wrong_type(index.node.span.clone(), message, "write a place from 0: `list[0]`")
            }
            Static::Map(key, value) => {
                let known = self.types.resolved(&key);
                if self.types.assignable(&place, &key) || place.is_number() && known.is_number() {
                    return Some(wrap(*value));
                }
                let message = format!("the keys of this map are {known}, but this is {}", self.types.resolved(&place));
                self.wrong_type(index.node.span.clone(), message, "ask for a key of the map's type")
            }
            Static::Dyn | Static::Var(_) => Some(wrap(Static::Dyn)),
            Static::Optional(inner) => self.element(&inner, index, true, span),
            ty => {
                let message = format!("{} has no elements", self.types.resolved(&ty));
                let fault = Diagnostic::new("wrong_type", span, message);
                self.refuse(fault.with_help("lists and maps have"))
            }
        }
    }
}
