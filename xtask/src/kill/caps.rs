//! Caps and quotas under concurrency and kills: many clients ask one feed and report what they were shown; then every answer in
//! the log is held against every impression before the positions that it read, counted anew.

use crate::node::{self, Folder, Start};
use crate::shop::{self, Shop};
use anyhow::{Context, Result};
use domain::{Answer, Event, Payload, Position, Raw, Subject, Time};
use engine::LogFile;
use serde_json::Value;
use sim::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SHOP: Shop = Shop { users: 60, items: 200 };
/// Threads that ask.
const CLIENTS: u64 = 4;
/// A life of the server.
const LIFE_MS: u64 = 1_500;

// What the feed `policed` of the shop says, once more.
const ITEM_CAP: (usize, i64) = (2, 2_000);
const CATEGORY_CAP: (usize, i64) = (8, 10_000);
const MINUTE: i64 = 60_000;
const CATEGORY_QUOTA: i64 = 3_000;
const ITEM_QUOTA: usize = 400;

/// What was found.
#[derive(Default)]
pub(super) struct Caps {
    /// Answers checked, and their items.
    pub(super) answers: u64,
    pub(super) items: u64,
    /// Candidates that caps and quotas removed from them.
    pub(super) removed: u64,
    pub(super) kills: u64,
    /// Items that had reached a cap or quota at the positions that their answers read.
    pub(super) violations: u64,
    pub(super) wrong: Vec<String>,
}

/// Makes this many answers and checks all of them; the directory is kept if one is wrong.
pub(super) fn check(root: &Path, seed: u64, answers: u64) -> Result<Caps> {
    let mut caps = Caps::default();
    if answers == 0 {
        return Ok(caps);
    }
    let program = node::program(root)?;
    let mut folder = Folder::new("caps")?;
    let (spec, dir) = (folder.path.join("spec.yaml"), folder.path.join("data"));
    std::fs::write(&spec, shop::spec_text(root)?)?;
    std::fs::create_dir_all(&dir)?;
    let mut rng = Rng::new(seed).split(77);
    let asked = AtomicU64::new(0);
    let bar = node::bar(answers, "capping");
    while asked.load(Ordering::Relaxed) < answers {
        let (shards, mode) = (rng.pick(&[1, 2, 4]), rng.pick(&["inline", "threaded"]));
        let start = Start {
            program: &program,
            dir: &dir,
            spec: &spec,
            shards,
            mode,
            threads: 2,
            checkpoint_every: "300ms",
            core: None,
            more: &[],
        };
        let node = start.ready()?;
        if caps.kills == 0 {
            catalogue(&mut rng, node.address)?;
        }
        let over = AtomicBool::new(false);
        let life = Instant::now() + Duration::from_millis(LIFE_MS / 4 + rng.below(LIFE_MS));
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (rng, address) = (rng.split(caps.kills * CLIENTS + number + 1), node.address);
                let (over, asked) = (&over, &asked);
                scope.spawn(move || visit(rng, address, over, asked));
            }
            while Instant::now() < life && asked.load(Ordering::Relaxed) < answers {
                std::thread::sleep(Duration::from_millis(5));
            }
            node.kill();
            over.store(true, Ordering::Release);
        });
        caps.kills += 1;
        bar.set_position(asked.load(Ordering::Relaxed));
    }
    bar.finish_and_clear();
    caps.read(&LogFile::open(node::disk(&dir)?, journal::Options::default())?.reader)?;
    if !caps.wrong.is_empty() {
        folder.keep();
        eprintln!("the directory is left at {}", folder.path.display());
    }
    Ok(caps)
}

fn catalogue(rng: &mut Rng, address: SocketAddr) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let mut body = Vec::new();
    (0..SHOP.items).for_each(|number| loadgen::push_upsert(&mut body, &SHOP.upsert(rng, number, Time(now))));
    let mut http = loadgen::Client::new(address, Duration::from_secs(20));
    http.post("/v1/entities", &body).context("sending the catalogue")?;
    Ok(())
}

/// Asks and reports what was shown, now and then late or twice, until the server is gone.
fn visit(mut rng: Rng, address: SocketAddr, over: &AtomicBool, asked: &AtomicU64) {
    let mut http = loadgen::Client::new(address, Duration::from_secs(20));
    while !over.load(Ordering::Acquire) {
        let mut body = Vec::new();
        for _ in 0..=rng.below(8) {
            let user = SHOP.user(&mut rng);
            let question = format!("{{\"user\":\"{user}\",\"count\":{}}}", rng.pick(&[3, 10, 20]));
            let Ok(response) = http.post("/v1/feeds/policed", question.as_bytes()) else { return };
            asked.fetch_add(1, Ordering::Relaxed);
            let Ok(reply) = serde_json::from_slice::<Value>(&response.body) else { return };
            let shown = reply["items"].as_array().into_iter().flatten().filter_map(|item| item["item"].as_str());
            for item in shown.take(rng.below(8) as usize) {
                loadgen::push_event(&mut body, &impression(&mut rng, &user, item));
            }
        }
        if rng.percent(5) {
            let number = rng.below(SHOP.items);
            let mut change = Vec::new();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
            loadgen::push_upsert(&mut change, &SHOP.upsert(&mut rng, number, Time(now)));
            if http.post("/v1/entities", &change).is_err() {
                return;
            }
        }
        if !body.is_empty() && http.post("/v1/events", &body).is_err() {
            return;
        }
    }
}

fn impression(rng: &mut Rng, user: &str, item: &str) -> Event<'static> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let time = match rng.below(10) {
        0 => Some(Time(now - rng.below(4_000) as i64)),
        1 => Some(Time(now + rng.below(3_000) as i64)),
        _ => None,
    };
    let fields = vec![shop::field("user", shop::text(user)), shop::field("item", shop::text(item))];
    Event { kind: "impression".into(), source: "caps".into(), id: None, time, fields }
}

/// All impressions so far, by what they are counted under: position and time.
#[derive(Default)]
struct History {
    by_user_item: BTreeMap<(String, String), Vec<(u64, i64)>>,
    by_user_category: BTreeMap<(String, String), Vec<(u64, i64)>>,
    /// With the number of the minute.
    by_item: BTreeMap<(String, i64), Vec<u64>>,
    by_category: BTreeMap<(String, i64), Vec<u64>>,
    /// The categories that an item has had, from which positions on.
    categories: BTreeMap<String, Vec<(u64, Option<String>)>>,
}

impl History {
    fn category(&self, item: &str, at: u64) -> Option<&str> {
        let changes = self.categories.get(item)?;
        let last = changes.partition_point(|(position, _)| *position <= at).checked_sub(1)?;
        changes[last].1.as_deref()
    }

    fn note(&mut self, position: u64, log_time: i64, event: &Event<'_>) {
        let key = |name| match event.field(name) {
            Some(Raw::Str(key)) => key.to_string(),
            _ => String::new(),
        };
        let (user, item) = (key("user"), key("item"));
        let time = event.time.map_or(log_time, |time| time.0);
        let minute = time.div_euclid(MINUTE);
        if let Some(category) = self.category(&item, position).map(str::to_owned) {
            push(&mut self.by_user_category, (user.clone(), category.clone()), (position, time), log_time);
            self.by_category.entry((category, minute)).or_default().push(position);
        }
        self.by_item.entry((item.clone(), minute)).or_default().push(position);
        push(&mut self.by_user_item, (user, item), (position, time), log_time);
    }

    /// Which cap or quota the item had reached.
    fn reached(&self, answer: &Answer, user: &str, item: &str) -> Option<&'static str> {
        let (rows, epoch, now) = (answer.rows.0, answer.epoch.0, answer.now.0);
        let newer = |all: Option<&Vec<(u64, i64)>>, window: i64| {
            all.into_iter().flatten().filter(|(position, time)| *position <= rows && *time > now - window).count()
        };
        let key = |second: &str| (user.to_owned(), second.to_owned());
        let minute = now.div_euclid(MINUTE);
        let before = |all: Option<&Vec<u64>>| all.map_or(0, |all| all.partition_point(|position| *position <= epoch));
        if newer(self.by_user_item.get(&key(item)), ITEM_CAP.1) >= ITEM_CAP.0 {
            return Some("the cap of items");
        }
        if before(self.by_item.get(&(item.to_owned(), minute))) >= ITEM_QUOTA {
            return Some("the quota of items");
        }
        let category = self.category(item, epoch)?;
        if newer(self.by_user_category.get(&key(category)), CATEGORY_CAP.1) >= CATEGORY_CAP.0 {
            return Some("the cap of categories");
        }
        let shown = before(self.by_category.get(&(category.to_owned(), minute))) as i64;
        let late = shown >= CATEGORY_QUOTA || shown * MINUTE >= CATEGORY_QUOTA * now.rem_euclid(MINUTE);
        late.then_some("the quota of categories")
    }
}

/// Adds, and now and then forgets what is older than any window by far.
fn push(all: &mut BTreeMap<(String, String), Vec<(u64, i64)>>, key: (String, String), one: (u64, i64), log_time: i64) {
    let list = all.entry(key).or_default();
    if list.len() >= 256 {
        list.retain(|(_, time)| *time > log_time - 10 * MINUTE);
    }
    list.push(one);
}

impl Caps {
    fn read<D: journal::Disk>(&mut self, reader: &journal::Reader<D>) -> Result<()> {
        let mut history = History::default();
        let removing: BTreeSet<&str> = BTreeSet::from(["cap", "quota"]);
        let mut records = reader.iter_from(Position(1))?;
        while let Some(record) = records.next()? {
            let (position, log_time) = (record.header.position.0, record.header.log_time.0);
            match Payload::decode(record.header.kind, record.payload).ok().context("a record is readable")? {
                Payload::Event(event) if event.kind == "impression" => history.note(position, log_time, &event),
                Payload::Upsert(upsert) if upsert.entity == "item" => {
                    let sent = upsert.fields.iter().find(|field| field.name == "category");
                    let category = sent.and_then(|field| match &field.value {
                        Raw::Str(text) => Some(text.to_string()),
                        _ => None,
                    });
                    history.categories.entry(upsert.key.to_string()).or_default().push((position, category));
                }
                Payload::Decision(answer) if answer.request.feed == "policed" => {
                    let by_counts = answer
                        .removed
                        .iter()
                        .filter(|removal| removal.reason.split(' ').next().is_some_and(|kind| removing.contains(kind)));
                    self.removed += by_counts.map(|removal| u64::from(removal.count)).sum::<u64>();
                    self.hold(position, &answer, &history);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn hold(&mut self, position: u64, answer: &Answer, history: &History) {
        let Subject::User(user) = &answer.request.subject else { return };
        self.answers += 1;
        for item in &answer.items {
            self.items += 1;
            if let Some(reached) = history.reached(answer, user, &item.item) {
                self.violations += 1;
                self.wrong.push(format!("decision at {position} shows {} to {user} beyond {reached}", item.item));
            }
        }
    }
}
