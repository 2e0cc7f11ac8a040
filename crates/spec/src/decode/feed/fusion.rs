//! How a feed's routes are fused: `fuse`, `candidates`, and what routes say of their part in it.

use super::{Decoder, Node, Text};
use crate::diagnostic::Issue;
use crate::plan::FusionKind;
use crate::source::{FeedSource, RouteSource};
use domain::limits;
use std::ops::Range;

const KINDS: [FusionKind; 4] = [FusionKind::Rrf, FusionKind::Quota, FusionKind::Interleave, FusionKind::Score];
/// How far beyond 1 the sum of shares may be by rounding.
const ROUNDING: f64 = 1e-9;

impl Decoder<'_> {
    /// `rrf`, `quota`, `interleave` or `score`.
    pub(super) fn fusion_kind(&mut self, value: &Node) -> Option<(FusionKind, Range<usize>)> {
        let text = self.text(value, "`fuse`")?;
        if let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == text.text) {
            return Some((kind, text.span.clone()));
        }
        let issue = Issue::new("out_of_range", &text.span, "`fuse` is `rrf`, `quota`, `interleave` or `score`");
        self.issues.push(issue.near(&text.text, KINDS.iter().map(|kind| kind.name())));
        None
    }

    /// Whether what is said about fusion fits together. With a mistake in `fuse` or `candidates` nothing more is noted.
    pub(super) fn check_fusion(&mut self, entries: &[(Text, Node)], feed: &FeedSource) {
        let said = |field: &str| entries.iter().any(|(key, _)| key.text == field);
        if said("fuse") && feed.fusion.kind.is_none() || said("candidates") && feed.fusion.candidates.is_none() {
            return;
        }
        self.check_mins(&feed.routes, feed.fusion.candidates);
        match &feed.fusion.kind {
            Some((FusionKind::Quota, span)) => self.check_quotas(feed, span),
            _ => {
                for (_, span) in feed.routes.iter().filter_map(|route| route.quota.as_ref()) {
                    let issue = Issue::new("no_effect", span, "`quota` counts with `fuse: quota` only");
                    self.issues.push(issue.help("add `fuse: quota` to the feed, or give the route a `weight`"));
                }
            }
        }
    }

    fn check_mins(&mut self, routes: &[RouteSource], candidates: Option<u16>) {
        let mut sum = 0;
        for route in routes {
            let Some((min, span)) = &route.min else { continue };
            sum += usize::from(*min);
            let issue = match candidates {
                None => Issue::new("no_effect", span, "`min` counts where candidates are cut, and this feed cuts none")
                    .help("add `candidates: <n>` to the feed"),
                Some(_) if *min > route.limit => {
                    let message = format!("`min` ({min}) is larger than `limit` ({})", route.limit);
                    Issue::new("contradiction", span, message).help("a route gives no more than its `limit`")
                }
                Some(most) if sum > usize::from(most) => {
                    let message = format!("the routes keep at least {sum} candidates, and `candidates` is {most}");
                    Issue::new("contradiction", span, message).help("lower a `min`, or raise `candidates`")
                }
                Some(_) => continue,
            };
            self.issues.push(issue);
        }
    }

    fn check_quotas(&mut self, feed: &FeedSource, span: &Range<usize>) {
        if feed.fusion.candidates.is_none() {
            let most = limits::CANDIDATES_MAX;
            let issue = Issue::new("missing_field", span, "quotas are shares of `candidates`, which is not said");
            self.issues.push(issue.help(format!("add `candidates: <n>` to the feed, at most {most}")));
        }
        if feed.routes.iter().all(|route| route.quota.is_none()) {
            let issue = Issue::new("missing_field", span, "no route has a `quota`");
            self.issues.push(issue.help("give routes their shares, as in `quota: 0.3`"));
        }
        let mut sum = 0.0;
        for (quota, span) in feed.routes.iter().filter_map(|route| route.quota.as_ref()) {
            sum += quota;
            if sum > 1.0 + ROUNDING {
                let issue = Issue::new("contradiction", span, "the routes' quotas are more than 1 together");
                self.issues.push(issue.help("they are shares of `candidates`"));
                return;
            }
        }
    }
}
