//! The policies of a feed: a list, each entry one word (`boost`, `cap`, `pin`, ...) with its fields.

use super::Decoder;
use crate::diagnostic::{Issue, quoted};
use crate::source::{CountSource, HoldoutSource, PolicyKind, PolicySource};
use crate::yaml::{Node, Text};
use domain::{Time, limits, parse_day};
use std::ops::Range;

pub(super) const KINDS: [&str; 8] = ["boost", "bury", "block", "allow", "cap", "quota", "pin", "never_follow"];
/// Fields of every policy.
pub(super) const EVERY: [&str; 4] = ["name", "when", "from", "until"];
pub(super) const HOLDOUT: [&str; 2] = ["share", "salt"];
/// Largest factor of a boost.
const BOOST_MAX: f64 = 1e6;

type Entries<'n> = &'n [(Text, Node)];

impl Decoder<'_> {
    pub(super) fn policies(&mut self, key: &Text, node: &Node) -> Vec<PolicySource> {
        let Some(list) = self.list(node, "`policy`") else { return Vec::new() };
        self.at_most(key, list.len(), limits::POLICIES_MAX);
        list.iter().take(limits::POLICIES_MAX).filter_map(|node| self.policy(node)).collect()
    }

    fn policy(&mut self, node: &Node) -> Option<PolicySource> {
        let entries = self.map(node, "a policy")?;
        let Some((kind, body)) = entries.iter().find(|(key, _)| KINDS.contains(&key.text.as_str())) else {
            match entries.first() {
                Some((key, _)) => self.unknown(key, "a policy", &KINDS),
                None => {
                    let issue = Issue::new("missing_field", &node.span, "this policy is empty");
                    self.issues.push(issue.help(format!("give it one of `{}`", KINDS.join("`, `"))));
                }
            }
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| key.span != kind.span) {
            let message = format!("a policy is one word with its fields; {} is a second", quoted(&key.text));
            self.issues.push(Issue::new("several_kinds", &key.span, message).help("put it into the braces, or apart"));
        }
        let entries = self.map(body, &format!("`{}`", kind.text))?;
        let own = self.policy_kind(kind, entries);
        let mut policy =
            PolicySource { kind: own?, name: None, when: None, from: None, until: None, span: kind.span.clone() };
        for (key, value) in entries {
            match key.text.as_str() {
                "name" => policy.name = self.text(value, "`name`").cloned(),
                "when" => policy.when = self.text(value, "`when`").cloned(),
                "from" => policy.from = self.instant(value, "`from`"),
                "until" => policy.until = self.instant(value, "`until`"),
                _ => {}
            }
        }
        if let (Some(from), Some(until)) = (policy.from, policy.until)
            && from >= until
        {
            let issue = Issue::new("out_of_range", &policy.span, "`until` is not after `from`, so this never holds");
            self.issues.push(issue.help("`until` is the first instant at which it holds no more"));
        }
        Some(policy)
    }

    /// What the kind itself asks for; the fields that all kinds have are left to the caller.
    fn policy_kind(&mut self, kind: &Text, entries: Entries<'_>) -> Option<PolicyKind> {
        let known: Vec<&str> = own_fields(&kind.text).iter().chain(&EVERY).copied().collect();
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            self.unknown(key, &format!("`{}`", kind.text), &known);
        }
        if matches!(kind.text.as_str(), "boost" | "bury" | "block" | "allow") {
            let what = format!("`{}`", kind.text);
            self.required(kind, entries, "when", &what, "say for which items, as in `when: item.category == \"x\"`");
        }
        match kind.text.as_str() {
            "boost" => self.factor_of(kind, entries, 1.0, BOOST_MAX).map(PolicyKind::Boost),
            "bury" => self.factor_of(kind, entries, 0.0, 1.0).map(PolicyKind::Bury),
            "block" => Some(PolicyKind::Block),
            "allow" => Some(PolicyKind::Allow),
            "cap" => self.cap(kind, entries),
            "quota" => self.quota(kind, entries),
            "pin" => self.pin(kind, entries),
            _ => {
                let mut expression = |field| {
                    self.required(
                        kind,
                        entries,
                        field,
                        "`never_follow`",
                        "give it `item` and `after`, each a condition",
                    );
                    entries
                        .iter()
                        .find(|(key, _)| key.text == field)
                        .and_then(|(_, node)| self.text(node, field))
                        .cloned()
                };
                let (item, after) = (expression("item"), expression("after"));
                Some(PolicyKind::NeverFollow { item: item?, after: after? })
            }
        }
    }

    fn factor_of(&mut self, kind: &Text, entries: Entries<'_>, least: f64, most: f64) -> Option<f64> {
        let help = "as in `by: 1.2`; `boost` raises by a factor of at least 1, `bury` lowers by one from 0 to 1";
        self.required(kind, entries, "by", &format!("`{}`", kind.text), help);
        self.number(field(entries, "by")?, "`by`", least..=most)
    }

    fn cap(&mut self, kind: &Text, entries: Entries<'_>) -> Option<PolicyKind> {
        self.required(kind, entries, "per", "`cap`", "add `per: user`");
        if let Some(per) = field(entries, "per").and_then(|node| self.text(node, "`per`"))
            && per.text != "user"
        {
            let issue = Issue::new("out_of_range", &per.span, "a cap is `per: user`");
            self.issues.push(issue.help("over all users it is a `quota`"));
        }
        self.count_of(kind, entries, limits::RECENTS_MAX as i64).map(PolicyKind::Cap)
    }

    fn quota(&mut self, kind: &Text, entries: Entries<'_>) -> Option<PolicyKind> {
        self.required(kind, entries, "of", "`quota`", "add `of: item` or `of: item.<attribute>`");
        let pace = field(entries, "pace").and_then(|node| self.text(node, "`pace`"));
        let even = match pace {
            None => false,
            Some(pace) => match pace.text.as_str() {
                "even" => true,
                "asap" => false,
                _ => {
                    let issue = Issue::new("out_of_range", &pace.span, "`pace` is `even` or `asap`");
                    self.issues.push(issue.help("`even` delivers no more than the elapsed share of the window"));
                    false
                }
            },
        };
        let count = self.count_of(kind, entries, i64::from(limits::QUOTA_MAX))?;
        if count.window < limits::QUOTA_WINDOW_MIN {
            let message = format!("`in` is {}; of a quota it is at least {}", count.window, limits::QUOTA_WINDOW_MIN);
            let issue = Issue::new("out_of_range", &kind.span, message);
            self.issues.push(issue.help("a quota is of a whole campaign: write `in: 1d`"));
            return None;
        }
        Some(PolicyKind::Quota(count, even))
    }

    fn count_of(&mut self, kind: &Text, entries: Entries<'_>, most: i64) -> Option<CountSource> {
        let what = format!("`{}`", kind.text);
        self.required(kind, entries, "impressions", &what, "say how many, as in `impressions: 3`");
        self.required(kind, entries, "in", &what, "say in which time, as in `in: 1d`");
        let impressions = field(entries, "impressions").and_then(|node| self.int(node, "`impressions`", 1..=most));
        let window = field(entries, "in").and_then(|node| self.span(node, "`in`"));
        let of = field(entries, "of").and_then(|node| self.text(node, "`of`")).cloned();
        let event = field(entries, "event").and_then(|node| self.text(node, "`event`")).cloned();
        Some(CountSource { impressions: impressions? as u32, window: window?, of, event })
    }

    fn pin(&mut self, kind: &Text, entries: Entries<'_>) -> Option<PolicyKind> {
        self.required(kind, entries, "item", "`pin`", "name the item by its key");
        self.required(kind, entries, "at", "`pin`", "say in which place, as in `at: 1`");
        let item = field(entries, "item").and_then(|node| self.text(node, "`item`"));
        let at = field(entries, "at").and_then(|node| self.int(node, "`at`", 1..=limits::SLATE_MAX as i64));
        let item = item?;
        if item.text.is_empty() || item.text.len() > limits::KEY_BYTES_MAX {
            let message = format!("an item's key has 1 to {} bytes", limits::KEY_BYTES_MAX);
            self.issues.push(Issue::new("out_of_range", &item.span, message));
            return None;
        }
        Some(PolicyKind::Pin { item: item.text.clone(), at: at? as u16 })
    }

    /// A date, taken as its first instant in UTC, or a timestamp.
    pub(super) fn instant(&mut self, node: &Node, what: &str) -> Option<Time> {
        let text = self.text(node, what)?;
        let time = parse_day(&text.text);
        if time.is_none() {
            let message = format!("{what} must be an instant, but {} is none", quoted(&text.text));
            let issue = Issue::new("wrong_type", &text.span, message);
            self.issues
                .push(issue.help("write `2026-12-24` (its first instant in UTC) or `2026-12-24T18:00:00+01:00`"));
        }
        time
    }

    pub(super) fn holdout(&mut self, key: &Text, node: &Node) -> Option<HoldoutSource> {
        let entries = self.map(node, "`holdout`")?;
        for (key, _) in entries.iter().filter(|(key, _)| !HOLDOUT.contains(&key.text.as_str())) {
            self.unknown(key, "`holdout`", &HOLDOUT);
        }
        self.required(key, entries, "share", "`holdout`", "say how many of the users, as in `share: 5%`");
        let salt = field(entries, "salt").and_then(|node| self.text(node, "`salt`"));
        let salt = salt.map_or_else(String::new, |salt| salt.text.clone());
        let share = self.share(field(entries, "share")?, "`share`", "users")?;
        Some(HoldoutSource { share, salt, span: key.span.clone() })
    }

    /// `5%` or `0.05`.
    pub(super) fn share(&mut self, node: &Node, what: &str, whose: &str) -> Option<f64> {
        let text = self.text(node, what)?;
        let percent = text.text.strip_suffix('%').map(|digits| digits.parse::<f64>().map(|percent| percent / 100.0));
        let share = percent.unwrap_or_else(|| text.text.parse::<f64>()).ok();
        let within = share.filter(|share| (0.0..=1.0).contains(share));
        if within.is_none() {
            let issue = Issue::new("out_of_range", &text.span, format!("{what} is a part of the {whose}, from 0 to 1"));
            self.issues.push(issue.help("write `5%` or `0.05`"));
        }
        within
    }

    /// `impressions: none`: where that stands.
    pub(super) fn unreported(&mut self, node: &Node) -> Option<Range<usize>> {
        let text = self.text(node, "`impressions`")?;
        match text.text.as_str() {
            "none" => Some(text.span.clone()),
            "reported" => None,
            _ => {
                let issue = Issue::new("out_of_range", &text.span, "`impressions` is `reported` or `none`");
                self.issues.push(issue.help("`none`: nobody sends the impressions of what this feed shows"));
                None
            }
        }
    }
}

pub(super) fn field<'n>(entries: Entries<'n>, name: &str) -> Option<&'n Node> {
    entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
}

/// The fields of a kind of policy, without those of every policy.
pub(super) fn own_fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "boost" | "bury" => &["by"],
        "block" | "allow" => &[],
        "cap" => &["per", "impressions", "in", "of", "event"],
        "quota" => &["of", "impressions", "in", "pace", "event"],
        "pin" => &["item", "at"],
        _ => &["item", "after"],
    }
}
