//! Scorecards: points by bins of a number or by single values, added up.

use super::Decoder;
use super::field;
use super::rule::start_of;
use crate::diagnostic::Issue;
use crate::source::{BinSource, PartSource, PointsSource, ScorecardSource};
use crate::yaml::{Node, Text};
use domain::limits;

pub(in crate::decode) const SCORECARD: [&str; 2] = ["base", "points"];
pub(in crate::decode) const PART: [&str; 6] = ["of", "bins", "values", "otherwise", "missing", "reason"];
pub(in crate::decode) const BIN: [&str; 2] = ["below", "points"];
/// Largest number of points, and of a bin's bound, and smallest below zero.
const POINTS_MAX: f64 = 1e15;

type Entries<'n> = &'n [(Text, Node)];

impl Decoder<'_> {
    pub(super) fn scorecards(&mut self, key: &Text, node: &Node) -> Vec<ScorecardSource> {
        let cards = self.section(key, node, Decoder::scorecard);
        self.at_most(key, cards.len(), limits::TABLES_PER_DECISION_MAX);
        cards
    }

    fn scorecard(&mut self, name: &Text, node: &Node) -> Option<ScorecardSource> {
        self.name(name, "a scorecard");
        let entries = self.map(node, "a scorecard")?;
        for (key, _) in entries.iter().filter(|(key, _)| !SCORECARD.contains(&key.text.as_str())) {
            self.unknown(key, "a scorecard", &SCORECARD);
        }
        let help = "as in `points: { age: { of: user.age_days, bins: [{ below: 30, points: 5 }, { points: 0 }] } }`";
        self.required(name, entries, "points", "a scorecard", help);
        let base = field(entries, "base").and_then(|node| self.points(node, "`base`")).unwrap_or(0.0);
        let key = Text { text: "points".to_owned(), ..name.clone() };
        let parts = self.section(&key, field(entries, "points")?, Decoder::part);
        self.at_most(&key, parts.len(), limits::TABLE_INPUTS_MAX);
        Some(ScorecardSource { name: name.clone(), base, parts })
    }

    fn points(&mut self, node: &Node, what: &str) -> Option<f64> {
        self.number(node, what, -POINTS_MAX..=POINTS_MAX)
    }

    fn part(&mut self, name: &Text, node: &Node) -> Option<PartSource> {
        self.name(name, "a part of a scorecard");
        let entries = self.map(node, "a part of a scorecard")?;
        for (key, _) in entries.iter().filter(|(key, _)| !PART.contains(&key.text.as_str())) {
            self.unknown(key, "a part of a scorecard", &PART);
        }
        self.required(name, entries, "of", "a part of a scorecard", "say what is looked at, as in `of: amount`");
        let of = self.text_of(entries, "of");
        let missing = field(entries, "missing").and_then(|node| self.points(node, "`missing`")).unwrap_or(0.0);
        let points = match (field(entries, "bins"), field(entries, "values")) {
            (Some(bins), None) => self.bins(name, bins).map(PointsSource::Bins),
            (None, Some(values)) => self.values(entries, values),
            (bins, _) => {
                let (code, message) = match bins {
                    Some(_) => ("several_kinds", "a part of a scorecard has `bins` or `values`, not both"),
                    None => ("missing_field", "this part of a scorecard gives no points"),
                };
                let help = "give numbers `bins` and other values `values`, as in `values: { US: 5 }, otherwise: 0`";
                self.issues.push(Issue::new(code, &name.span, message).help(help));
                None
            }
        };
        if let (Some(_), Some((otherwise, _))) =
            (field(entries, "bins"), entries.iter().find(|(key, _)| key.text == "otherwise"))
        {
            let issue = Issue::new("several_kinds", &otherwise.span, "`otherwise` belongs to `values`");
            self.issues.push(issue.help("of `bins` the last, without `below`, has the rest"));
        }
        Some(PartSource { name: name.clone(), of: of?, points: points?, missing, reason: self.reason(entries) })
    }

    fn values(&mut self, entries: Entries<'_>, node: &Node) -> Option<PointsSource> {
        let values = self.map(node, "`values`")?;
        self.at_most(
            &Text { text: "values".to_owned(), plain: true, span: start_of(node) },
            values.len(),
            limits::BINS_MAX,
        );
        let points: Vec<Option<(Text, f64)>> = values
            .iter()
            .take(limits::BINS_MAX)
            .map(|(value, points)| Some((value.clone(), self.points(points, "points")?)))
            .collect();
        let otherwise = field(entries, "otherwise").map(|node| self.points(node, "`otherwise`"));
        let otherwise = match otherwise {
            Some(wrong) => Some(wrong?),
            None => None,
        };
        Some(PointsSource::Values(points.into_iter().collect::<Option<_>>()?, otherwise))
    }

    fn bins(&mut self, name: &Text, node: &Node) -> Option<Vec<BinSource>> {
        let list = self.list(node, "`bins`")?;
        self.at_most(&Text { text: "bins".to_owned(), ..name.clone() }, list.len(), limits::BINS_MAX);
        let mut bins: Vec<BinSource> = Vec::new();
        for (index, node) in list.iter().take(limits::BINS_MAX).enumerate() {
            let entries = self.map(node, "a bin")?;
            for (key, _) in entries.iter().filter(|(key, _)| !BIN.contains(&key.text.as_str())) {
                self.unknown(key, "a bin", &BIN);
            }
            let at = Text { text: "bin".to_owned(), plain: true, span: start_of(node) };
            self.required(&at, entries, "points", "a bin", "say what it gives, as in `{ below: 10, points: 5 }`");
            let below = field(entries, "below").map(|node| self.points(node, "`below`"));
            let points = field(entries, "points").and_then(|node| self.points(node, "`points`"));
            self.check_bin(&at, below.flatten(), bins.last().and_then(|bin| bin.below), index + 1 == list.len());
            bins.push(BinSource { below: below.flatten(), points: points? });
        }
        if bins.is_empty() {
            let issue = Issue::new("missing_value", &node.span, "`bins` is empty");
            self.issues.push(issue.help("as in `bins: [{ below: 10, points: 5 }, { points: 0 }]`"));
            return None;
        }
        Some(bins)
    }

    /// Bounds ascend, and the last bin alone has none.
    fn check_bin(&mut self, at: &Text, below: Option<f64>, before: Option<f64>, is_last: bool) {
        let (code, message, help) = match (below, before) {
            (Some(below), Some(before)) if below <= before => (
                "unreachable_bin",
                format!("nothing is in this bin: below {before} it is in an earlier one already"),
                "write the bins by ascending `below`",
            ),
            (Some(_), _) if is_last => (
                "gap",
                "the last bin has a bound, so that larger numbers are in none".to_owned(),
                "add a bin without `below`, as in `{ points: 0 }`",
            ),
            (None, _) if !is_last => (
                "unreachable_bin",
                "nothing is in the bins behind this one, which has no bound".to_owned(),
                "give it a bound, as in `below: 10`, or write it last",
            ),
            _ => return,
        };
        self.issues.push(Issue::new(code, &at.span, message).help(help));
    }
}
