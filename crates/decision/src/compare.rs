//! Whether two answers are the same, and if not, where they part: what a replay reports.

use domain::{Answer, Recommended, Removal, RouteHit, Term};
use std::fmt::Debug;

/// Most differences that are told.
const DIFFERENCES_MAX: usize = 32;

/// What differs between a recorded answer `a` and its recomputation `b`, one sentence each; empty if they are the same.
/// Floats are compared bit for bit. Tells at most 32 differences.
pub fn compare(a: &Answer, b: &Answer) -> Vec<String> {
    let mut told = Differences(Vec::new());
    told.check("request", &a.request, &b.request);
    told.check("plan", &a.plan.0, &b.plan.0);
    told.check("rows position", &a.rows.0, &b.rows.0);
    told.check("epoch position", &a.epoch.0, &b.epoch.0);
    told.check("now", &a.now.0, &b.now.0);
    told.check("effort", &a.effort, &b.effort);
    told.check("candidates per route", &a.route_counts, &b.route_counts);
    told.check("routes that were off", &a.off, &b.off);
    told.check("candidates", &a.candidates, &b.candidates);
    told.check("removed", &removed(&a.removed), &removed(&b.removed));
    told.check("holdout", &a.holdout, &b.holdout);
    told.check("number of items", &a.items.len(), &b.items.len());
    for (place, (a, b)) in a.items.iter().zip(&b.items).enumerate() {
        told.item(place + 1, a, b);
    }
    told.check("number of items kept for later", &a.later.len(), &b.later.len());
    for (place, (x, y)) in a.later.iter().zip(&b.later).enumerate() {
        told.item(a.items.len() + place + 1, x, y);
    }
    told.0.truncate(DIFFERENCES_MAX);
    told.0
}

fn removed(removed: &[Removal]) -> Vec<(&str, u32, &[String])> {
    removed.iter().map(|removal| (removal.reason.as_str(), removal.count, removal.examples.as_slice())).collect()
}

struct Differences(Vec<String>);

impl Differences {
    fn check<T: PartialEq + Debug>(&mut self, what: &str, a: &T, b: &T) {
        if a != b {
            self.0.push(format!("{what}: {a:?} was recorded, {b:?} was recomputed"));
        }
    }

    fn item(&mut self, place: usize, a: &Recommended, b: &Recommended) {
        if a.item != b.item {
            self.check(&format!("item {place}"), &a.item, &b.item);
            return;
        }
        let what = |part: &str| format!("item {place} ({}), {part}", a.item);
        self.check_floats(&what("score"), [a.score], [b.score]);
        self.check(&what("moved"), &a.moved, &b.moved);
        self.check(&what("effects"), &a.effects, &b.effects);
        let named = |hits: &[RouteHit]| hits.iter().map(|hit| (hit.route, hit.rank)).collect::<Vec<_>>();
        self.check(&what("routes and ranks"), &named(&a.routes), &named(&b.routes));
        self.check_floats(
            &what("route scores"),
            a.routes.iter().map(|hit| hit.score),
            b.routes.iter().map(|hit| hit.score),
        );
        let numbers = |terms: &[Term]| terms.iter().map(|term| term.term).collect::<Vec<_>>();
        self.check(&what("terms with a value"), &numbers(&a.terms), &numbers(&b.terms));
        self.check_floats(&what("terms"), a.terms.iter().map(|term| term.value), b.terms.iter().map(|term| term.value));
    }

    fn check_floats(&mut self, what: &str, a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) {
        let shown = |floats: Vec<f64>| {
            floats.iter().map(|x| format!("{x:?} ({:016x})", x.to_bits())).collect::<Vec<_>>().join(", ")
        };
        let (a, b): (Vec<f64>, Vec<f64>) = (a.into_iter().collect(), b.into_iter().collect());
        if !a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits())) {
            self.0.push(format!("{what}: {} was recorded, {} was recomputed", shown(a), shown(b)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::tests::sample;
    use domain::{Change, Effect, Step};

    #[test]
    fn equal_answers_do_not_differ() {
        assert_eq!(compare(&sample(), &sample()), Vec::<String>::new());
    }

    #[test]
    fn floats_differ_by_bits() {
        let (mut a, mut b) = (sample(), sample());
        a.items[0].score = 0.0;
        b.items[0].score = -0.0;
        assert_eq!(
            compare(&a, &b),
            ["item 1 (i2), score: 0.0 (0000000000000000) was recorded, -0.0 (8000000000000000) was recomputed"]
        );
    }

    #[test]
    fn every_part_is_compared() {
        let mut a = sample();
        a.later = a.items.clone();
        let changes: [fn(&mut Answer); 22] = [
            |b| b.request.count += 1,
            |b| b.plan.0 += 1,
            |b| b.rows.0 += 1,
            |b| b.epoch.0 += 1,
            |b| b.now.0 += 1,
            |b| b.effort.reranked ^= true,
            |b| b.route_counts[0] += 1,
            |b| b.off.push(4),
            |b| b.candidates += 1,
            |b| b.removed[0].count += 1,
            |b| b.items.truncate(1),
            |b| b.holdout ^= true,
            |b| b.items[0].effects.push(Effect { step: Step::Policy(1), change: Change::Placed }),
            |b| b.items[0].item.push('x'),
            |b| b.items[0].moved += 1,
            |b| b.items[0].effects.clear(),
            |b| b.items[0].routes[0].rank += 1,
            |b| b.items[0].routes[0].score += 1.0,
            |b| b.items[0].terms[0].value += 1.0,
            |b| b.items[0].terms[0].term += 1,
            |b| b.later.push(b.items[0].clone()),
            |b| b.later[0].score += 1.0,
        ];
        for change in changes {
            let mut b = a.clone();
            change(&mut b);
            assert_eq!(compare(&a, &b).len(), 1, "{b:?}");
        }
    }
}
