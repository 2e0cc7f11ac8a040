//! Sketches of a row: rings of panes, ascending by index, each with the sketch of the events in it. Panes are shared with copies of the
//! row (requests, checkpoints, the other epoch) until one of the two changes.

mod dd;
mod hll;
mod top;

#[cfg(test)]
mod tests;

use crate::carry::Between;
use crate::dictionary::Dictionary;
use crate::elements::Element;
use crate::layout::Segment;
use crate::saved::{LoadError, Reader, put_text, put_u32, put_u64};
use dd::Quantile;
use domain::{EntityId, Symbol, Time, Value, limits};
use hll::Distinct;
use spec::plan::{AggregateOp, EntityIndex, Sketch};
use std::sync::Arc;
use top::Top;

/// Where panes of a ring begin and end, and what they hold.
#[derive(Clone, Debug)]
pub(crate) struct RingLayout {
    pub(crate) panes: Segment,
    pub(crate) sketch: Sketch,
    /// The type of the entities that are counted; `None`: strings.
    pub(crate) entity: Option<EntityIndex>,
}

/// What a sketch takes of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sketched<'e> {
    Number(f64),
    Elements(&'e [Element]),
}

/// One ring per sketch of the table; none until the first event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rings(Option<Arc<Vec<Ring>>>);

/// The panes of one sketch, ascending by index.
#[derive(Clone, Debug, Default)]
struct Ring {
    panes: Vec<Pane>,
}

#[derive(Clone, Debug)]
struct Pane {
    index: i64,
    body: Arc<Body>,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Distinct(Distinct),
    Quantile(Quantile),
    Top(Top),
}

/// Room for more elements in steps, exactly as many as may come.
fn make_room<T>(list: &mut Vec<T>, most: usize) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).clamp(2, 64).min(most.saturating_sub(list.len()).max(1)));
    }
}

impl Rings {
    /// Empty rings, if the table has any.
    pub(crate) fn opened(layouts: &[RingLayout]) -> Rings {
        Rings((!layouts.is_empty()).then(|| Arc::new(layouts.iter().map(|_| Ring::default()).collect())))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Asks for the newest pane of each ring.
    pub(crate) fn touch_newest(&self) {
        let rings = self.0.iter().flat_map(|rings| rings.iter());
        rings.filter_map(|ring| ring.panes.last()).for_each(|pane| pane.body.touch());
    }

    /// Adds an event to its pane, unless no read at `log_time` or later could see it. What is too old for that makes room for a new pane.
    pub(crate) fn add(&mut self, layout: &RingLayout, at: usize, time: Time, of: Sketched<'_>, log_time: Time) {
        let (index, oldest) = (layout.panes.pane(time), layout.panes.oldest(log_time));
        let Some(rings) = self.0.as_mut().filter(|_| index >= oldest) else { return };
        let panes = &mut Arc::make_mut(rings)[at].panes;
        let place = match panes.last() {
            Some(newest) if newest.index == index => panes.len() - 1,
            _ => pane_place(panes, index, oldest, layout),
        };
        Arc::make_mut(&mut panes[place].body).add(of);
    }

    /// What an aggregate over ring `at` is, of the panes from `first` to `last`.
    pub(crate) fn value(&self, layout: &RingLayout, at: usize, op: AggregateOp, (first, last): (i64, i64)) -> Value {
        let panes = self.between(at, first, last).iter().map(|pane| &*pane.body);
        match op {
            AggregateOp::Quantile(millionths, _) => {
                let found = dd::quantile(panes.filter_map(Body::quantile), millionths);
                found.map_or(Value::Missing, Value::Float)
            }
            AggregateOp::TopK(k, _) => {
                let numbers = top::most_frequent(panes.filter_map(Body::top), usize::from(k));
                let value = |number| match layout.entity {
                    Some(_) => Value::Entity(EntityId(number)),
                    None => Value::Str(Symbol(number)),
                };
                Value::List(numbers.into_iter().map(value).collect())
            }
            _ => Value::Float(hll::distinct(panes.filter_map(Body::distinct))),
        }
    }

    /// The index of the first pane in `first..=last`.
    pub(crate) fn first_in(&self, at: usize, first: i64, last: i64) -> Option<i64> {
        self.between(at, first, last).first().map(|pane| pane.index)
    }

    /// Whether a read at `now` or later could see anything.
    pub(crate) fn is_live(&self, layouts: &[RingLayout], now: Time) -> bool {
        let rings = self.0.iter().flat_map(|rings| rings.iter());
        let mut newest = rings.zip(layouts).filter_map(|(ring, layout)| Some((ring.panes.last()?, layout)));
        newest.any(|(pane, layout)| pane.index >= layout.panes.oldest(now))
    }

    /// Heap bytes, spare capacity included; panes that are shared count in full.
    pub(crate) fn heap_bytes(&self) -> usize {
        let Some(rings) = &self.0 else { return 0 };
        let pane = |pane: &Pane| size_of::<Pane>() + ARC + size_of::<Body>() + pane.body.heap_bytes();
        let ring = |ring: &Ring| {
            let spare = (ring.panes.capacity() - ring.panes.len()) * size_of::<Pane>();
            size_of::<Ring>() + spare + ring.panes.iter().map(pane).sum::<usize>()
        };
        ARC + size_of::<Vec<Ring>>() + rings.iter().map(ring).sum::<usize>()
    }

    /// Appends all that a read at `now` or later can see, in one form; whether that is anything.
    pub(crate) fn put_canonical(
        &self,
        layouts: &[RingLayout],
        now: Time,
        out: &mut Vec<u8>,
        dictionary: &Dictionary,
    ) -> bool {
        let mut any = false;
        for (at, layout) in layouts.iter().enumerate() {
            let live = self.between(at, layout.panes.oldest(now), i64::MAX);
            any |= !live.is_empty();
            put_u32(out, live.len() as u32);
            for pane in live {
                put_u64(out, pane.index as u64);
                pane.body.put_canonical(layout, out, dictionary);
            }
        }
        any
    }

    /// Appends the rings as they are.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for ring in self.0.iter().flat_map(|rings| rings.iter()) {
            put_u32(out, ring.panes.len() as u32);
            for pane in &ring.panes {
                put_u64(out, pane.index as u64);
                pane.body.save(out);
            }
        }
    }

    /// Reads what `save` wrote and checks that it is rings of this layout.
    pub(crate) fn load(layouts: &[RingLayout], input: &mut Reader<'_>) -> Result<Rings, LoadError> {
        if layouts.is_empty() {
            return Ok(Rings(None));
        }
        let rings = layouts.iter().map(|layout| Ring::load(layout, input)).collect::<Result<_, _>>()?;
        Ok(Rings(Some(Arc::new(rings))))
    }

    /// The rings under another layout: the panes that go on, of which a read at the log's time or later could see something.
    pub(crate) fn carried(&self, between: &Between<'_>) -> Rings {
        let Between { old, new, of, now } = between;
        let ring = |(layout, from): (&RingLayout, &Option<usize>)| {
            let panes = from.map_or_else(Vec::new, |from| {
                let first = old.rings[from].panes.oldest(*now).max(layout.panes.oldest(*now));
                self.between(from, first, i64::MAX).to_vec()
            });
            Ring { panes }
        };
        Rings((!new.rings.is_empty()).then(|| Arc::new(new.rings.iter().zip(&of.rings).map(ring).collect())))
    }

    fn between(&self, at: usize, first: i64, last: i64) -> &[Pane] {
        let Some(ring) = self.0.as_ref().and_then(|rings| rings.get(at)) else { return &[] };
        let start = ring.panes.partition_point(|pane| pane.index < first);
        let end = ring.panes.partition_point(|pane| pane.index <= last);
        &ring.panes[start..end.max(start)]
    }
}

/// Bytes of the two counts of an `Arc`.
const ARC: usize = 16;

/// Where the pane of an index stands, made if it is not there; then what is older than `oldest` goes first.
#[cold]
fn pane_place(panes: &mut Vec<Pane>, index: i64, oldest: i64, layout: &RingLayout) -> usize {
    if let Ok(found) = panes.binary_search_by_key(&index, |pane| pane.index) {
        return found;
    }
    panes.drain(..panes.partition_point(|pane| pane.index < oldest));
    let place = panes.partition_point(|pane| pane.index < index);
    make_room(panes, layout.panes.panes_max());
    panes.insert(place, Pane { index, body: Arc::new(Body::new(layout.sketch)) });
    place
}

impl Ring {
    fn load(layout: &RingLayout, input: &mut Reader<'_>) -> Result<Ring, LoadError> {
        let unsound = LoadError::new("the panes of a sketch are out of order or too many");
        let count = input.count(8)?;
        if count > layout.panes.panes_max() {
            return Err(unsound);
        }
        let mut panes: Vec<Pane> = Vec::with_capacity(count);
        for _ in 0..count {
            let index = input.i64()?;
            let after = panes.last().map_or(layout.panes.pane(Time(0)), |before| before.index.saturating_add(1));
            if !(after..=layout.panes.pane(Time(limits::TIME_MAX_MS))).contains(&index) {
                return Err(unsound);
            }
            panes.push(Pane { index, body: Arc::new(Body::load(layout, input)?) });
        }
        Ok(Ring { panes })
    }
}

impl Body {
    fn new(sketch: Sketch) -> Body {
        match sketch {
            Sketch::Distinct => Body::Distinct(Distinct::default()),
            Sketch::Quantile => Body::Quantile(Quantile::default()),
            Sketch::Top => Body::Top(Top::default()),
        }
    }

    fn add(&mut self, of: Sketched<'_>) {
        match (self, of) {
            (Body::Distinct(body), Sketched::Elements(elements)) => elements.iter().for_each(|of| body.add(of.hash)),
            (Body::Top(body), Sketched::Elements(elements)) => elements.iter().for_each(|of| body.add(*of)),
            (Body::Quantile(body), Sketched::Number(value)) => body.add(value),
            // A plan gives every sketch what it takes.
            (Body::Quantile(_), Sketched::Elements(_)) | (_, Sketched::Number(_)) => {}
        }
    }

    fn distinct(&self) -> Option<&Distinct> {
        if let Body::Distinct(body) = self { Some(body) } else { None }
    }

    fn quantile(&self) -> Option<&Quantile> {
        if let Body::Quantile(body) = self { Some(body) } else { None }
    }

    fn top(&self) -> Option<&Top> {
        if let Body::Top(body) = self { Some(body) } else { None }
    }

    /// Asks for its content.
    fn touch(&self) {
        match self {
            Body::Distinct(body) => body.touch(),
            Body::Quantile(body) => body.touch(),
            Body::Top(body) => body.touch(),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Body::Distinct(body) => body.heap_bytes(),
            Body::Quantile(body) => body.heap_bytes(),
            Body::Top(body) => body.heap_bytes(),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Body::Distinct(body) => body.save(out),
            Body::Quantile(body) => body.save(out),
            Body::Top(body) => body.save(out),
        }
    }

    fn put_canonical(&self, layout: &RingLayout, out: &mut Vec<u8>, dictionary: &Dictionary) {
        let Body::Top(body) = self else { return self.save(out) };
        body.put(out, |number, out| match layout.entity {
            Some(entity) => put_text(out, dictionary.key(entity, EntityId(number))),
            None => put_text(out, dictionary.text(Symbol(number))),
        });
    }

    fn load(layout: &RingLayout, input: &mut Reader<'_>) -> Result<Body, LoadError> {
        match layout.sketch {
            Sketch::Distinct => Distinct::load(input).map(Body::Distinct),
            Sketch::Quantile => Quantile::load(input).map(Body::Quantile),
            Sketch::Top => Top::load(input).map(Body::Top),
        }
    }
}
