//! Rerankers: what each reads of the items, and whether it can do anything.

use super::scope::FeedPlace;
use super::{Builder, ITEM};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{
    Dpp, Exposure, Fair, Likeness, Mix, Mmr, Of, PlaceRule, PlaceSource as Source, Rerank, Route, RouteSource, Rule,
    Target,
};
use crate::source::{
    FairSource, FeedSource, FromSource, OfSource, PlaceSource, RerankKind, RerankSource, RuleSource, TargetSource,
};
use crate::yaml::Text;
use domain::{Span, Type, limits};
use expr::Program;
use std::ops::Range;

/// What stands around the rerankers of a feed.
#[derive(Clone, Copy)]
pub(super) struct Around<'p> {
    /// What their conditions may read.
    pub(super) place: FeedPlace<'p>,
    /// The feed's routes, without those that have mistakes.
    pub(super) routes: &'p [Route],
    /// All feeds of the spec.
    pub(super) feeds: &'p [FeedSource],
}

impl Builder<'_> {
    pub(super) fn rerank(&mut self, source: &RerankSource, around: Around<'_>) -> Option<Rerank> {
        match &source.kind {
            RerankKind::Spread(rules) => {
                Some(Rerank::Spread(rules.iter().filter_map(|rule| self.rule(rule, around)).collect()))
            }
            RerankKind::Mmr(of) => {
                Some(Rerank::Mmr(Mmr { by: self.likeness(&of.by, around)?, lambda: of.weight, depth: of.depth }))
            }
            RerankKind::Dpp(of) => {
                Some(Rerank::Dpp(Dpp { by: self.likeness(&of.by, around)?, theta: of.weight, depth: of.depth }))
            }
            RerankKind::Slots(places) => {
                Some(Rerank::Slots(places.iter().filter_map(|place| self.place_rule(place, around)).collect()))
            }
            RerankKind::Mix { feed, at, every } => self.mix(feed, *at, *every, around).map(Rerank::Mix),
            RerankKind::Fresh { by, within, least, window } => {
                let field = self.typed_attribute(by, "`fresh`", |ty| *ty == Type::Time, "a timestamp")?;
                self.check_least(&source.span, *least, *window, "at_least", "in");
                let of = Of::Age { field, within: *within };
                Some(Rerank::Fresh(Rule { of, window: *window, most: None, least: *least }))
            }
            RerankKind::Fair(fair) => self.fair(fair).map(Rerank::Fair),
        }
    }

    fn rule(&mut self, source: &RuleSource, around: Around<'_>) -> Option<Rule> {
        let RuleSource { window, most, least, .. } = *source;
        if most.is_some_and(|most| most >= window) {
            let most = most.unwrap_or_default();
            let message = format!("`max` ({most}) is not below `window` ({window}), so nothing is spread");
            let issue = Issue::new("out_of_range", &source.span, message);
            self.issues.push(issue.help("lower `max`, or raise `window`"));
        }
        if most.is_some_and(|most| most < least) {
            let message = format!("`max` ({}) is below `min` ({least})", most.unwrap_or_default());
            self.issues.push(Issue::new("contradiction", &source.span, message).help("no window can hold both"));
        }
        self.check_least(&source.span, least, window, "min", "window");
        let kinds = |ty: &Type| match ty {
            Type::List(of) => **of == Type::Str,
            ty => matches!(ty, Type::Str | Type::Bool | Type::Int),
        };
        let of = match &source.of {
            OfSource::Attribute(text) => {
                Of::Attribute(self.typed_attribute(text, "`spread`", kinds, "a string, bool or int, or [string]")?)
            }
            OfSource::Condition(text) => Of::Condition(self.condition(text, around.place)?),
        };
        Some(Rule { of, window, most, least })
    }

    fn check_least(&mut self, span: &Range<usize>, least: u16, window: u16, least_name: &str, window_name: &str) {
        if least > window {
            let message = format!("`{least_name}` ({least}) is larger than `{window_name}` ({window})");
            self.issues.push(Issue::new("out_of_range", span, message).help("no window can hold so many"));
        }
    }

    /// An attribute of the items with a type that serves.
    pub(super) fn typed_attribute(
        &mut self,
        text: &Text,
        what: &str,
        fits: fn(&Type) -> bool,
        wanted: &str,
    ) -> Option<u16> {
        let field = self.item_attribute(text, what)?;
        let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
        if !fits(ty) {
            let message = format!("{} is {ty}; {what} needs {wanted}", quoted(&text.text));
            let issue = Issue::new("wrong_type", &text.span, message);
            self.issues.push(issue.help(format!("name an attribute of `item` that is {wanted}")));
            return None;
        }
        Some(field)
    }

    /// A condition that a candidate may meet, or a request.
    pub(super) fn condition(&mut self, text: &Text, place: FeedPlace<'_>) -> Option<Program> {
        let ast = self.parse(text)?;
        let program = self.compile_in_feed(text, &ast, ast.root(), place)?;
        if *program.ty() != Type::Bool {
            let message = format!("`when` is a condition (bool), but this is {}", program.ty());
            self.issues.push(Issue::new("wrong_type", &text.span, message).help("compare it with something"));
        }
        Some(program)
    }

    /// `item.<attribute>`, compared as its type is; or a `co_visited` route, whose index says which items go together.
    fn likeness(&mut self, by: &Text, around: Around<'_>) -> Option<Likeness> {
        if by.text.contains('.') {
            let field = self.item_attribute(by, "`by`")?;
            let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
            match ty {
                Type::Str | Type::Bool | Type::Int => return Some(Likeness::Equal(field)),
                Type::List(of) if **of == Type::Str => return Some(Likeness::Shared(field)),
                Type::List(of) if **of == Type::Float => return Some(Likeness::Cosine(field)),
                _ => {}
            }
            let message =
                format!("{} is {ty}; items are compared by string, bool, int, [string] or [float]", quoted(&by.text));
            let issue = Issue::new("wrong_type", &by.span, message);
            self.issues.push(issue.help("name such an attribute of `item`, or a `co_visited` route"));
            return None;
        }
        if let Some(RouteSource::CoVisited { index, .. }) =
            around.routes.iter().find(|route| route.name == by.text).map(|route| &route.source)
        {
            return Some(Likeness::CoVisited(*index));
        }
        if self.kept.is_some() {
            // Its index is not there yet.
            return None;
        }
        if !around.place.routes.contains(&by.text) {
            let known: Vec<String> = self.entities[usize::from(ITEM)]
                .fields
                .iter()
                .map(|field| format!("item.{}", field.name))
                .chain(around.place.routes.iter().cloned())
                .collect();
            let message = format!("{} is no attribute of `item` and no route of this feed", quoted(&by.text));
            let issue = Issue::new("unknown_name", &by.span, message);
            self.issues.push(issue.near(&by.text, known.iter().map(String::as_str)));
        } else if around.routes.iter().any(|route| route.name == by.text) {
            let message = format!("the route {} does not say which items go together", quoted(&by.text));
            let issue = Issue::new("wrong_type", &by.span, message);
            self.issues.push(issue.help("name a `co_visited` route, or an attribute as in `item.tags`"));
        }
        None
    }

    fn place_rule(&mut self, source: &PlaceSource, around: Around<'_>) -> Option<PlaceRule> {
        let from = match &source.from {
            FromSource::Condition(text) => Source::Condition(self.condition(text, around.place)?),
            FromSource::Route(name) => {
                let routes = around.place.routes;
                let Some(route) = routes.iter().position(|route| *route == name.text) else {
                    let message = format!("{} is not a route of this feed", quoted(&name.text));
                    let issue = Issue::new("unknown_name", &name.span, message);
                    self.issues.push(issue.near(&name.text, routes.iter().map(String::as_str)));
                    return None;
                };
                Source::Route(route as u16)
            }
        };
        Some(PlaceRule { at: source.at, every: source.every, source: from })
    }

    fn mix(&mut self, name: &Text, at: Option<u16>, every: u16, around: Around<'_>) -> Option<Mix> {
        let this = usize::from(around.place.feed);
        let others = around.feeds.iter().enumerate().filter(|(index, _)| *index != this).map(|(_, feed)| feed);
        let Some(feed) = around.feeds.iter().position(|feed| feed.name.text == name.text) else {
            let issue = Issue::new("unknown_name", &name.span, format!("{} is not a feed", quoted(&name.text)));
            let issue = issue.near(&name.text, others.map(|feed| feed.name.text.as_str()));
            self.issues.push(if issue.help.is_some() { issue } else { issue.help("declare it under `feeds`") });
            return None;
        };
        if feed == this {
            let issue = Issue::new("cycle", &name.span, "a feed cannot mix in itself");
            self.issues.push(issue.help("name another feed"));
            return None;
        }
        let other = &around.feeds[feed];
        let whom = |of: usize| around.feeds[of].subject.as_ref().map(|text| text.text.as_str());
        if whom(feed) != whom(this) {
            let message = format!("{} is for `{}`", quoted(&name.text), whom(feed).unwrap_or("another subject"));
            let issue = Issue::new("wrong_subject", &name.span, message);
            self.issues.push(issue.help("mix feeds that are asked for the same kind of subject"));
        }
        let mut context = Vec::new();
        for field in &other.context {
            let own = around.place.context.iter().position(|own| own.name == field.name.text);
            if own.is_some_and(|own| around.place.context[own].ty != field.ty) {
                let message = format!("the two feeds declare {} in `context` with two types", quoted(&field.name.text));
                self.issues.push(Issue::new("wrong_type", &name.span, message).help("give it one type"));
            }
            context.push(own.map(|own| own as u16));
        }
        let routes = other.routes.iter().map(|route| format!("{}.{}", name.text, route.name.text)).collect();
        Some(Mix { feed: feed as u16, at: at.unwrap_or(every), every, context, routes })
    }

    fn fair(&mut self, source: &FairSource) -> Option<Fair> {
        let field = self.typed_attribute(&source.of, "`fair`", |ty| *ty == Type::Str, "a string")?;
        let exposure = self.exposure(field, source.window, &source.of)?;
        if self.is_new(usize::from(exposure), |kept| kept.exposures) {
            return None;
        }
        let target = match &source.target {
            TargetSource::Equal => Target::Equal,
            TargetSource::Proportional => Target::Proportional,
            TargetSource::Shares(shares) => {
                Target::Shares(shares.iter().map(|(value, share)| (self.intern(&value.text).0, *share)).collect())
            }
        };
        Some(Fair { exposure, target, strength: source.strength, depth: source.depth })
    }

    /// What is counted for `fair`; equal counts are kept once.
    fn exposure(&mut self, field: u16, window: Span, at: &Text) -> Option<u16> {
        let exposure = Exposure { field, window };
        if let Some(known) = self.exposures.iter().position(|known| *known == exposure) {
            return Some(known as u16);
        }
        let most = limits::EXPOSURES_MAX;
        if self.exposures.len() >= most {
            let message = format!("the feeds count impressions in more than {most} ways");
            let issue = Issue::new("over_budget", &at.span, message);
            self.issues.push(issue.help("let steps share attribute and window"));
            return None;
        }
        self.exposures.push(exposure);
        Some((self.exposures.len() - 1) as u16)
    }
}
