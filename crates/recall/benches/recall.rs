//! Costs of the indexes: one change, and one read of each kind. `cargo bench -p recall`; prints medians of several rounds, in
//! CPU time of the thread where the system says it (Linux), in steps of a few ms, so that neighbours on the machine
//! count little; else in wall time.
//! Items are drawn with a popularity of 1/rank, users evenly.

use domain::{EntityId, Position, Time, Type, Value};
use expr::Program;
use recall::{Hit, Indexes, ItemScores, Known, Scratch, Visitor};
use spec::plan::{CoVisited, EntityType, EventType, Feature, FieldType, Index, Plan, Role, Sessions, Slot, SlotSource};
use state::{Change, EventChange, Resolved};
use std::hint::black_box;
use std::time::Instant;

const USERS: u32 = 5_000;
const TOGETHER: u16 = 1;

/// Items with a score that is read from a table.
struct Items {
    heat: Vec<f64>,
}

impl ItemScores for Items {
    fn score(&self, _: u16, item: EntityId, _: Time) -> Option<f64> {
        self.heat.get(item.0 as usize).copied()
    }
    fn next_change(&self, _: u16, _: EntityId, _: Time) -> Option<Time> {
        None
    }
    fn present(&self, _: EntityId) -> bool {
        true
    }
    fn item_count(&self) -> u32 {
        self.heat.len() as u32
    }
    fn attribute(&self, item: EntityId, _: u16) -> Value {
        Value::Time(Time(i64::from(item.0)))
    }
}

/// Sessions of about four events, as many as `USERS` make in the bench; or whole histories.
fn sessions(gap: Option<domain::Span>, length: u16, neighbours: u16) -> Plan {
    let sessions = Sessions {
        events: vec![(0, 1.0)],
        gap,
        length,
        sessions: 500,
        keep: 100_000,
        neighbours,
        similarity_exponent: 0.5,
        distance_decay: 0.7,
        backward: 0.7,
        popularity_exponent: 0.1,
        context_exponent: 0.5,
        shrinkage: 10.0,
        half_life: None,
    };
    Plan { indexes: vec![Index::Sessions(sessions)], ..plan(20, 200, 0) }
}

fn measure_sessions(items: u32, gap: Option<domain::Span>, length: u16, neighbours: u16) {
    let mut indexes = Indexes::new(&sessions(gap, length, neighbours));
    let mut draw = Draw(1);
    let scores = Items { heat: vec![0.0; items as usize] };
    indexes.rebuild(Time(0), &scores);
    let events: Vec<Resolved> = (0..900_000).map(|at| event(&mut draw, items, at)).collect();
    events[..400_000].iter().for_each(|event| indexes.apply(event, &scores));
    let update = median(5, 100_000, |call| indexes.apply(&events[400_000 + call], &scores));
    let contexts: Vec<Vec<(EntityId, f64)>> =
        (0..500).map(|_| (0..5).map(|place| (EntityId(draw.item(items)), 0.6f64.powi(place))).collect()).collect();
    let (mut scratch, mut hits, mut found) = (Scratch::new(), Vec::new(), 0);
    let read = median(5, 3_000, |call| {
        hits.clear();
        let visitor = Visitor { user: Some(EntityId(call as u32 % USERS)), skip_known: true, ..Visitor::default() };
        let context = &contexts[call % 500];
        indexes.sessions(0, context, 300, Time(1_000_000), visitor, &mut scratch, &|_| false, &mut hits);
        found += black_box(&hits).len();
    });
    let memory = indexes.memory()[0];
    println!(
        "{items} items, sessions of at most {length}, neighbours {neighbours}: event {:.0} ns, 5 -> 300 {:.1} us ({} found), {:.1} MB",
        update * 1e9,
        read * 1e6,
        found / 15_000,
        memory.bytes as f64 / 1e6,
    );
}

fn plan(history: u16, counters: u16, neighbours: u16) -> Plan {
    let entity = |name: &str, fields| EntityType { name: name.to_owned(), fields };
    let role = |name: &str, entity| Role { name: name.to_owned(), entity };
    let together = CoVisited {
        events: vec![(0, 1.0)],
        history,
        keep: 1_000,
        counters,
        neighbours,
        distance_decay: 0.9,
        backward: 0.7,
        popularity_exponent: 0.3,
        context_exponent: 0.5,
        shrinkage: 5.0,
        half_life: None,
    };
    Plan {
        digest: [0; 32],
        text: String::new(),
        constants: Vec::new(),
        symbols: Vec::new(),
        exposures: Vec::new(),
        weights: Vec::new(),
        attribution: None,
        decisions: Vec::new(),
        alarms: Vec::new(),
        sinks: Vec::new(),
        interim: None,
        carried: None,
        decision_read: false,
        entities: vec![
            entity("user", Vec::new()),
            entity("item", vec![FieldType { name: "created".to_owned(), ty: Type::Time }]),
        ],
        events: vec![EventType {
            name: "view".to_owned(),
            roles: vec![role("user", 0), role("item", 1)],
            fields: Vec::new(),
            computed: Vec::new(),
        }],
        tables: Vec::new(),
        streams: Vec::new(),
        collections: Vec::new(),
        aggregates: Vec::new(),
        calendars: Vec::new(),
        features: vec![Feature {
            name: "heat".to_owned(),
            table: 0,
            program: Program::new("heat", Type::Float, vec![0], std::sync::Arc::new(|row| row[0].clone())),
            slot: 0,
            landmark: Some(domain::Span(21_400_000)),
            hidden: false,
        }],
        slots: vec![Slot { name: "heat".to_owned(), ty: Type::Float, source: SlotSource::Now, per_candidate: true }],
        indexes: vec![Index::Top { feature: 0 }, Index::CoVisited(together), Index::Newest { field: 0 }],
        lists: Vec::new(),
        feeds: Vec::new(),
        quotas: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A small deterministic generator (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An item with a probability of about 1/rank.
    fn item(&mut self, items: u32) -> u32 {
        ((f64::from(items).powf(self.unit())) as u32).min(items - 1)
    }
}

fn event(draw: &mut Draw, items: u32, at: u64) -> Resolved {
    let entities = [EntityId((draw.next() % u64::from(USERS)) as u32), EntityId(draw.item(items))];
    let change = EventChange {
        event: 0,
        time: Time(at as i64),
        entities: entities.into_iter().collect(),
        values: Box::new([]),
        crosses: [].into_iter().collect(),
        elements: None,
    };
    Resolved { position: Position(at), log_time: Time(at as i64), change: Change::Event(change) }
}

/// Nanoseconds this thread has run.
fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Median seconds of one of `each` calls, over rounds.
fn median(rounds: usize, each: usize, mut run: impl FnMut(usize)) -> f64 {
    let mut seconds: Vec<f64> = (0..rounds)
        .map(|round| {
            let (start, cpu) = (Instant::now(), cpu_ns());
            (0..each).for_each(|call| run(round * each + call));
            let spent = cpu.zip(cpu_ns()).map(|(before, after)| (after - before) as f64 / 1e9);
            spent.unwrap_or_else(|| start.elapsed().as_secs_f64()) / each as f64
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[rounds / 2]
}

fn measure(items: u32, history: u16, counters: u16, neighbours: u16) {
    let plan = plan(history, counters, neighbours);
    let mut indexes = Indexes::new(&plan);
    let mut draw = Draw(1);
    let scores = Items { heat: (0..items).map(|_| draw.unit() * 100.0).collect() };
    indexes.rebuild(Time(0), &scores);
    let events: Vec<Resolved> = (0..900_000).map(|at| event(&mut draw, items, at)).collect();
    events[..400_000].iter().for_each(|event| indexes.apply(event, &scores));
    let update = median(5, 100_000, |call| indexes.apply(&events[400_000 + call], &scores));

    let now = Time(1_000_000);
    let contexts: Vec<Vec<(EntityId, f64)>> =
        (0..500).map(|_| (0..20).map(|place| (EntityId(draw.item(items)), 0.8f64.powi(place))).collect()).collect();
    let mut scratch = Scratch::new();
    let mut hits: Vec<Hit> = Vec::new();
    let mut found = 0;
    let skip = |item: EntityId| item.0 % 100 == 7;
    let read = median(5, 3_000, |call| {
        hits.clear();
        let known = Known { user: Some(EntityId(call as u32 % USERS)), items: &[] };
        indexes.co_visited(TOGETHER, &contexts[call % 500], 300, now, known, &mut scratch, &skip, &mut hits);
        found += black_box(&hits).len();
    });
    let top = median(5, 20_000, |_| {
        hits.clear();
        indexes.top(0, 200, now, &scores, &skip, &mut hits);
        black_box(&hits);
    });
    let newest = median(5, 40_000, |_| {
        hits.clear();
        indexes.newest(2, 200, &skip, &mut hits);
        black_box(&hits);
    });
    let memory = indexes.memory()[1];
    println!(
        "{items} items, history {history}, counters {counters}, neighbours {neighbours}: event {:.0} ns, co_visited 20 -> 300 {:.1} us \
         ({} found), top 200 {:.2} us, newest 200 {:.2} us, co_visited {} bytes per item",
        update * 1e9,
        read * 1e6,
        found / 15_000,
        top * 1e6,
        newest * 1e6,
        memory.bytes / memory.items.max(1),
    );
}

fn main() {
    // Time goes on by 1 ms per event, so a user has one every 5 seconds on average.
    for (items, gap, length, neighbours) in [
        (2_000, Some(8_000), 50, 100),
        (2_000, Some(8_000), 50, 500),
        (2_000, None, 200, 100),
        (2_000, None, 200, 200),
        (100_000, Some(8_000), 50, 100),
    ] {
        measure_sessions(items, gap.map(domain::Span), length, neighbours);
    }
    for (items, history, counters, neighbours) in
        [(2_000, 20, 200, 0), (2_000, 20, 200, 50), (2_000, 50, 200, 0), (100_000, 20, 200, 0)]
    {
        measure(items, history, counters, neighbours);
    }
}
