//! Types of calls: of the surroundings' functions, of ours, and of the library's by their declarations.

use super::declarations::{self, Signature};
use super::numbers::{OWN, counted};
use super::{Checker, Found, Meaning, Static, Typed};
use crate::ast::{Literal, Name, Node, NodeKind};
use crate::builtin::foreign;
use crate::{Diagnostic, Pattern, functions, suggest};
use std::ops::Range;

impl Checker<'_> {
    /// `name(args)`
    pub(super) fn call(&mut self, name: &Name, args: &[Node], span: Range<usize>) -> Found {
        match self.environment.call(&name.text, args, span.clone()) {
            Some(Ok(Meaning::Slot(slot, ty))) => return self.slot(slot, ty, span),
            Some(Ok(Meaning::Value(ty, _))) => {
                let args = self.nodes(args)?.into_iter().map(|arg| arg.node).collect();
                return Some(Typed::new(NodeKind::Call { name: name.clone(), args }, span, ty));
            }
            Some(Err(fault)) => return self.refuse(fault),
            None => {}
        }
        if let Some(own) = OWN.iter().find(|own| own.0 == name.text) {
            return self.own(own, name, args, span);
        }
        if !declarations::is_function(&name.text) {
            return self.unknown_function(name);
        }
        let typed = self.nodes(args)?;
        let ty = self.overloaded(name, &name.text, None, &typed, span.clone())?;
        if name.text == "matches"
            && let [text, pattern] = &typed[..]
            && let Some(pattern) = compiled(&pattern.node)
        {
            return Some(searched(text.node.clone(), pattern, span));
        }
        let args = typed.into_iter().map(|arg| arg.node).collect();
        Some(Typed::new(NodeKind::Call { name: name.clone(), args }, span, ty))
    }

    /// `x.name(args)`, `math.name(args)`
    pub(super) fn method(&mut self, receiver: &Node, name: &Name, args: &[Node], span: Range<usize>) -> Found {
        if let Some(namespace) = receiver.as_name().filter(|name| self.local(name).is_none()) {
            let whole = format!("{namespace}.{}", name.text);
            if declarations::is_function(&whole) {
                let typed = self.nodes(args)?;
                let ty = self.overloaded(name, &whole, None, &typed, span.clone())?;
                let receiver = Box::new(receiver.clone());
                let args = typed.into_iter().map(|arg| arg.node).collect();
                return Some(Typed::new(NodeKind::Method { receiver, name: name.clone(), args }, span, ty));
            }
        }
        let (receiver, typed) = (self.node(receiver), self.nodes(args));
        let (receiver, typed) = (receiver?, typed?);
        if !declarations::is_function(&name.text) {
            return self.unknown_method(name, &receiver);
        }
        let ty = self.overloaded(name, &name.text, Some(&receiver), &typed, span.clone())?;
        if name.text == "matches"
            && let [pattern] = &typed[..]
            && let Some(pattern) = compiled(&pattern.node)
        {
            return Some(searched(receiver.node, pattern, span));
        }
        let args = typed.into_iter().map(|arg| arg.node).collect();
        let kind = NodeKind::Method { receiver: receiver.boxed(), name: name.clone(), args };
        Some(Typed::new(kind, span, ty))
    }

    /// The type that a function gives for these arguments.
    fn overloaded(
        &mut self,
        name: &Name,
        whole: &str,
        receiver: Option<&Typed>,
        args: &[Typed],
        span: Range<usize>,
    ) -> Option<Static> {
        let sized = whole == "size"
            && receiver
                .into_iter()
                .chain(args)
                .all(|arg| matches!(self.types.resolved(&arg.ty), Static::List(_) | Static::Map(..)));
        let strings = receiver.into_iter().chain(args).any(|arg| self.types.resolved(&arg.ty).has_strings());
        self.texts |= strings && !sized;
        if let Some(ty) = self.variadic(whole, args) {
            return Some(ty);
        }
        let mut given: Option<Static> = None;
        for signature in declarations::signatures(whole) {
            let Some(ty) = self.fitted(&signature, receiver, args) else { continue };
            given = Some(match given {
                Some(before) if self.types.resolved(&before) != self.types.resolved(&ty) => Static::Dyn,
                _ => ty,
            });
        }
        // A string that is made has no symbol to be compared by.
        self.texts |= given.as_ref().is_some_and(|ty| self.types.resolved(ty).has_strings()) && !sized;
        match given {
            Some(ty) => self.literal_fits(whole, args).then_some(ty),
            None => self.no_overload(name, whole, receiver, args, span),
        }
    }

    /// Reports a regular expression or a time zone, written as a literal, that is none.
    fn literal_fits(&mut self, whole: &str, args: &[Typed]) -> bool {
        let Some(Node { kind: NodeKind::Literal(Literal::Str(text)), span }) = args.last().map(|last| &last.node)
        else {
            return true;
        };
        let Some((code, message)) = functions::mistaken_literal(whole, text) else {
            return true;
        };
        let fault = Diagnostic::new(code, span.clone(), message);
        self.faults.push(match code {
            "unknown_time_zone" => {
                fault.with_help("write a name such as `Europe/Berlin`, or an offset such as `+02:00`")
            }
            _ => fault.with_help("the syntax is that of RE2: no back references, no look-around"),
        });
        false
    }

    /// The result of one signature, if the arguments fit it.
    fn fitted(&mut self, signature: &Signature, receiver: Option<&Typed>, args: &[Typed]) -> Option<Static> {
        if signature.receiver.is_some() != receiver.is_some() || signature.params.len() != args.len() {
            return None;
        }
        let fresh: Vec<Static> = (0..signature.variables).map(|_| self.types.fresh()).collect();
        let before = self.types.clone();
        let wanted = signature.receiver.iter().chain(&signature.params);
        for (wanted, arg) in wanted.zip(receiver.into_iter().chain(args)) {
            if !self.types.assignable(&arg.ty, &instance(wanted, &fresh)) {
                self.types = before;
                return None;
            }
        }
        Some(instance(&signature.result, &fresh))
    }

    /// `math.greatest` and `math.least`, which take any number of numbers, or one list of them.
    fn variadic(&mut self, whole: &str, args: &[Typed]) -> Option<Static> {
        if !matches!(whole, "math.greatest" | "math.least") {
            return None;
        }
        let mut types: Vec<Static> = args.iter().map(|arg| self.types.resolved(&arg.ty)).collect();
        if let [Static::List(of)] = &types[..] {
            types = vec![(**of).clone()];
        }
        if types.is_empty() || !types.iter().all(|ty| ty.is_number() || *ty == Static::Dyn) {
            return None;
        }
        Some(if types.iter().all(|ty| *ty == types[0]) { types[0].clone() } else { Static::Dyn })
    }

    fn no_overload(
        &mut self,
        name: &Name,
        whole: &str,
        receiver: Option<&Typed>,
        args: &[Typed],
        span: Range<usize>,
    ) -> Option<Static> {
        let shape = |signature: &Signature| {
            let params: Vec<String> = signature.params.iter().map(|ty| ty.to_string()).collect();
            format!("({})", params.join(", "))
        };
        let known: Vec<Signature> = declarations::signatures(whole).collect();
        let same_kind: Vec<&Signature> =
            known.iter().filter(|signature| signature.receiver.is_some() == receiver.is_some()).collect();
        if same_kind.is_empty() && !known.is_empty() {
            let (message, help) = match receiver {
                Some(_) => (format!("`{}` is not called on a value", name.text), format!("write `{}(x)`", name.text)),
                None => (format!("`{}` is called on a value", name.text), format!("write `x.{}(...)`", name.text)),
            };
            return self.refuse(Diagnostic::new("wrong_type", span, message).with_help(help));
        }
        let counts = same_kind.iter().any(|signature| signature.params.len() == args.len());
        let mut wanted: Vec<String> = same_kind.iter().map(|signature| shape(signature)).collect();
        wanted.dedup();
        let wanted = if wanted.len() > 4 || known.is_empty() {
            String::new()
        } else {
            format!(" takes {}, but", wanted.join(" or "))
        };
        let types = |typed: &[Typed], types: &super::Types| -> String {
            typed.iter().map(|arg| types.resolved(&arg.ty).to_string()).collect::<Vec<_>>().join(", ")
        };
        if !counts && !wanted.is_empty() {
            let message = format!("`{whole}`{wanted} there {}", counted(args.len()));
            let help = "add what is missing, or remove what is too much";
            return self.refuse(Diagnostic::new("wrong_arity", span, message).with_help(help));
        }
        let found = types(args, &self.types);
        let on = receiver.map_or(String::new(), |receiver| format!("{}.", self.types.resolved(&receiver.ty)));
        let message = match wanted.is_empty() {
            true => format!("`{whole}` does not take {on}({found})"),
            false => format!("`{whole}`{wanted} this is {on}({found})"),
        };
        self.wrong_type(span, message, "the language reference lists what each function takes")
    }

    fn unknown_function(&mut self, name: &Name) -> Found {
        let shown: String = name.text.chars().take(64).collect();
        let fault =
            Diagnostic::new("unknown_function", name.span.clone(), format!("there is no function `{shown}` here"));
        let mut known: Vec<&str> = self.environment.known_calls();
        OWN.iter().map(|own| own.0).chain(declarations::names()).for_each(|name| known.push(name));
        let fault = match (foreign(&name.text), suggest(&name.text, known.into_iter())) {
            (Some(help), _) => fault.with_help(help),
            (None, Some(nearest)) => fault.with_help(format!("did you mean `{nearest}`?")),
            (None, None) => fault,
        };
        self.refuse(fault)
    }

    fn unknown_method(&mut self, name: &Name, receiver: &Typed) -> Found {
        let ty = self.types.resolved(&receiver.ty);
        let shown: String = name.text.chars().take(64).collect();
        let message = format!("there is no function `{shown}` of {ty}");
        let fault = Diagnostic::new("unknown_function", name.span.clone(), message);
        let own = OWN.iter().any(|own| own.0 == name.text);
        let fault = match suggest(&name.text, declarations::names().chain(MACROS.iter().copied())) {
            _ if own => fault.with_help(format!("write `{shown}(x)`")),
            Some(nearest) => fault.with_help(format!("did you mean `{nearest}`?")),
            None => fault,
        };
        self.refuse(fault)
    }
}

/// The pattern in a literal; those that are none were reported.
fn compiled(node: &Node) -> Option<Pattern> {
    match &node.kind {
        NodeKind::Literal(Literal::Str(text)) => Pattern::new(text).ok(),
        _ => None,
    }
}

/// A search for a pattern that is compiled once.
fn searched(text: Node, pattern: Pattern, span: Range<usize>) -> Typed {
    Typed::new(NodeKind::Matches { text: Box::new(text), pattern }, span, Static::Bool)
}

/// Names of macros, for "did you mean".
const MACROS: &[&str] = &[
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "optMap",
    "optFlatMap",
];

/// A declared type with fresh variables in the place of its own.
fn instance(ty: &Static, fresh: &[Static]) -> Static {
    match ty {
        Static::Var(variable) => fresh.get(*variable as usize).cloned().unwrap_or(Static::Dyn),
        Static::List(of) => Static::List(Box::new(instance(of, fresh))),
        Static::Optional(of) => Static::Optional(Box::new(instance(of, fresh))),
        Static::Type(of) => Static::Type(Box::new(instance(of, fresh))),
        Static::Map(key, value) => Static::Map(Box::new(instance(key, fresh)), Box::new(instance(value, fresh))),
        ty => ty.clone(),
    }
}
