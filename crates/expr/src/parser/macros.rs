//! Calls that bind names: which those are, and what their arguments mean.

use super::Parser;
use super::operand::NOTHING;
use crate::Diagnostic;
use crate::ast::{Macro, MacroKind, Name, Node, NodeKind};

/// What a macro's arguments are, in order.
#[derive(Clone, Copy)]
struct Form {
    kind: MacroKind,
    variables: usize,
    filter: bool,
}

/// The macro with this name and as many arguments; anything else is a plain call.
fn form(name: &str, args: usize) -> Option<Form> {
    use MacroKind::{All, Exists, ExistsOne, Filter, Map, OptFlatMap, OptMap, TransformMap, TransformMapEntry};
    let (kind, variables, filter) = match (name, args) {
        ("all", 2 | 3) => (All, args - 1, false),
        ("exists", 2 | 3) => (Exists, args - 1, false),
        ("exists_one" | "existsOne", 2 | 3) => (ExistsOne, args - 1, false),
        ("filter", 2) => (Filter, 1, false),
        ("map", 2 | 3) => (Map, 1, args == 3),
        ("transformList", 3 | 4) => (Map, 2, args == 4),
        ("transformMap", 3 | 4) => (TransformMap, 2, args == 4),
        ("transformMapEntry", 3 | 4) => (TransformMapEntry, 2, args == 4),
        ("optMap", 2) => (OptMap, 1, false),
        ("optFlatMap", 2) => (OptFlatMap, 1, false),
        _ => return None,
    };
    Some(Form { kind, variables, filter })
}

impl Parser<'_> {
    /// The node of a call on a value: a macro, or a method.
    pub(super) fn called(&mut self, receiver: Node, name: Name, mut args: Vec<Node>) -> NodeKind {
        if receiver.as_name() == Some("cel") && name.text == "bind" && args.len() == 3 {
            let over = args.remove(1);
            let form = Form { kind: MacroKind::Bind, variables: 1, filter: false };
            return self.expanded(form, &name, over, args);
        }
        match form(&name.text, args.len()) {
            Some(form) => self.expanded(form, &name, receiver, args),
            None => NodeKind::Method { receiver: Box::new(receiver), name, args },
        }
    }

    fn expanded(&mut self, form: Form, name: &Name, over: Node, args: Vec<Node>) -> NodeKind {
        let mut args = args.into_iter();
        let mut variables: Vec<Name> = Vec::with_capacity(form.variables);
        for node in args.by_ref().take(form.variables) {
            let Some(text) = node.as_name().map(str::to_owned) else {
                let message = format!("`{}` binds a name here", name.text);
                let help = "write a plain name for the element, such as `x` in `list.exists(x, x > 1)`";
                self.report_always(Diagnostic::new("macro_variable", node.span, message).with_help(help));
                continue;
            };
            if variables.iter().any(|known| known.text == text) {
                let message = format!("`{text}` is bound twice");
                let fault = Diagnostic::new("macro_variable", node.span.clone(), message);
                self.report_always(fault.with_help("write two different names"));
            }
            variables.push(Name { text, span: node.span });
        }
        let filter = if form.filter { args.next() } else { None };
        let nothing = Node { kind: NOTHING, span: name.span.clone() };
        let body = args.next().unwrap_or(nothing);
        NodeKind::Macro(Box::new(Macro { kind: form.kind, name: name.span.clone(), over, variables, filter, body }))
    }
}
