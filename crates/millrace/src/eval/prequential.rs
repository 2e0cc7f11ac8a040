//! Ask, then learn: every event is a question about its user first, and known only after.

use super::measure::{Figures, LISTED, Sums, TOP, round};
use super::{Report, feed};
use crate::dataset::Dataset;
use crate::{import, node};
use anyhow::{Result, bail, ensure};
use decision::{Budget, Pace, Scratch};
use domain::{Event, FeedRequest, Payload, Raw, Subject, Time};
use engine::Machine;
use serde_json::{Map, json};
use spec::Plan;
use spec::plan::Feed;
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// A feed that is asked, and how it did.
struct Arm {
    name: String,
    all: Sums,
    new_to_user: Sums,
}

/// A run in progress.
struct Run {
    machine: Machine,
    arms: Vec<Arm>,
    scratch: Scratch,
    /// Pairs of user and item that there was an event with.
    had: HashSet<(String, String)>,
    /// Items that `feed` has had among its first.
    shown: HashSet<String>,
    now: Time,
    events: u64,
}

/// Never out of time.
pub(super) struct Endless;

impl Budget for Endless {
    fn spent(&mut self) -> bool {
        false
    }
}

pub(super) fn run(plan: &Arc<Plan>, data: Dataset, limit: Option<u64>) -> Result<Report> {
    let started = Instant::now();
    let (plan, names) = with_arms(plan)?;
    let plan = Arc::new(plan);
    let arm = |name: String| Arm { name, all: Sums::default(), new_to_user: Sums::default() };
    let mut run = Run {
        machine: Machine::new(plan.clone(), 1, 0),
        arms: names.into_iter().map(arm).collect(),
        scratch: Scratch::default(),
        had: HashSet::new(),
        shown: HashSet::new(),
        now: Time(0),
        events: 0,
    };
    let bar = node::bar(limit.map_or(data.about, |limit| limit.min(data.about)), "asking, then learning");
    for payload in data.payloads {
        if limit.is_some_and(|limit| run.events >= limit) {
            break;
        }
        run.take(&import::typed(&plan, payload?))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    run.report(&data.name, started.elapsed().as_secs_f64())
}

/// The plan with one more feed for each route of `feed`, and the names of all arms.
pub(super) fn with_arms(plan: &Plan) -> Result<(Plan, Vec<String>)> {
    let (whole, popularity) = (&plan.feeds[feed(plan, "feed")?], &plan.feeds[feed(plan, "popularity")?]);
    let conditions = |feed: &Feed| feed.filters.iter().map(|filter| filter.text().to_owned()).collect::<Vec<_>>();
    ensure!(
        conditions(whole) == conditions(popularity),
        "the feeds 'feed' and 'popularity' must have the same filters"
    );
    ensure!(
        [whole, popularity].iter().all(|feed| plan.entities[usize::from(feed.subject)].name == "user"),
        "the feeds 'feed' and 'popularity' must be `for: user`"
    );
    let mut names = vec!["popularity".to_owned()];
    let mut all = plan.clone();
    for route in &whole.routes {
        ensure!(plan.feed(&route.name).is_none(), "the route '{}' of 'feed' has the name of a feed", route.name);
        let alone = Feed { name: route.name.clone(), routes: vec![route.clone()], terms: Vec::new(), ..whole.clone() };
        names.push(route.name.clone());
        all.feeds.push(alone);
    }
    names.push("feed".to_owned());
    Ok((all, names))
}

impl Run {
    fn take(&mut self, payload: &Payload<'static>) -> Result<()> {
        if let Payload::Event(event) = payload {
            if self.machine.plan.event(&event.kind).is_none() {
                bail!("the spec has no event '{}'", event.kind);
            }
            self.now = self.now.max(event.time.unwrap_or(self.now));
            if let (Some(user), Some(item)) = (key(event, "user"), key(event, "item")) {
                self.ask(user, item)?;
            }
            self.events += 1;
        }
        self.machine.apply(self.machine.position.next(), self.now, payload);
        Ok(())
    }

    /// Asks every arm for the user and notes where the item is.
    fn ask(&mut self, user: &str, item: &str) -> Result<()> {
        let is_new = self.had.insert((user.to_owned(), item.to_owned()));
        for arm in &mut self.arms {
            let request = request(&arm.name, user);
            let query = self.machine.query(&request)?;
            let pace = Pace::Live(&mut Endless);
            let answer = self.machine.answer(request, &query, self.now, pace, &mut self.scratch);
            let place = answer.items.iter().position(|listed| listed.item == item);
            arm.all.add(place);
            if is_new {
                arm.new_to_user.add(place);
            }
            if arm.name == "feed" {
                for listed in answer.items.into_iter().take(TOP) {
                    if !self.shown.contains(&listed.item) {
                        self.shown.insert(listed.item);
                    }
                }
            }
        }
        Ok(())
    }

    fn report(&self, dataset: &str, seconds: f64) -> Result<Report> {
        let item = self.machine.plan.entity("item").unwrap_or_default();
        let catalogue = self.machine.names.entity_count(item);
        let coverage = self.shown.len() as f64 / f64::from(catalogue.max(1));
        let requests = self.arms.first().map_or(0, |arm| arm.all.requests());
        let new = self.arms.first().map_or(0, |arm| arm.new_to_user.requests());
        let mut arms = Map::new();
        for arm in &self.arms {
            let (all, new_to_user) = (arm.all.figures().json(4), arm.new_to_user.figures().json(4));
            arms.insert(arm.name.clone(), json!({ "all": all, "new_to_user": new_to_user }));
        }
        let [all, new_to_user] = self.ratios();
        let json = json!({
            "dataset": dataset,
            "requests": requests,
            "requests_new_to_user": new,
            "events": self.events,
            "catalogue": catalogue,
            "coverage": round(coverage, 4),
            "seconds": round(seconds, 1),
            "arms": arms,
            "ratios": { "all": all.json(2), "new_to_user": new_to_user.json(2) },
        });
        let mut table =
            format!("{:>12} {:^24} {:^24}\n", "", format!("all ({requests})"), format!("new to the user ({new})"));
        writeln!(table, "{:>12} {} {}", "", HEAD, HEAD)?;
        for arm in &self.arms {
            writeln!(table, "{:>12} {} {}", arm.name, row(arm.all.figures(), 4), row(arm.new_to_user.figures(), 4))?;
        }
        writeln!(table, "{:>12} {} {}", "feed / pop.", row(all, 2), row(new_to_user, 2))?;
        writeln!(table, "{dataset}: {catalogue} items, {:.1} % of them recommended; {seconds:.1} s", coverage * 100.0)?;
        Ok(Report { json, table })
    }

    /// `feed` over `popularity`: over all events, and over those with an item new to the user.
    fn ratios(&self) -> [Figures; 2] {
        let arm = |name: &str| self.arms.iter().find(|arm| arm.name == name);
        let all = |name| arm(name).map_or(Sums::default(), |arm| arm.all).figures();
        let new = |name| arm(name).map_or(Sums::default(), |arm| arm.new_to_user).figures();
        [all("feed").over(all("popularity")), new("feed").over(new("popularity"))]
    }
}

const HEAD: &str = "  hr@10  ndcg@10    mrr ";

fn row(figures: Figures, digits: usize) -> String {
    let Figures { hr, ndcg, mrr } = figures;
    format!("{hr:7.digits$} {ndcg:8.digits$} {mrr:7.digits$}")
}

pub(super) fn request(feed: &str, user: &str) -> FeedRequest {
    FeedRequest::new(feed, Subject::User(user.to_owned()), LISTED as u16)
}

/// The key that an event names in a field.
fn key<'e>(event: &'e Event<'static>, name: &str) -> Option<&'e str> {
    event.fields.iter().find(|field| field.name == name).and_then(|field| match &field.value {
        Raw::Str(key) => Some(key.as_ref()),
        _ => None,
    })
}
