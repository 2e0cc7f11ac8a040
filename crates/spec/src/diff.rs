//! What changes between two plans, and whether the state of the old one can be kept.

mod alarm;
mod decision;
mod rerank;

use crate::build::canonical;
use crate::plan::{
    Action, Computed, EventType, Feature, Feed, FieldType, From, Fusion, Index, Plan, Policy, Route, RouteSource,
    SlotSource, Stream, StreamValue, TagsBy, TagsFrom,
};
use expr::Program;
use std::collections::BTreeMap;

/// The difference between two plans: things as `feature user.views_1h`, `feed home`, `event view`, `entity item`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the new plan only.
    pub added: Vec<String>,
    /// In the old plan only.
    pub removed: Vec<String>,
    /// In both, with another meaning. A feature has changed too if one that it reads has.
    pub changed: Vec<String>,
    /// In both with the same meaning.
    pub unchanged: Vec<String>,
    /// Whether state must be built again from the log: something that is counted, kept or indexed is not the same.
    pub rebuild: bool,
}

/// Compares two plans by names and meanings; comments and layout of the texts do not count.
pub fn diff(old: &Plan, new: &Plan) -> Diff {
    let (before, after) = (definitions(old), definitions(new));
    let mut diff = Diff { rebuild: signature(old) != signature(new), ..Diff::default() };
    for (name, definition) in &after {
        let list = match before.get(name) {
            None => &mut diff.added,
            Some(old) if old == definition => &mut diff.unchanged,
            Some(_) => &mut diff.changed,
        };
        list.push(name.clone());
    }
    diff.removed = before.into_keys().filter(|name| !after.contains_key(name)).collect();
    diff
}

/// Every named thing with its meaning as text, in which no index of the plan occurs.
fn definitions(plan: &Plan) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entity in &plan.entities {
        all.insert(format!("entity {}", entity.name), fields(&entity.fields));
    }
    for event in &plan.events {
        all.insert(format!("event {}", event.name), event_definition(plan, event));
    }
    let mut features: Vec<String> = Vec::new();
    for feature in &plan.features {
        let definition = feature_definition(plan, feature, &features);
        features.push(hash(&definition));
        if !feature.hidden {
            all.insert(format!("feature {}", plan.slots[usize::from(feature.slot)].name), definition);
        }
    }
    for list in &plan.lists {
        let of = &plan.entities[usize::from(list.of)].name;
        all.insert(format!("list {}", list.name), format!("of {of} max {}\n", list.max));
    }
    for feed in &plan.feeds {
        all.insert(format!("feed {}", feed.name), feed_definition(plan, feed, &features));
    }
    for decision in &plan.decisions {
        all.insert(format!("decision {}", decision.name), decision::definition(plan, decision));
    }
    for alarm in &plan.alarms {
        all.insert(format!("alarm {}", alarm.name), alarm::definition(plan, alarm));
    }
    all.extend(plan.sinks.iter().map(|sink| (format!("sink {}", sink.name), format!("{sink:?}"))));
    let weights = plan.weights.iter().map(|(event, weight)| (event_name(plan, *event), weight));
    all.extend(weights.map(|(event, weight)| (format!("weight {event}"), format!("{weight:?}"))));
    if let Some(of) = &plan.attribution {
        let events = of.events.iter().map(|of| format!(" {} {:?} {}", event_name(plan, of.event), of.weight, of.click));
        let definition = format!("{} {}{}", of.window, of.decisions, events.collect::<String>());
        all.insert("attribution".to_owned(), definition);
    }
    all
}

fn hash(definition: &str) -> String {
    blake3::hash(definition.as_bytes()).to_hex().to_string()
}

/// What each index keeps, and in which order: equal texts of two plans with the same events and attributes, equal indexes.
pub(crate) fn index_meanings(plan: &Plan) -> Vec<String> {
    let mut features: Vec<String> = Vec::new();
    for feature in &plan.features {
        features.push(hash(&feature_definition(plan, feature, &features)));
    }
    (0..plan.indexes.len()).map(|index| index_definition(plan, index as u16, &features)).collect()
}

fn event_name(plan: &Plan, event: u16) -> &str {
    &plan.events[usize::from(event)].name
}

fn fields(fields: &[FieldType]) -> String {
    fields.iter().map(|field| format!("{}: {}\n", field.name, field.ty)).collect()
}

fn event_definition(plan: &Plan, event: &EventType) -> String {
    let role = |role: &crate::plan::Role| format!("{} = {}\n", role.name, plan.entities[usize::from(role.entity)].name);
    event.roles.iter().map(role).chain([fields(&event.fields)]).collect()
}

/// A program by its text and by what it reads.
fn program(plan: &Plan, program: &Program, features: &[String]) -> String {
    let reads = program.slots().iter().map(|&slot| {
        let slot = &plan.slots[usize::from(slot)];
        let through = match slot.source {
            SlotSource::Feature(index) => features.get(usize::from(index)).map_or("", String::as_str),
            SlotSource::Unfilled => "unfilled",
            _ => "",
        };
        format!(" {}: {} {through};", canonical(&slot.name), slot.ty)
    });
    format!("{} reads{}\n", canonical(program.text()), reads.collect::<String>())
}

fn feature_definition(plan: &Plan, feature: &Feature, before: &[String]) -> String {
    program(plan, &feature.program, before)
}

fn feed_definition(plan: &Plan, feed: &Feed, features: &[String]) -> String {
    let mut text = format!("for {} durable {}\n", plan.entities[usize::from(feed.subject)].name, feed.durable);
    text.push_str(&fields(&feed.context));
    let Fusion { kind, candidates } = feed.fusion;
    text.push_str(&format!("fuse {} {candidates}\n", kind.name()));
    feed.routes.iter().for_each(|of| text.push_str(&route(plan, of, features)));
    feed.filters.iter().for_each(|filter| text.push_str(&format!("filter {}", program(plan, filter, features))));
    feed.terms.iter().for_each(|term| text.push_str(&format!("term {}", program(plan, term, features))));
    feed.reranks.iter().for_each(|of| text.push_str(&rerank::definition(plan, feed, of, features)));
    feed.policies.iter().for_each(|of| text.push_str(&policy(plan, of, features)));
    text.push_str(&format!("{:?}\n", feed.holdout));
    text
}

fn policy(plan: &Plan, policy: &Policy, features: &[String]) -> String {
    let Policy { text, when, from, until, action } = policy;
    let when = when.as_ref().map(|when| program(plan, when, features));
    let does = match action {
        Action::Cap(cap) => {
            let aggregate = &plan.aggregates[usize::from(cap.aggregate)];
            let stream = &plan.streams[usize::from(aggregate.stream)];
            let table = &plan.tables[usize::from(stream.table)].name;
            let events = stream.events.iter().map(|&event| plan.events[usize::from(event)].name.as_str());
            format!("{} {table} {:?} {:?}", cap.impressions, events.collect::<Vec<_>>(), aggregate.op)
        }
        Action::Quota(quota) => {
            let count = &plan.quotas[usize::from(quota.count)];
            let of = count.of.map(|field| plan.entities[1].fields[usize::from(field)].name.as_str());
            let event = &plan.events[usize::from(count.event)].name;
            format!("{} {} {event} {of:?} {} {:?}", quota.impressions, quota.even, count.window, count.anchor)
        }
        Action::NeverFollow(rule) => {
            format!("{}{}", program(plan, &rule.item, features), program(plan, &rule.after, features))
        }
        Action::Scale(_) | Action::Block | Action::Allow | Action::Pin(_) => format!("{action:?}"),
    };
    format!("policy {text} {when:?} {from:?} {until:?} {does}\n")
}

fn route(plan: &Plan, route: &Route, features: &[String]) -> String {
    let from = |from: &From| match from {
        From::Slot(slot) => match plan.slots[usize::from(*slot)].source {
            SlotSource::Feature(feature) => features[usize::from(feature)].clone(),
            _ => plan.slots[usize::from(*slot)].name.clone(),
        },
        From::RequestItem => "request.item".to_owned(),
    };
    let source = match &route.source {
        RouteSource::Top { index } | RouteSource::Newest { index } => index_definition(plan, *index, features),
        RouteSource::CoVisited { index, from: items, recency, context, skip_known } => {
            let index = index_definition(plan, *index, features);
            format!("{index} from {} {recency:?} {context} {skip_known}", from(items))
        }
        RouteSource::Sessions { index, from: items, recency, context, skip_known } => {
            let index = index_definition(plan, *index, features);
            format!("{index} from {} {recency:?} {context} {skip_known}", from(items))
        }
        RouteSource::List { list } => format!("list {}", plan.lists[usize::from(*list)].name),
        RouteSource::Explore { index } => index_definition(plan, *index, features),
        RouteSource::Random => "random".to_owned(),
        RouteSource::Tags { index, from: tags, recency, context, .. } => {
            let index = index_definition(plan, *index, features);
            let tags = match tags {
                TagsFrom::Items(items) => from(items),
                TagsFrom::Slot(slot) => from(&From::Slot(*slot)),
            };
            format!("{index} from {tags} {recency:?} {context}")
        }
        RouteSource::History { from: items, recency } => format!("history {} {recency:?}", from(items)),
    };
    let when = route.when.as_ref().map_or(String::new(), |when| format!("when {}", program(plan, when, features)));
    let Route { name, limit, weight, min, quota, .. } = route;
    format!("route {name} {source} {limit} {weight:?} {min} {quota:?} {when}\n")
}

fn index_definition(plan: &Plan, index: u16, features: &[String]) -> String {
    match &plan.indexes[usize::from(index)] {
        Index::Top { feature } => format!("top {}", features[usize::from(*feature)]),
        Index::Newest { field } => format!("newest {}", plan.entities[1].fields[usize::from(*field)].name),
        Index::Explore { event, below } => format!("explore {} below {below}", plan.events[usize::from(*event)].name),
        Index::Tags { field, by } => {
            let attribute = |field: u16| plan.entities[1].fields[usize::from(field)].name.as_str();
            let by = match by {
                TagsBy::Feature(feature) => features[usize::from(*feature)].as_str(),
                TagsBy::Time(field) => attribute(*field),
                TagsBy::Nothing => "",
            };
            format!("tags {} by {by}", attribute(*field))
        }
        Index::CoVisited(of) => {
            let mut rest = of.clone();
            let events = event_weights(plan, &std::mem::take(&mut rest.events));
            format!("co_visited {events}{rest:?}")
        }
        Index::Sessions(of) => {
            let mut rest = of.clone();
            let events = event_weights(plan, &std::mem::take(&mut rest.events));
            format!("sessions {events}{rest:?}")
        }
    }
}

fn event_weights(plan: &Plan, events: &[(u16, f64)]) -> String {
    let named = |&(event, weight): &(u16, f64)| format!("{} {weight:?} ", plan.events[usize::from(event)].name);
    events.iter().map(named).collect()
}

/// Digest of all that a plan's state is built by: plans that have the same have the same state over the same log, but for the
/// numbers of strings.
pub fn state_digest(plan: &Plan) -> [u8; 32] {
    *blake3::hash(signature(plan).as_bytes()).as_bytes()
}

/// Whether a spec attributes events to the same feeds and routes as a plan does, so that a decision of either can be counted by both.
pub fn attributes_alike(plan: &Plan, text: &str) -> bool {
    plan.text == text || crate::compile("another spec", text).is_ok_and(|other| attributed(&other) == attributed(plan))
}

/// All that rows, catalogue and indexes are built by, in the order in which they are numbered.
fn signature(plan: &Plan) -> String {
    let Plan { entities, events, tables, collections, exposures, lists, .. } = plan;
    let streams: Vec<String> = plan.streams.iter().map(stream).collect();
    let indexes: Vec<String> = plan.indexes.iter().map(|index| kept_index(plan, index)).collect();
    // The order of a `top` index hangs on the formulas of the items' features.
    let by_feature = |index: &Index| matches!(index, Index::Top { .. } | Index::Tags { by: TagsBy::Feature(_), .. });
    let ordered = plan.indexes.iter().any(by_feature);
    let of_state = plan.interim.map_or(plan.features.len(), usize::from);
    let of_items = plan.features[..of_state]
        .iter()
        .filter(|feature| ordered && plan.tables[usize::from(feature.table)].name == "item");
    let formulas: Vec<String> =
        of_items.map(|feature| format!("{} {}", feature.name, canonical(feature.program.text()))).collect();
    let quotas = &plan.quotas;
    let calendars = &plan.calendars;
    let events: Vec<String> = events.iter().map(event_type).collect();
    let counted = format!("{entities:?}{events:?}{tables:?}{collections:?}{streams:?}{calendars:?}{indexes:?}");
    let begins = plan.carried.as_ref().map_or_else(String::new, |from| format!("{from:?}"));
    format!("{counted}{exposures:?}{formulas:?}{quotas:?}{lists:?}{}{begins}", attributed(plan))
}

/// What attribution counts, and by which feeds and routes.
pub(crate) fn attributed(plan: &Plan) -> String {
    let Some(attribution) = &plan.attribution else { return String::new() };
    let routes = |feed: &Feed| feed.routes.iter().map(|route| format!("{} ", route.name)).collect::<String>();
    let feeds: String = plan.feeds.iter().map(|feed| format!("{} {}", feed.name, routes(feed))).collect();
    format!("{attribution:?}{feeds}")
}

fn event_type(event: &EventType) -> String {
    let EventType { name, roles, fields, computed } = event;
    let computed = computed.iter().map(|computed| match computed {
        Computed::Attribute { role, field } => format!("{role}.{field}"),
        Computed::Program(program) => canonical(program.text()),
    });
    format!("{name} {roles:?} {fields:?} {:?}", computed.collect::<Vec<_>>())
}

fn stream(stream: &Stream) -> String {
    let Stream { table, events, filter, value, panes, half_lives, newest, recents, recents_window, parts, sketch } =
        stream;
    let filter = filter.as_ref().map(|filter| canonical(filter.text()));
    let value = match value {
        StreamValue::One => "1".to_owned(),
        StreamValue::Number(program) => canonical(program.text()),
        StreamValue::Role(roles) => format!("{roles:?}"),
        StreamValue::Listed(program) => format!("list {}", canonical(program.text())),
        StreamValue::Elements(collection) => format!("elements {collection}"),
        StreamValue::Pattern(pattern) => pattern.meaning(),
    };
    let lists = format!("{newest} {recents} {recents_window:?}");
    format!("{table} {events:?} {filter:?} {value} {panes:?} {half_lives:?} {lists} {parts:?} {sketch:?}")
}

fn kept_index(plan: &Plan, index: &Index) -> String {
    match index {
        Index::Top { feature } => format!("top {}", plan.features[usize::from(*feature)].name),
        Index::Tags { field, by: TagsBy::Feature(feature) } => {
            format!("tags {field} by {}", plan.features[usize::from(*feature)].name)
        }
        other => format!("{other:?}"),
    }
}
