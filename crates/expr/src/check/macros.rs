//! Types of macros: what their names are bound to, and what they give.

use super::{Checker, Found, Static, Typed};
use crate::ast::{Macro, MacroKind, Node, NodeKind};
use std::ops::Range;

impl Checker<'_> {
    pub(super) fn expand(&mut self, of: &Macro, span: Range<usize>) -> Found {
        let over = self.node(&of.over)?;
        let bound = self.bound(of, &over)?;
        let before = self.locals.len();
        let names = of.variables.iter().map(|name| name.text.clone());
        self.locals.extend(names.zip(bound.iter().cloned()));
        let filter = of.filter.as_ref().map(|filter| self.condition(of, filter));
        let body = match of.kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne | MacroKind::Filter => {
                self.condition(of, &of.body)
            }
            _ => self.node(&of.body),
        };
        self.locals.truncate(before);
        let (filter, body) = (filter.map_or(Some(None), |filter| filter.map(Some))?, body?);
        let ty = self.given(of, &over.ty, &bound, &body)?;
        let (name, variables) = (of.name.clone(), of.variables.clone());
        let filter = filter.map(|filter| filter.node);
        let expanded = Macro { kind: of.kind, name, over: over.node, variables, filter, body: body.node };
        Some(Typed::new(NodeKind::Macro(Box::new(expanded)), span, ty))
    }

    fn condition(&mut self, of: &Macro, node: &Node) -> Found {
        let condition = self.node(node)?;
        match self.types.resolved(&condition.ty) {
            Static::Bool | Static::Dyn => Some(condition),
            ty => {
                let name = name_of(of.kind);
                let message = format!("the condition of `{name}` is a bool, but this is {ty}");
                self.wrong_type(node.span.clone(), message, "compare it with something: `x > 0`")
            }
        }
    }

    /// The types of the macro's names.
    fn bound(&mut self, of: &Macro, over: &Typed) -> Option<Vec<Static>> {
        let two = of.variables.len() == 2;
        let optional = matches!(of.kind, MacroKind::OptMap | MacroKind::OptFlatMap);
        match (of.kind, self.types.shallow(&over.ty)) {
            (MacroKind::Bind, ty) => Some(vec![ty]),
            (_, Static::Dyn | Static::Var(_)) => Some(vec![Static::Dyn; of.variables.len()]),
            (_, Static::Optional(inner)) if optional => Some(vec![*inner]),
            (_, Static::List(inner)) if !optional && two => Some(vec![Static::Int, *inner]),
            (_, Static::List(inner)) if !optional => Some(vec![*inner]),
            (_, Static::Map(key, value)) if !optional && two => Some(vec![*key, *value]),
            (_, Static::Map(key, _)) if !optional => Some(vec![*key]),
            (kind, ty) => {
                let what = if optional { "takes an optional" } else { "goes over a list or a map" };
                let message = format!("`{}` {what}, but this is {}", name_of(kind), self.types.resolved(&ty));
                let help = if optional { "make one with `optional.of(x)`" } else { "write `list.exists(x, x > 0)`" };
                self.wrong_type(over.node.span.clone(), message, help)
            }
        }
    }

    fn given(&mut self, of: &Macro, over: &Static, bound: &[Static], body: &Typed) -> Option<Static> {
        let first = || Box::new(bound[0].clone());
        let ty = body.ty.clone();
        Some(match of.kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Static::Bool,
            MacroKind::Filter => Static::List(first()),
            MacroKind::Map => Static::List(Box::new(ty)),
            MacroKind::TransformMap => Static::Map(first(), Box::new(ty)),
            MacroKind::OptMap => Static::Optional(Box::new(ty)),
            MacroKind::Bind => ty,
            MacroKind::OptFlatMap | MacroKind::TransformMapEntry => {
                let optional = of.kind == MacroKind::OptFlatMap;
                let wanted = if optional { "an optional" } else { "a map" };
                match self.types.shallow(&ty) {
                    ty @ Static::Optional(_) if optional => ty,
                    ty @ Static::Map(..) if !optional => ty,
                    Static::Dyn | Static::Var(_) => self.types.shallow(over),
                    other => {
                        let ty = self.types.resolved(&other);
                        let message = format!("`{}` makes {wanted}, but this is {ty}", name_of(of.kind));
                        let help =
                            if optional { "make one with `optional.of(x)`" } else { "write a map: `{key: value}`" };
                        return self.wrong_type(body.node.span.clone(), message, help);
                    }
                }
            }
        })
    }
}

fn name_of(kind: MacroKind) -> &'static str {
    match kind {
        MacroKind::All => "all",
        MacroKind::Exists => "exists",
        MacroKind::ExistsOne => "exists_one",
        MacroKind::Filter => "filter",
        MacroKind::Map => "map",
        MacroKind::TransformMap => "transformMap",
        MacroKind::TransformMapEntry => "transformMapEntry",
        MacroKind::OptMap => "optMap",
        MacroKind::OptFlatMap => "optFlatMap",
        MacroKind::Bind => "cel.bind",
    }
}
