//! Policies: what each counts, compares and places, resolved against the rest of the spec. What contradicts itself or can do
//! nothing is found in `conflict.rs`.

mod conflict;

use super::scope::FeedPlace;
use super::stream::{Need, one_line};
use super::{Builder, ITEM, USER};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{
    Action, AggregateOp, Cap, Cross, Holdout, NeverFollow, Pin, Policy, Quota, QuotaCount, StreamValue, Table,
};
use crate::source::{CountSource, FeedSource, PolicyKind, PolicySource};
use crate::yaml::Text;
use domain::{Time, Type, limits};

impl Builder<'_> {
    /// The feed's policies, and whom they spare.
    pub(super) fn policies(&mut self, feed: &FeedSource, place: FeedPlace<'_>) -> (Vec<Policy>, Option<Holdout>) {
        self.check_policy_names(feed);
        self.check_conflicts(feed);
        let policies = feed.policies.iter().filter_map(|policy| self.policy(policy, place)).collect();
        let holdout = feed.holdout.as_ref().map(|of| Holdout { share: of.share, salt: of.salt.clone() });
        (policies, holdout)
    }

    fn check_policy_names(&mut self, feed: &FeedSource) {
        let named: Vec<&Text> = feed.policies.iter().filter_map(|policy| policy.name.as_ref()).collect();
        for (index, name) in named.iter().enumerate() {
            if name.text.is_empty() || name.text.len() > limits::NAME_BYTES_MAX {
                let message = format!("the name of a policy has 1 to {} bytes", limits::NAME_BYTES_MAX);
                self.issues.push(Issue::new("bad_name", &name.span, message));
            }
            if named[..index].iter().any(|before| before.text == name.text) {
                let message = format!("{} is the name of two policies of this feed", quoted(&name.text));
                self.issues.push(Issue::new("duplicate_name", &name.span, message).help("rename one"));
            }
        }
    }

    fn policy(&mut self, source: &PolicySource, place: FeedPlace<'_>) -> Option<Policy> {
        let when = match &source.when {
            Some(text) => Some(self.filter(text, place)?),
            None => None,
        };
        let action = match &source.kind {
            PolicyKind::Boost(by) | PolicyKind::Bury(by) => Action::Scale(*by),
            PolicyKind::Block => Action::Block,
            PolicyKind::Allow => Action::Allow,
            PolicyKind::Cap(count) => self.cap(source, count, place).map(Action::Cap)?,
            PolicyKind::Quota(count, even) => self.quota(source, count, *even).map(Action::Quota)?,
            PolicyKind::Pin { item, at } => Action::Pin(Pin { item: item.clone(), place: *at }),
            PolicyKind::NeverFollow { item, after } => {
                let (item, after) = (self.filter(item, place), self.filter(after, place));
                Action::NeverFollow(NeverFollow { item: item?, after: after? })
            }
        };
        Some(Policy { text: text_of(source), when, from: source.from, until: source.until, action })
    }

    /// The list of impressions that the cap reads. A feed for items has no user whose impressions could be counted: noted.
    fn cap(&mut self, source: &PolicySource, count: &CountSource, place: FeedPlace<'_>) -> Option<Cap> {
        let of = self.counted_attribute(count, &[Type::Str, Type::Bool, Type::Int])?;
        let event = self.counted_event(source, count, &[USER, ITEM])?;
        if place.subject != USER {
            return None;
        }
        let cross = of.map_or(Cross::Entity(ITEM), Cross::ItemField);
        let table = self.cap_table(cross);
        let role = self.events[usize::from(event)].roles.iter().position(|role| role.entity == ITEM)? as u8;
        let op = AggregateOp::CountRecents(count.window);
        let key = format!("{table} {event} [] role {role}");
        let mut need = Need::new(table, vec![event], StreamValue::Role(vec![role]), key.clone(), op, Type::Float);
        let named = &self.events[usize::from(event)].name;
        need.name = format!("impressions({}, {named}, {})", self.tables[usize::from(table)].name, count.window);
        let (slot, _) = self.add(need)?;
        let stream = &mut self.streams[usize::from(*self.stream_keys.get(&key)?)];
        if self.kept.is_some() && stream.recents < count.impressions as u16 {
            // What is kept does not count so far.
            return None;
        }
        stream.recents = stream.recents.max(count.impressions as u16);
        let aggregate = self.aggregates.iter().position(|aggregate| aggregate.slot == slot)? as u16;
        Some(Cap { aggregate, impressions: count.impressions as u16 })
    }

    /// The table that lists impressions of the user and this; shared by all caps, and by nothing else, so that nothing but
    /// impressions makes rows in it.
    fn cap_table(&mut self, cross: Cross) -> u16 {
        let known = self.tables.iter().position(|table| table.for_caps && table.cross == Some(cross));
        known.unwrap_or_else(|| {
            let of = match cross {
                Cross::ItemField(field) => self.entities[usize::from(ITEM)].fields[usize::from(field)].name.as_str(),
                Cross::Entity(_) => "item",
            };
            let name = format!("user.{of} for caps");
            self.tables.push(Table { name, entity: USER, cross: Some(cross), for_caps: true });
            self.tables.len() - 1
        }) as u16
    }

    fn quota(&mut self, source: &PolicySource, count: &CountSource, even: bool) -> Option<Quota> {
        let of = self.counted_attribute(count, &[Type::Str])?;
        let event = self.counted_event(source, count, &[ITEM])?;
        let anchor = source.from.unwrap_or(Time(0));
        let counted = QuotaCount { event, of, window: count.window, anchor };
        let known = self.quotas.iter().position(|known| *known == counted);
        let index = known.unwrap_or(self.quotas.len());
        if known.is_none() {
            if index >= limits::QUOTAS_MAX {
                let message = format!("the feeds count more than {} different quotas", limits::QUOTAS_MAX);
                self.issues.push(Issue::new("over_budget", &source.span, message).help("let quotas share windows"));
                return None;
            }
            self.quotas.push(counted);
        }
        if self.is_new(index, |kept| kept.quotas) {
            return None;
        }
        Some(Quota { count: index as u16, impressions: count.impressions, even })
    }

    /// `item` (or nothing) is none; `item.<attribute>` its field, of one of these types.
    fn counted_attribute(&mut self, count: &CountSource, types: &[Type]) -> Option<Option<u16>> {
        let Some(of) = count.of.as_ref().filter(|of| of.text != "item") else { return Some(None) };
        let field = self.item_attribute(of, "`of`")?;
        let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
        if types.contains(ty) {
            return Some(Some(field));
        }
        let wanted: Vec<String> = types.iter().map(Type::to_string).collect();
        let message = format!("{} is {ty}; it can be counted by {} here", quoted(&of.text), wanted.join(", "));
        self.issues.push(Issue::new("wrong_type", &of.span, message));
        None
    }

    /// The event that is counted, `impression` if none is said; it must name these entities.
    fn counted_event(&mut self, source: &PolicySource, count: &CountSource, roles: &[u16]) -> Option<u16> {
        let (name, span) = match &count.event {
            Some(event) => (event.text.as_str(), &event.span),
            None => ("impression", &source.span),
        };
        let Some(event) = self.event(name) else {
            let known = self.events.iter().map(|event| event.name.as_str());
            let issue = Issue::new("unknown_event", span, format!("{} is not an event", quoted(name)));
            self.issues.push(issue.near(name, known));
            return None;
        };
        let of = &self.events[usize::from(event)].roles;
        if roles.iter().all(|entity| of.iter().any(|role| role.entity == *entity)) {
            return Some(event);
        }
        if !self.is_broken("event", &[name]) {
            let wanted: Vec<&str> = roles.iter().map(|&role| self.entities[usize::from(role)].name.as_str()).collect();
            let message = format!("the event {} does not name a {}", quoted(name), wanted.join(" and an "));
            self.issues.push(Issue::new("missing_role", span, message).help("count another event"));
        }
        None
    }
}

/// What answers call a policy: its name, or what it says on one line.
fn text_of(source: &PolicySource) -> String {
    if let Some(name) = &source.name {
        return name.text.clone();
    }
    let of = |count: &CountSource| count.of.as_ref().map_or("item", |of| of.text.as_str()).to_owned();
    let does = match &source.kind {
        PolicyKind::Boost(by) => format!("boost {by}"),
        PolicyKind::Bury(by) => format!("bury {by}"),
        PolicyKind::Block => "block".to_owned(),
        PolicyKind::Allow => "allow".to_owned(),
        PolicyKind::Cap(count) => format!("cap {} of {} in {} per user", count.impressions, of(count), count.window),
        PolicyKind::Quota(count, even) => {
            let pace = if *even { ", even" } else { "" };
            format!("quota {} of {} in {}{pace}", count.impressions, of(count), count.window)
        }
        PolicyKind::Pin { item, at } => format!("pin {item} at {at}"),
        PolicyKind::NeverFollow { item, after } => {
            format!("never_follow {} after {}", one_line(&item.text), one_line(&after.text))
        }
    };
    match &source.when {
        Some(when) => format!("{does} when {}", one_line(&when.text)),
        None => does,
    }
}
