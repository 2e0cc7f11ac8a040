//! The epoch: all that serving reads of items, at one position of the log: the catalogue, item rows and recall indexes.

mod saved;

pub use saved::EpochSnapshot;

use crate::facts::{Asked, Conditions, Facts};
use crate::reads::{FeedReads, Reads, closure};
use domain::{EntityId, Position, Time, Value};
use expr::{MadeTexts, Texts};
use recall::{Indexes, ItemScores};
use spec::plan::EntityIndex;
use spec::{Carrying, Plan};
use state::{Catalogue, Dictionary, Digest, Exposure, QuotaReading, Quotas, Raised, Resolved, Rows, Scope};
use std::cell::RefCell;
use std::sync::Arc;

/// Catalogue, item rows and indexes at one position.
#[derive(Clone)]
pub struct Epoch {
    /// The last change applied.
    pub position: Position,
    /// Its `log_time`.
    pub log_time: Time,
    catalogue: Catalogue,
    items: Rows,
    indexes: Indexes,
    /// Parallel to `Plan::exposures`.
    exposures: Vec<Exposure>,
    quotas: Quotas,
    listed: state::Lists,
    facts: Facts,
    lists: Arc<Lists>,
    row: Vec<Value>,
}

/// What is worked out once per plan.
#[derive(Debug)]
struct Lists {
    plan: Arc<Plan>,
    item: EntityIndex,
    /// By feed.
    feeds: Vec<FeedReads>,
    /// By feature: what it reads of an item.
    features: Vec<Reads>,
    /// Conditions that are kept by item.
    conditions: Conditions,
}

impl Lists {
    fn new(plan: Arc<Plan>) -> Lists {
        let item = plan.entity("item").expect("every plan has the entity type 'item'");
        let conditions = Conditions::new(&plan, item);
        let feeds = plan.feeds.iter().map(|feed| FeedReads::new(&plan, feed, &conditions)).collect();
        let features = plan.features.iter();
        let features = features.map(|feature| Reads::new(&plan, None, item, &closure(&plan, [feature.slot]))).collect();
        Lists { plan, item, feeds, features, conditions }
    }
}

impl Epoch {
    /// Before the first record.
    pub fn new(plan: Arc<Plan>) -> Epoch {
        Epoch {
            position: Position::START,
            log_time: Time(0),
            catalogue: Catalogue::new(plan.clone()),
            items: Rows::new(plan.clone(), Scope::Items),
            indexes: Indexes::new(&plan),
            exposures: plan.exposures.iter().map(|of| Exposure::new(&plan, of)).collect(),
            quotas: Quotas::new(plan.clone()),
            listed: state::Lists::new(plan.clone()),
            facts: Facts::default(),
            row: Vec::new(),
            lists: Arc::new(Lists::new(plan)),
        }
    }

    /// Applies one record; every record comes, in log order. Exposures come first, since they count an item out of what it
    /// was; indexes come last: they ask about items as this record left them. `texts` knows the strings of this record and of all
    /// before it.
    pub fn apply(&mut self, change: &Resolved, texts: &dyn Texts) {
        self.position = change.position;
        self.log_time = change.log_time;
        self.exposures.iter_mut().for_each(|exposure| exposure.apply(change, &self.catalogue));
        self.catalogue.apply(change);
        self.items.apply(change);
        self.quotas.apply(change, &self.catalogue);
        self.listed.apply(change);
        let Epoch { catalogue, items, indexes, facts, lists, row, .. } = self;
        let of = Asked { plan: &lists.plan, conditions: &lists.conditions, catalogue, texts };
        facts.apply(change, of, row);
        indexes.apply(change, &ItemView::of(catalogue, items, lists, (texts, row)));
    }

    /// Goes on under the plan of `new`: an empty epoch of a plan with the same state. `twin` is a copy of this one that has just
    /// done so.
    pub fn adopt(&mut self, new: &Epoch, twin: Option<&Epoch>, texts: &dyn Texts) {
        let plan = new.plan();
        let Epoch { catalogue, facts, lists, row, .. } = self;
        match twin {
            Some(twin) => *facts = twin.facts.clone(),
            None if lists.conditions.alike(&new.lists.conditions) => {}
            None => facts.rebuild(Asked { plan, conditions: &new.lists.conditions, catalogue, texts }, row),
        }
        facts.settle();
        self.catalogue.adopt(plan);
        self.items.adopt(&new.items);
        self.indexes.adopt(&new.indexes);
        self.quotas.adopt(plan);
        self.listed.adopt(plan);
        self.lists = new.lists.clone();
    }

    /// The epoch under another plan, which goes on with `carrying` of it; the rest begins here. `texts` knows every string of it.
    pub fn carried(self, plan: &Arc<Plan>, carrying: &Carrying, texts: &dyn Texts) -> Epoch {
        let mut new = Epoch::new(plan.clone());
        (new.position, new.log_time) = (self.position, self.log_time);
        new.catalogue = self.catalogue;
        new.catalogue.adopt(plan);
        new.items = self.items.carried(plan, carrying, self.log_time);
        new.indexes = self.indexes.carried(plan, &carrying.indexes);
        for (exposure, from) in new.exposures.iter_mut().zip(&carrying.exposures) {
            if let Some(from) = *from {
                exposure.clone_from(&self.exposures[usize::from(from)]);
            }
        }
        new.quotas = self.quotas.carried(plan.clone(), &carrying.quotas);
        new.listed = self.listed;
        new.listed.adopt(plan);
        new.complete(texts);
        new
    }

    /// From now on notes what changes, so that a copy can [`follow`](Epoch::follow): for an epoch that is one of two. What was noted
    /// before is forgotten.
    pub fn lead(&mut self) {
        self.catalogue.lead();
        self.items.lead();
        self.quotas.lead();
        self.indexes.lead();
        self.exposures.iter_mut().for_each(Exposure::lead);
        self.listed.lead();
        self.facts.lead();
    }

    /// Becomes the same as the copy that is ahead, by what changed there since this one was ahead of it: what an event takes to
    /// be worked out is worked out once.
    pub fn follow(&mut self, ahead: &Epoch) {
        self.position = ahead.position;
        self.log_time = ahead.log_time;
        self.catalogue.follow(&ahead.catalogue);
        self.items.follow(&ahead.items);
        self.quotas.follow(&ahead.quotas);
        self.indexes.follow(&ahead.indexes);
        self.exposures.iter_mut().zip(&ahead.exposures).for_each(|(own, ahead)| own.follow(ahead));
        self.listed.follow(&ahead.listed);
        self.facts.follow(&ahead.facts);
    }

    /// Applies records that follow one another; the memory of item rows is asked for ahead.
    pub fn apply_all(&mut self, changes: &[Resolved], texts: &dyn Texts) {
        for few in changes.chunks(Rows::AHEAD) {
            self.items.touch_all(few);
            few.iter().for_each(|change| self.apply(change, texts));
        }
    }

    /// The plan it was made with.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.lists.plan
    }

    /// Current attributes of every entity.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Rows of items.
    pub fn items(&self) -> &Rows {
        &self.items
    }

    /// What was raised over the rows of items since it was last taken: see [`Rows::take_raised`].
    pub fn take_raised(&mut self) -> Vec<Raised> {
        self.items.take_raised()
    }

    /// Recall indexes.
    pub fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    /// A quota ready to be read for one item after another, if the plan has it.
    pub(crate) fn quota(&self, quota: u16, now: Time) -> Option<QuotaReading<'_>> {
        self.quotas.reading(quota, now, &self.catalogue)
    }

    /// Which facts hold for an item: a bit each (`Conditions::bit`).
    pub(crate) fn facts(&self, item: EntityId) -> u64 {
        self.facts.of(item, &self.lists.conditions)
    }

    /// Who stands on which of the spec's lists.
    pub fn listed(&self) -> &state::Lists {
        &self.listed
    }

    /// Index of the item type in `Plan::entities`.
    pub fn item_type(&self) -> EntityIndex {
        self.lists.item
    }

    /// Digest of all it holds, as of `now`: equal for equal logs, on any machine and from any checkpoint.
    pub fn digest(&self, dictionary: &Dictionary, now: Time) -> Digest {
        let mut digest = self.catalogue.digest(dictionary);
        digest.add(self.items.digest(dictionary, now));
        digest.add(self.indexes.digest(dictionary));
        self.exposures.iter().zip(0..).for_each(|(exposure, number)| digest.add(exposure.digest(number, dictionary)));
        digest.add(self.quotas.digest(dictionary, now));
        digest.add(self.listed.digest(dictionary));
        digest
    }

    /// Impressions by the value of an attribute; `number` is an index into `Plan::exposures`.
    pub(crate) fn exposure(&self, number: u16) -> &Exposure {
        &self.exposures[usize::from(number)]
    }

    /// Whether the item may be recommended.
    pub(crate) fn present(&self, item: EntityId) -> bool {
        self.catalogue.present(self.lists.item, item)
    }

    pub(crate) fn feed_reads(&self, feed: u16) -> &FeedReads {
        &self.lists.feeds[usize::from(feed)]
    }

    /// Fills the item's own aggregates and attributes.
    pub(crate) fn fill_item(&self, reads: &Reads, item: EntityId, now: Time, row: &mut [Value]) {
        fill_item(&self.catalogue, &self.items, self.lists.item, reads, item, now, row);
    }
}

fn fill_item(
    catalogue: &Catalogue,
    items: &Rows,
    item_type: EntityIndex,
    reads: &Reads,
    item: EntityId,
    now: Time,
    row: &mut [Value],
) {
    if !reads.item.is_empty() {
        items.read(item, &reads.item, now, row);
    }
    for &(slot, field) in &reads.item_attributes {
        row[usize::from(slot)] = catalogue.attribute(item_type, item, field);
    }
}

/// Items as recall indexes ask about them; evaluates features in a row of its own.
pub struct ItemView<'a> {
    catalogue: &'a Catalogue,
    items: &'a Rows,
    lists: &'a Lists,
    texts: &'a dyn Texts,
    row: RefCell<&'a mut Vec<Value>>,
}

impl<'a> ItemView<'a> {
    /// The epoch's items. `row` is working memory; what it holds is of no account.
    pub fn new(epoch: &'a Epoch, texts: &'a dyn Texts, row: &'a mut Vec<Value>) -> ItemView<'a> {
        ItemView::of(&epoch.catalogue, &epoch.items, &epoch.lists, (texts, row))
    }

    fn of(
        catalogue: &'a Catalogue,
        items: &'a Rows,
        lists: &'a Lists,
        (texts, row): (&'a dyn Texts, &'a mut Vec<Value>),
    ) -> ItemView<'a> {
        row.resize(lists.plan.slots.len(), Value::Missing);
        ItemView { catalogue, items, lists, texts, row: RefCell::new(row) }
    }
}

impl ItemScores for ItemView<'_> {
    fn score(&self, feature: u16, item: EntityId, now: Time) -> Option<f64> {
        let reads = &self.lists.features[usize::from(feature)];
        let row = &mut **self.row.borrow_mut();
        fill_item(self.catalogue, self.items, self.lists.item, reads, item, now, row);
        reads.fill_now(now, row);
        reads.fill_features(&self.lists.plan, &MadeTexts::new(self.texts), row);
        row[usize::from(self.lists.plan.features[usize::from(feature)].slot)].as_f64()
    }

    fn next_change(&self, feature: u16, item: EntityId, now: Time) -> Option<Time> {
        self.items.next_change(item, &self.lists.features[usize::from(feature)].item, now)
    }

    fn present(&self, item: EntityId) -> bool {
        self.catalogue.present(self.lists.item, item)
    }

    fn item_count(&self) -> u32 {
        self.catalogue.bound(self.lists.item)
    }

    fn attribute(&self, item: EntityId, field: u16) -> Value {
        self.catalogue.attribute(self.lists.item, item, field)
    }
}

#[cfg(test)]
mod tests;
