//! Feeds: context, filters, and the score split into its additive terms.

use super::rerank::Around;
use super::scope::{FeedPlace, Place, Scope};
use super::{Builder, ITEM, USER, field_types};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{EntityIndex, Feed, Fusion, FusionKind, Route};
use crate::source::{FeedSource, FusionSource, Source};
use crate::yaml::Text;
use domain::{Type, Value, limits};
use expr::{Ast, BinaryOp, Node, NodeKind, Program};
use std::sync::Arc;

impl Builder<'_> {
    pub(super) fn feeds(&mut self, source: &Source) {
        for declared in &source.feeds {
            if self.issues.full() {
                return;
            }
            let subject = self.subject(declared);
            let feed = self.feed(declared, subject, source);
            self.feeds.push(feed);
        }
    }

    /// Whom the feed is for; `user` where that was not said properly, so that its other mistakes are found.
    fn subject(&mut self, feed: &FeedSource) -> EntityIndex {
        let Some(subject) = &feed.subject else { return USER };
        match subject.text.as_str() {
            "user" => USER,
            "item" => ITEM,
            wrong => {
                let message = format!("a feed is for `user` or `item`, not for {}", quoted(wrong));
                let issue = Issue::new("wrong_subject", &subject.span, message);
                self.issues.push(issue.near(wrong, ["user", "item"].into_iter()));
                USER
            }
        }
    }

    fn feed(&mut self, declared: &FeedSource, subject: EntityIndex, source: &Source) -> Feed {
        let context = field_types(&declared.context);
        if let Some(field) = declared.context.iter().find(|field| field.name.text == "item") {
            let message = "`request.item` is the item that the feed is asked for";
            self.issues.push(Issue::new("reserved_name", &field.name.span, message).help("choose another name"));
        }
        let names: Vec<String> = declared.routes.iter().map(|route| route.name.text.clone()).collect();
        let place = FeedPlace {
            feed: self.feeds.len() as u16,
            name: &declared.name.text,
            subject,
            context: &context,
            routes: &names,
        };
        let routes: Vec<Route> = declared.routes.iter().filter_map(|route| self.route(route, place)).collect();
        let fusion = fusion(&declared.fusion);
        let filters = declared.filters.iter().filter_map(|filter| self.filter(filter, place)).collect();
        let terms = declared.score.as_ref().map_or(Vec::new(), |score| self.terms(score, place));
        let around = Around { place, routes: &routes, feeds: &source.feeds };
        let reranks = declared.reranks.iter().filter_map(|rerank| self.rerank(rerank, around)).collect();
        let (policies, holdout) = self.policies(declared, place);
        let (name, durable) = (declared.name.text.clone(), declared.durable);
        Feed { name, subject, context, routes, fusion, filters, terms, reranks, durable, policies, holdout }
    }

    pub(super) fn filter(&mut self, text: &Text, place: FeedPlace<'_>) -> Option<Program> {
        let ast = self.parse(text)?;
        let program = self.compile_in_feed(text, &ast, ast.root(), place)?;
        if *program.ty() != Type::Bool {
            let message = format!("this must be a condition (bool), but it is {}", program.ty());
            self.issues.push(Issue::new("wrong_type", &text.span, message).help("compare it with something"));
        }
        Some(program)
    }

    pub(super) fn compile_in_feed(
        &mut self,
        text: &Text,
        ast: &Ast,
        node: &Node,
        place: FeedPlace<'_>,
    ) -> Option<Program> {
        let mut scope = Scope { builder: self, ast, place: Place::Feed(place), more: Vec::new() };
        let result = expr::compile(ast, node, &mut scope);
        let more = std::mem::take(&mut scope.more);
        self.note(text, more);
        match result {
            Ok(program) => Some(program),
            Err(diagnostics) => {
                self.note(text, diagnostics);
                None
            }
        }
    }

    /// The score as a sum from left to right.
    fn terms(&mut self, text: &Text, place: FeedPlace<'_>) -> Vec<Program> {
        let Some(ast) = self.parse(text) else { return Vec::new() };
        let mut nodes = Vec::new();
        split(ast.root(), &mut nodes);
        let mut terms = Vec::new();
        for (node, negative) in nodes {
            let Some(program) = self.compile_in_feed(text, &ast, node, place) else { continue };
            if !matches!(program.ty(), Type::Int | Type::Float) {
                let message = format!("a score is a number, but this is {}", program.ty());
                let span = text.locate(self.file, &node.span);
                let issue = Issue::new("wrong_type", &span, message);
                self.issues.push(match program.ty() {
                    Type::Bool => issue.help("write `condition ? 1.0 : 0.0`"),
                    _ => issue.help("add up numbers, as in `recall.score + 0.5 * item.<feature>`"),
                });
            }
            terms.push(if negative { negated(&program) } else { program });
        }
        terms
    }

    /// Reads `item.<attribute>`.
    pub(super) fn item_attribute(&mut self, text: &Text, what: &str) -> Option<u16> {
        let name = text.text.strip_prefix("item.");
        if let Some(field) = name.and_then(|name| self.field(ITEM, name)) {
            return Some(field);
        }
        if self.is_broken("entity", &text.text.split('.').collect::<Vec<_>>()) {
            return None;
        }
        let message = format!("{what} needs an attribute of `item`, and {} is none", quoted(&text.text));
        let known: Vec<String> =
            self.entities[usize::from(ITEM)].fields.iter().map(|field| format!("item.{}", field.name)).collect();
        let issue = Issue::new("unknown_name", &text.span, message);
        self.issues.push(issue.near(&text.text, known.iter().map(String::as_str)));
        None
    }
}

fn fusion(source: &FusionSource) -> Fusion {
    let kind = source.kind.as_ref().map_or(FusionKind::Rrf, |(kind, _)| *kind);
    Fusion { kind, candidates: source.candidates.unwrap_or(limits::CANDIDATES_MAX as u16) }
}

/// `a + b - c` as `a`, `b` and `c` to subtract. Only the left side is split further, so that the sum from left to right is
/// the value of the formula to the last bit.
fn split<'n>(node: &'n Node, terms: &mut Vec<(&'n Node, bool)>) {
    match &node.kind {
        NodeKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Subtract), left, right } => {
            split(left, terms);
            terms.push((right, *op == BinaryOp::Subtract));
        }
        _ => terms.push((node, false)),
    }
}

/// The program of `-x`.
fn negated(program: &Program) -> Program {
    let inner = program.clone();
    let (text, ty, slots) = (format!("-{}", program.text()), program.ty().clone(), program.slots().to_vec());
    let negative = |value: Value| match value {
        Value::Int(int) => int.checked_neg().map_or(Value::Missing, Value::Int),
        Value::Float(float) => Value::Float(-float),
        _ => Value::Missing,
    };
    if program.needs_texts() {
        let run = move |row: &[Value], texts: &dyn expr::Texts| negative(inner.eval_with(row, texts));
        return Program::with_texts(text, ty, slots, Arc::new(run));
    }
    Program::new(text, ty, slots, Arc::new(move |row: &[Value]| negative(inner.eval(row))))
}
