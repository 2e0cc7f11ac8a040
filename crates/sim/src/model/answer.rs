//! What a slate of the feed `home` must be: routes in order, filters, and the terms of the score.

use super::features::{Reader, near};
use super::{HOUR, Happened, Model, features};
use crate::specs::Spec;
use domain::{Answer, Raw, Recommended, Subject};

/// What an answer read.
struct View<'a> {
    model: &'a Model,
    spec: Spec,
    user: &'a str,
    rows: u64,
    epoch: u64,
    now: i64,
}

/// Compares an answer of the feed `home` with the model. Lists by `decayed` features may swap items that are equal but for rounding.
///
/// # Errors
/// What differs.
pub fn check_answer(model: &Model, spec: Spec, answer: &Answer) -> Result<(), String> {
    if spec.is_like_first() && answer.request.feed == "rising" {
        check_counts(model, answer)?;
    }
    let Subject::User(user) = &answer.request.subject else { return Ok(()) };
    let view = View { model, spec, user, rows: answer.rows.0, epoch: answer.epoch.0, now: answer.now.0 };
    if answer.request.feed != "home"
        || answer.request.page.is_some()
        || view.now < model.time_at(view.rows).max(model.time_at(view.epoch))
    {
        return Ok(());
    }
    let limits = match spec {
        Spec::First | Spec::Tuned | Spec::Third => [6, 4, 3, 2],
        // The index by what is not filled yet is not there.
        Spec::Between => [6, 0, 3, 2],
        Spec::Second => [4, 5, 3, 2],
    };
    // The filters are early: routes give what passes them.
    let passing = |listed: Vec<(String, f64)>| -> Vec<(String, f64)> {
        listed.into_iter().filter(|(item, _)| view.removed(item).is_none()).collect()
    };
    let routes = [view.top("heat"), view.top("views_1d"), view.newest(), view.picks()].map(passing);
    for (route, (listed, limit)) in routes.iter().zip(limits).enumerate() {
        let wanted = listed.len().min(limit);
        if answer.route_counts.get(route) != Some(&(wanted as u32)) {
            return Err(format!("route {route} gave {:?} candidates, the model {wanted}", answer.route_counts));
        }
        check_route(route, &listed[..wanted], listed, answer)?;
    }
    answer.items.iter().chain(&answer.later).try_for_each(|item| view.check_item(item))?;
    view.check_complete(&routes, limits, answer)
}

/// No item of the slate has reached a cap or a quota of the feed `rising`, by the positions that the answer read.
fn check_counts(model: &Model, answer: &Answer) -> Result<(), String> {
    let (rows, epoch, now) = (answer.rows.0, answer.epoch.0, answer.now.0);
    let category = |item: &str, at| model.attribute("item", item, "category", at).cloned();
    let is = |event: &Happened, role, key: &str| event.keys.get(role).is_some_and(|known| known == key);
    for item in &answer.items {
        let own = category(&item.item, epoch);
        let same = |event: &&Happened| is(event, "item", &item.item);
        let alike = |event: &&Happened| {
            own.is_some() && event.keys.get("item").is_some_and(|of| category(of, event.position) == own)
        };
        if let Subject::User(user) = &answer.request.subject {
            let views = || model.happened(Spec::First, "view", rows).filter(|event| is(event, "user", user));
            let few = views().filter(same).filter(|event| event.time > now - 2 * HOUR).count() < 3;
            let few_alike = views().filter(alike).filter(|event| event.time > now - 24 * HOUR).count() < 6;
            if !few || !few_alike {
                return Err(format!("{} is in the slate although its cap is reached", item.item));
            }
        }
        let start = |length: i64| now - now.rem_euclid(length);
        let within = |event: &&Happened, length| (start(length)..start(length) + length).contains(&event.time);
        let views = || model.happened(Spec::First, "view", epoch);
        let day = views().filter(same).filter(|event| within(event, 24 * HOUR)).count();
        let week = views().filter(alike).filter(|event| within(event, 168 * HOUR)).count() as i64;
        let dear =
            matches!(model.attribute("item", &item.item, "price", epoch), Some(Raw::Float(price)) if *price > 50.0);
        let ahead = week >= 30 || week * 168 * HOUR >= 30 * (now - start(168 * HOUR));
        if day >= 12 || (dear && own.is_some() && ahead) {
            return Err(format!("{} is in the slate although its quota is reached", item.item));
        }
    }
    Ok(())
}

/// Every item of the slate that names the route has a rank at which the model has it, or one that scores the same.
fn check_route(route: usize, wanted: &[(String, f64)], all: &[(String, f64)], answer: &Answer) -> Result<(), String> {
    for item in answer.items.iter().chain(&answer.later) {
        for hit in item.routes.iter().filter(|hit| usize::from(hit.route) == route) {
            let own = all.iter().find(|(key, _)| *key == item.item).map(|(_, score)| *score);
            let at_rank = wanted.get(usize::from(hit.rank)).map(|(_, score)| *score);
            let agrees = |score: Option<f64>| score.is_some_and(|score| near(score, hit.score));
            if !agrees(own) || !agrees(at_rank) {
                return Err(format!(
                    "route {route} has {} at rank {} with score {:?}; the model gives it {own:?} and has {wanted:?}",
                    item.item, hit.rank, hit.score
                ));
            }
        }
    }
    Ok(())
}

impl View<'_> {
    fn feature(&self, entity: &'static str, name: &str, key: &str, category: Option<&str>) -> Option<f64> {
        let owner = if entity == "item" { "item" } else { "user" };
        let at = if owner == "item" { self.epoch } else { self.rows };
        let (model, spec, now) = (self.model, self.spec, self.now);
        let reader = Reader { model, spec, owner: (owner, key), category, at, now };
        let feature = features(self.spec).iter().find(|feature| feature.entity == entity && feature.name == name)?;
        (feature.value)(&reader).number()
    }

    /// All present items by a feature, best first, ties by first mention.
    fn top(&self, name: &str) -> Vec<(String, f64)> {
        let items = self.model.items(self.epoch).into_iter().filter(|item| self.model.present(item, self.epoch));
        let mut listed: Vec<(String, f64)> =
            items.filter_map(|item| Some((item.to_owned(), self.feature("item", name, item, None)?))).collect();
        listed.sort_by(|a, b| b.1.total_cmp(&a.1));
        listed
    }

    fn newest(&self) -> Vec<(String, f64)> {
        let items = self.model.items(self.epoch).into_iter().filter(|item| self.model.present(item, self.epoch));
        let created = |item: &str| match self.model.attribute("item", item, "created", self.epoch)? {
            Raw::Int(ms) => Some(*ms as f64),
            _ => None,
        };
        let mut listed: Vec<(String, f64)> = items.filter_map(|item| Some((item.to_owned(), created(item)?))).collect();
        listed.sort_by(|a, b| b.1.total_cmp(&a.1));
        listed
    }

    fn picks(&self) -> Vec<(String, f64)> {
        let standing = self.model.lists.standing("picks", self.epoch, self.now);
        let items = self.model.items(self.epoch).into_iter().filter(|item| self.model.present(item, self.epoch));
        let mut listed: Vec<(String, f64)> =
            items.filter_map(|item| Some((item.to_owned(), standing.get(item)?.score))).collect();
        listed.sort_by(|a, b| b.1.total_cmp(&a.1));
        listed
    }

    fn listed(&self, list: &str, key: &str) -> bool {
        self.model.lists.standing(list, self.epoch, self.now).contains_key(key)
    }

    /// Why an item must not be in the slate.
    fn removed(&self, item: &str) -> Option<&'static str> {
        if self.model.attribute("item", item, "in_stock", self.epoch) != Some(&Raw::Bool(true)) {
            return Some("it is not in stock");
        }
        if self.listed("blocked", item) && !self.listed("vip", self.user) {
            return Some("it is blocked");
        }
        let mut bought = self.model.happened(self.spec, "buy", self.rows).filter(|event| {
            let same = |role, key| event.keys.get(role).is_some_and(|known| known == key);
            let in_window = event.time > self.now - 30 * 24 * super::HOUR && event.time <= self.now;
            in_window && same("user", self.user) && same("item", item)
        });
        bought.next().map(|_| "it was bought")
    }

    fn check_item(&self, item: &Recommended) -> Result<(), String> {
        if !self.model.present(&item.item, self.epoch) {
            return Err(format!("{} is in the slate but not in the catalogue", item.item));
        }
        if let Some(reason) = self.removed(&item.item) {
            return Err(format!("{} is in the slate although {reason}", item.item));
        }
        let category = match self.model.attribute("item", &item.item, "category", self.epoch) {
            Some(Raw::Str(category)) => Some(&**category),
            _ => None,
        };
        // A category that no event can have had.
        let share = self.feature("user.category", "share_7d", self.user, Some(category.unwrap_or("\0")));
        let terms = [
            self.feature("item", "conversion", &item.item, None),
            share.map(|share| 0.5 * share),
            self.feature("item", "heat", &item.item, None).map(|heat| heat / 100.0),
        ];
        for (index, wanted) in terms.into_iter().enumerate() {
            let found = item.terms.iter().find(|term| usize::from(term.term) == index).map(|term| term.value);
            if !found.zip(wanted).is_some_and(|(found, wanted)| near(found, wanted)) {
                return Err(format!("term {index} of {} is {found:?}, the model says {wanted:?}", item.item));
            }
        }
        Ok(())
    }

    /// Every item that a route must have found and no filter removes is in the slate.
    fn check_complete(
        &self,
        routes: &[Vec<(String, f64)>; 4],
        limits: [usize; 4],
        answer: &Answer,
    ) -> Result<(), String> {
        for (listed, limit) in routes.iter().zip(limits) {
            // Beyond the limit stands one of the same score: either may be in.
            let bound = listed.get(limit).map(|(_, score)| *score);
            let sure = listed.iter().take(limit).filter(|(_, score)| bound.is_none_or(|bound| !near(*score, bound)));
            for (item, _) in sure {
                let there = answer.items.iter().chain(&answer.later).any(|found| found.item == *item);
                if !there && self.removed(item).is_none() && !answer.request.exclude.contains(item) {
                    return Err(format!("{item} is not in the slate"));
                }
            }
        }
        Ok(())
    }
}
