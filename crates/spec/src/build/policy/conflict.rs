//! Policies that contradict each other are refused; what can have no effect is warned of. Conditions are compared as text
//! (white space aside) and by `path == literal`: whether two conditions can hold of one item is not decidable in general.

use crate::build::stream::canonical;
use crate::build::{Builder, ITEM};
use crate::diagnostic::{Issue, quoted};
use crate::source::{CountSource, FeedSource, PolicyKind, PolicySource};
use crate::yaml::Text;
use expr::{BinaryOp, Literal, NodeKind};

impl Builder<'_> {
    /// Looks at every policy of a feed alone, and at every two of them.
    pub(super) fn check_conflicts(&mut self, feed: &FeedSource) {
        let for_items = feed.subject.as_ref().is_some_and(|subject| self.entity(&subject.text) == Some(ITEM));
        for policy in &feed.policies {
            self.check_effect(feed, policy, for_items);
        }
        for (index, second) in feed.policies.iter().enumerate() {
            for first in feed.policies[..index].iter().filter(|first| overlap(first, second)) {
                self.check_pair(first, second);
            }
        }
        self.check_reach(feed);
        if let Some(holdout) = &feed.holdout {
            if for_items {
                self.warn("no_effect", &holdout.span, "a feed for items has no users to hold out", "remove it");
            } else if !feed.policies.iter().any(|policy| is_spared(&policy.kind)) {
                let message = "nothing of this feed is held back from anybody: it has no boosts, pins or orders";
                self.warn("no_effect", &holdout.span, message, "remove it, or hold out on the feed that has policies");
            }
        }
    }

    pub(in crate::build) fn warn(
        &mut self,
        code: &'static str,
        span: &std::ops::Range<usize>,
        message: &str,
        help: &str,
    ) {
        self.issues.warn(None, Issue::new(code, span, message).help(help));
    }

    /// What one policy cannot do.
    fn check_effect(&mut self, feed: &FeedSource, policy: &PolicySource, for_items: bool) {
        if let Some(until) = policy.until {
            let issue = Issue::new("expired", &policy.span, "this policy has expired and does nothing any more");
            self.issues.warn(Some(until), issue.help("remove it, or move its `until`"));
        }
        if policy.when.as_ref().is_some_and(|when| constant(when) == Some(false))
            && !matches!(policy.kind, PolicyKind::Allow)
        {
            self.warn("no_effect", &policy.span, "this condition is never true", "remove the policy");
        }
        match &policy.kind {
            PolicyKind::Boost(1.0) | PolicyKind::Bury(1.0) => {
                self.warn("no_effect", &policy.span, "a factor of 1 changes nothing", "choose another `by`");
            }
            PolicyKind::Cap(_) if for_items => {
                let message = "a feed for items has no user whose impressions could be counted";
                self.warn("no_effect", &policy.span, message, "remove the cap; a `quota` counts all users together");
            }
            PolicyKind::Cap(_) | PolicyKind::Quota(..) if feed.unreported.is_some() => {
                let message =
                    "nobody reports this feed's impressions (`impressions: none`), so what it shows is not counted";
                self.warn("no_effect", &policy.span, message, "report them as `impression` events");
            }
            _ => {}
        }
    }

    /// What two policies whose times overlap say to each other; `second` stands further down.
    fn check_pair(&mut self, first: &PolicySource, second: &PolicySource) {
        let same_condition = same_text(first.when.as_ref(), second.when.as_ref());
        let both = (&first.kind, &second.kind);
        match both {
            (PolicyKind::Pin { at, .. }, PolicyKind::Pin { at: other, .. }) if at == other => {
                let open = first.when.is_none() || second.when.is_none();
                if open || same_condition {
                    let message = format!("two pins want place {at} at the same time");
                    self.conflict(second, &message, "choose another place, or give them times that do not overlap");
                } else if !disjoint(first.when.as_ref(), second.when.as_ref()) {
                    let message = "another pin wants this place, and both conditions may hold at once; then the first one \
                                   has it, and this one the next";
                    self.warn("may_conflict", &second.span, message, "choose another place, or narrower conditions");
                }
            }
            (PolicyKind::Pin { item, .. }, PolicyKind::Pin { item: other, .. }) if item == other => {
                let message = "this item is pinned to another place above; where both hold, the first place counts";
                self.warn(
                    "may_conflict",
                    &second.span,
                    message,
                    "give the pins conditions or times that exclude each other",
                );
            }
            (PolicyKind::Boost(_), PolicyKind::Bury(_)) | (PolicyKind::Bury(_), PolicyKind::Boost(_))
                if same_condition =>
            {
                self.conflict(second, "the same items are boosted and buried", "remove one, or write one factor");
            }
            (PolicyKind::Block, PolicyKind::Allow) | (PolicyKind::Allow, PolicyKind::Block) if same_condition => {
                let message = "only these items are allowed, and these are blocked: nothing is left";
                self.conflict(second, message, "remove one of the two");
            }
            (PolicyKind::Cap(cap), PolicyKind::Quota(quota, _)) => self.check_counts(first, cap, quota),
            (PolicyKind::Quota(quota, _), PolicyKind::Cap(cap)) => self.check_counts(second, cap, quota),
            _ => {}
        }
    }

    /// A quota of all users that is smaller than the cap of one, in at least the time of the cap's.
    fn check_counts(&mut self, at: &PolicySource, cap: &CountSource, quota: &CountSource) {
        let name = |count: &CountSource| count.of.as_ref().map_or("item", |of| of.text.as_str()).to_owned();
        if name(cap) == name(quota) && quota.impressions <= cap.impressions && quota.window >= cap.window {
            let message = format!(
                "this cap gives one user more than the quota of {} gives all of them ({} in {})",
                quoted(&name(quota)),
                quota.impressions,
                quota.window
            );
            self.warn("no_effect", &at.span, &message, "lower the cap, or raise the quota");
        }
    }

    fn conflict(&mut self, at: &PolicySource, message: &str, help: &str) {
        self.issues.push(Issue::new("conflict", &at.span, message).help(help));
    }

    /// Policies that cannot matter since one without a time removes everything.
    fn check_reach(&mut self, feed: &FeedSource) {
        let removes_all = |policy: &&PolicySource| {
            let constant = policy.when.as_ref().and_then(constant);
            let unbounded = policy.from.is_none() && policy.until.is_none();
            let all =
                matches!((&policy.kind, constant), (PolicyKind::Block, Some(true)) | (PolicyKind::Allow, Some(false)));
            unbounded && all
        };
        let Some(culprit) = feed.policies.iter().find(removes_all) else { return };
        let message = "this removes every item, so the feed is always empty";
        self.warn("empty", &culprit.span, message, "narrow its condition");
        for policy in feed.policies.iter().filter(|policy| policy.span != culprit.span) {
            let message = "this is never reached: another policy of the feed removes every item";
            self.warn("unreachable", &policy.span, message, "narrow the other policy's condition");
        }
    }
}

/// Whether held-out users are spared it.
fn is_spared(kind: &PolicyKind) -> bool {
    matches!(kind, PolicyKind::Boost(_) | PolicyKind::Bury(_) | PolicyKind::Pin { .. } | PolicyKind::NeverFollow { .. })
}

/// Whether there is an instant at which both are in force.
fn overlap(a: &PolicySource, b: &PolicySource) -> bool {
    let before = |first: &PolicySource, second: &PolicySource| {
        first.until.zip(second.from).is_some_and(|(until, from)| until <= from)
    };
    !before(a, b) && !before(b, a)
}

fn same_text(a: Option<&Text>, b: Option<&Text>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => canonical(&a.text) == canonical(&b.text),
        _ => false,
    }
}

/// `true` or `false` as written.
fn constant(text: &Text) -> Option<bool> {
    match text.text.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether two conditions ask one thing for two different values: `x == "a"` and `x == "b"`.
fn disjoint(a: Option<&Text>, b: Option<&Text>) -> bool {
    let equation = |text: Option<&Text>| {
        let ast = expr::parse(&text?.text).ok()?;
        let NodeKind::Binary { op: BinaryOp::Equal, left, right } = &ast.root().kind else { return None };
        let NodeKind::Literal(literal) = &right.kind else { return None };
        let path = matches!(left.kind, NodeKind::Path(_));
        path.then(|| (canonical(ast.slice(left)), literal.clone()))
    };
    let differ = |a: &Literal, b: &Literal| a != b && std::mem::discriminant(a) == std::mem::discriminant(b);
    equation(a).zip(equation(b)).is_some_and(|((left, a), (right, b))| left == right && differ(&a, &b))
}
