//! What the spec must declare to be served this way, and the records that bodies become under it.

use crate::bodies::{Feedback, Item, User};
use crate::mirror::Due;
use domain::{Code, Event, Field, Payload, Raw, Refusal, Span, Time, Type, Upsert, limits};
use spec::Plan;
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// Feedback this little ahead of our clock is of now: clocks differ.
const CLOCK_SKEW: Span = Span(1_000);

/// What of a plan this interface uses.
#[derive(Clone, Debug)]
pub struct Shape {
    user: BTreeMap<String, Type>,
    item: BTreeMap<String, Type>,
    /// Events with a user and an item, and the fields of each.
    feedback: BTreeMap<String, BTreeSet<String>>,
    feeds: BTreeMap<String, Feed>,
    /// The first feed for items in the spec's order.
    related: Option<String>,
}

/// What is asked of a feed.
#[derive(Clone, Debug)]
struct Feed {
    for_item: bool,
    /// Its context values that take a category each.
    categories: Vec<String>,
}

impl Shape {
    /// The event that feedback of undeclared types becomes.
    pub const ANY: &str = "feedback";
    /// The event that keeps feedback whose time is to come.
    pub const DUE: &str = "feedback_due";
    /// The event that takes feedback away.
    pub const DELETED: &str = "feedback_deleted";
    /// The source of events whose time had to come; their ids are the positions of what announced them.
    pub const SOURCE: &str = "gorse";

    /// Reads a plan.
    ///
    /// # Errors
    /// What the spec lacks, a sentence each.
    pub fn of(plan: &Plan) -> Result<Shape, Vec<String>> {
        let fields = |name: &str| {
            let fields = plan.entity(name).map(|index| &plan.entities[usize::from(index)].fields);
            let fields = fields.into_iter().flatten();
            fields.map(|field| (field.name.clone(), field.ty.clone())).collect::<BTreeMap<_, _>>()
        };
        let feeds = plan.feeds.iter().map(|feed| {
            let context = feed.context.iter().map(|field| field.name.clone());
            let categories = context.filter(|name| name.starts_with("category")).collect();
            let for_item = plan.entities[usize::from(feed.subject)].name == "item";
            (feed.name.clone(), Feed { for_item, categories })
        });
        let mut shape = Shape {
            user: fields("user"),
            item: fields("item"),
            feedback: feedback_events(plan),
            feeds: feeds.collect(),
            related: None,
        };
        let related = plan.feeds.iter().find(|feed| shape.feeds.get(&feed.name).is_some_and(|feed| feed.for_item));
        shape.related = related.map(|feed| feed.name.clone());
        let missing = shape.missing(plan);
        if missing.is_empty() { Ok(shape) } else { Err(missing) }
    }

    fn missing(&self, plan: &Plan) -> Vec<String> {
        let mut missing = Vec::new();
        let text = [Type::Str, Type::List(Box::new(Type::Str))];
        let list = &text[1..];
        let item = ("item", &self.item);
        let user = ("user", &self.user);
        let mut attribute = |of: (&str, &BTreeMap<String, Type>), name: &str, types: &[Type]| {
            if !of.1.get(name).is_some_and(|ty| types.contains(ty)) {
                missing.push(format!("the entity {} needs the field '{name}: {}'", of.0, types[0]));
            }
        };
        attribute(item, "hidden", &[Type::Bool]);
        attribute(item, "categories", list);
        attribute(item, "timestamp", &[Type::Time]);
        for of in [item, user] {
            attribute(of, "labels", list);
            attribute(of, "comment", &text);
        }
        if !self.feedback.get(Shape::ANY).is_some_and(|fields| fields.contains("type")) {
            missing.push(format!("the event '{}' with user, item and the field 'type: string' is needed", Shape::ANY));
        }
        for (name, fields) in [(Shape::DUE, &["target", "type", "due"][..]), (Shape::DELETED, &["target", "type"])] {
            let event = plan.event(name).map(|index| &plan.events[usize::from(index)]);
            let has = |field: &&str| event.is_some_and(|event| event.fields.iter().any(|known| known.name == **field));
            let user = event.is_some_and(|event| event.roles.len() == 1 && event.roles[0].name == "user");
            if !user || !fields.iter().all(has) {
                missing.push(format!("the event '{name}' with user and the fields {} is needed", fields.join(", ")));
            }
        }
        if self.feeds.get("home").is_none_or(|feed| feed.for_item) {
            missing.push("a feed 'home' for: user is needed; it answers /api/recommend".to_owned());
        }
        missing
    }

    /// Whether events of this kind are feedback.
    pub fn is_feedback(&self, kind: &str) -> bool {
        self.feedback.contains_key(kind)
    }

    /// The feed of this name, as the spec writes it, if it is for users (or for items).
    pub fn feed(&self, name: &str, for_item: bool) -> Option<&str> {
        let name = name.replace('-', "_");
        self.feeds.get_key_value(&name).filter(|(_, feed)| feed.for_item == for_item).map(|(name, _)| name.as_str())
    }

    /// The feed that related items come from where the client names none.
    pub fn related(&self) -> Option<&str> {
        self.related.as_deref()
    }

    /// The context that asks a feed for items of all these categories.
    ///
    /// # Errors
    /// `too_many`: more than the feed declares.
    pub fn context(&self, feed: &str, categories: &[&str]) -> Result<Vec<(String, Raw<'static>)>, Refusal> {
        let names = self.feeds.get(feed).map_or(&[][..], |feed| &feed.categories);
        if categories.len() > names.len() {
            let message = format!(
                "the feed '{feed}' takes at most {} categories; declare 'category', 'category_2', ... under its context",
                names.len()
            );
            return Err(Refusal::new(Code::TooMany, "category", message));
        }
        let value = |category: &&str| Raw::Str((*category).to_owned().into());
        Ok(names.iter().zip(categories).map(|(name, category)| (name.clone(), value(category))).collect())
    }

    /// The record of a user as sent.
    ///
    /// # Errors
    /// `too_large`.
    pub fn user(&self, user: &User<'_>) -> Result<Payload<'static>, Refusal> {
        let mut fields = Vec::new();
        put_labels(&mut fields, &self.user, user.labels)?;
        put_comment(&mut fields, &self.user, &user.comment)?;
        Ok(upsert("user", &user.id, fields))
    }

    /// The record of an item as sent.
    ///
    /// # Errors
    /// `too_large`.
    pub fn item(&self, item: &Item<'_>) -> Result<Payload<'static>, Refusal> {
        let mut fields = vec![field("hidden", Raw::Bool(item.hidden))];
        fields.extend(item.categories.as_ref().map(|list| self.categories(list)));
        fields.extend(item.timestamp.map(|time| field("timestamp", Raw::Int(time.0))));
        put_labels(&mut fields, &self.item, item.labels)?;
        put_comment(&mut fields, &self.item, &item.comment)?;
        Ok(upsert("item", &item.id, fields))
    }

    /// The field of an item's categories.
    pub fn categories<T: AsRef<str>>(&self, list: &[T]) -> Field<'static> {
        field("categories", Raw::List(list.iter().map(|text| Raw::Str(text.as_ref().to_owned().into())).collect()))
    }

    /// The fields that new labels and a new comment of a user (or an item) become.
    ///
    /// # Errors
    /// `too_large`.
    pub fn texts(
        &self,
        of_item: bool,
        labels: Option<&str>,
        comment: Option<&str>,
    ) -> Result<Vec<Field<'static>>, Refusal> {
        let declared = if of_item { &self.item } else { &self.user };
        let mut fields = Vec::new();
        put_labels(&mut fields, declared, labels)?;
        if let Some(comment) = comment {
            put_comment(&mut fields, declared, comment)?;
        }
        Ok(fields)
    }

    /// A user or an item that only feedback has named.
    pub fn named(&self, entity: &'static str, key: &str) -> Payload<'static> {
        upsert(entity, key, Vec::new())
    }

    /// The record of feedback: an event, or its announcement if its time is to come.
    pub fn feedback(&self, feedback: &Feedback<'_>, now: Time, overwrite: bool) -> Payload<'static> {
        if let Some(time) = feedback.timestamp.filter(|&time| time > now.plus(CLOCK_SKEW)) {
            return announcement(feedback, time, overwrite);
        }
        let texts = (feedback.labels.unwrap_or(""), &*feedback.comment);
        let mut event = self.event(&feedback.kind, &feedback.user, &feedback.item, feedback.value, overwrite, texts);
        event.time = feedback.timestamp;
        Payload::Event(event)
    }

    /// The event of feedback whose time has come.
    pub fn come(&self, due: &Due) -> Payload<'static> {
        let texts = (due.labels.as_deref().unwrap_or(""), due.comment.as_str());
        let mut event = self.event(&due.kind, &due.user, &due.item, due.value, due.overwrite, texts);
        event.time = Some(due.time);
        event.source = Shape::SOURCE.into();
        event.id = Some(due.position.0.to_string().into());
        Payload::Event(event)
    }

    /// The record that takes feedback away; without a type all between the two.
    pub fn deleted(&self, kind: &str, user: &str, item: &str) -> Payload<'static> {
        let mut fields = vec![text("user", user), text("target", item)];
        fields.extend((!kind.is_empty()).then(|| text("type", kind)));
        Payload::Event(event(Shape::DELETED, fields))
    }

    fn event(
        &self,
        kind: &str,
        user: &str,
        item: &str,
        value: f64,
        overwrite: bool,
        (labels, comment): (&str, &str),
    ) -> Event<'static> {
        let own = kind != Shape::ANY && self.feedback.contains_key(kind);
        let name = if own { kind } else { Shape::ANY };
        let mut fields = vec![text("user", user), text("item", item)];
        fields.extend((!own).then(|| text("type", kind)));
        let declared = self.feedback.get(name);
        let mut put = |of: &str, present: bool, value: Raw<'static>| {
            if present && declared.is_some_and(|declared| declared.contains(of)) {
                fields.push(field(of, value));
            }
        };
        put("value", value != 0.0, Raw::Float(value));
        put("overwrite", overwrite, Raw::Bool(true));
        put("labels", !labels.is_empty(), Raw::Str(labels.to_owned().into()));
        put("comment", !comment.is_empty(), Raw::Str(comment.to_owned().into()));
        event(name, fields)
    }
}

fn feedback_events(plan: &Plan) -> BTreeMap<String, BTreeSet<String>> {
    let is_feedback = |event: &&spec::plan::EventType| {
        event.name != "impression" && event.roles.len() == 2 && {
            let has = |name: &str| event.roles.iter().any(|role| role.name == name);
            has("user") && has("item")
        }
    };
    let events = plan.events.iter().filter(is_feedback);
    events.map(|event| (event.name.clone(), event.fields.iter().map(|field| field.name.clone()).collect())).collect()
}

fn announcement(feedback: &Feedback<'_>, time: Time, overwrite: bool) -> Payload<'static> {
    let mut fields = vec![
        text("user", &feedback.user),
        text("target", &feedback.item),
        text("type", &feedback.kind),
        field("due", Raw::Int(time.0)),
        field("value", Raw::Float(feedback.value)),
    ];
    fields.extend(overwrite.then(|| field("overwrite", Raw::Bool(true))));
    fields.extend(feedback.labels.map(|labels| text("labels", labels)));
    fields.extend((!feedback.comment.is_empty()).then(|| text("comment", &feedback.comment)));
    Payload::Event(event(Shape::DUE, fields))
}

fn event(kind: &str, fields: Vec<Field<'static>>) -> Event<'static> {
    Event { kind: kind.to_owned().into(), source: "".into(), id: None, time: None, fields }
}

fn upsert(entity: &'static str, key: &str, fields: Vec<Field<'static>>) -> Payload<'static> {
    Payload::Upsert(Upsert { entity: entity.into(), key: key.to_owned().into(), fields })
}

fn field(name: &str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.to_owned().into(), value }
}

fn text(name: &str, value: &str) -> Field<'static> {
    field(name, Raw::Str(value.to_owned().into()))
}

/// Labels, in pieces that fit a string each; and those of their members whose names the spec declares as attributes.
fn put_labels(
    fields: &mut Vec<Field<'static>>,
    declared: &BTreeMap<String, Type>,
    labels: Option<&str>,
) -> Result<(), Refusal> {
    let Some(labels) = labels else { return Ok(()) };
    fields.push(field("labels", pieces("Labels", labels)?));
    if labels.starts_with('{') {
        // They were read once already; what is no flat value is passed over.
        let _ = wire::whole(labels.as_bytes(), |scan| {
            scan.object(|scan, name| {
                let value = scan.text_of(1)?;
                let given = |field: &Field<'_>| field.name == name;
                let own = matches!(&*name, "hidden" | "categories" | "timestamp" | "labels" | "comment");
                let ty = declared.get(&*name).filter(|_| !own && !fields.iter().any(given));
                if let Some(value) = ty.and_then(|ty| attribute(value, ty)) {
                    fields.push(field(&name, value));
                }
                Ok(())
            })
        });
    }
    Ok(())
}

/// A label as an attribute of this type, if it is of it and fits.
fn attribute(text: &str, ty: &Type) -> Option<Raw<'static>> {
    let value = wire::whole(text.as_bytes(), |scan| match (scan.peek(), ty) {
        (Some(b'"'), Type::Str) => scan.string().map(|text| Some(Raw::Str(text.into_owned().into()))),
        (Some(b'-' | b'0'..=b'9'), Type::Int | Type::Float) => match (scan.number()?, ty) {
            (Raw::Int(int), _) => Ok(Some(Raw::Int(int))),
            (Raw::Float(float), Type::Float) => Ok(Some(Raw::Float(float))),
            _ => Ok(None),
        },
        (Some(b'['), Type::List(of)) if **of == Type::Str => {
            let mut list = Vec::new();
            scan.array(|scan| {
                list.push(Raw::Str(scan.string()?.into_owned().into()));
                Ok(())
            })?;
            Ok(Some(Raw::List(list)).filter(|_| list_fits(text)))
        }
        _ => scan.skip(0).map(|()| None),
    });
    let value = value.ok().flatten()?;
    let fits = match &value {
        Raw::Str(text) => text.len() <= limits::STRING_BYTES_MAX,
        Raw::List(list) => list.len() <= limits::LIST_MAX,
        _ => true,
    };
    fits.then_some(value)
}

/// Whether no element of a list can be longer than a string may be.
fn list_fits(text: &str) -> bool {
    text.len() <= limits::STRING_BYTES_MAX
}

fn put_comment(
    fields: &mut Vec<Field<'static>>,
    declared: &BTreeMap<String, Type>,
    comment: &str,
) -> Result<(), Refusal> {
    if declared.get("comment") != Some(&Type::Str) {
        fields.push(field("comment", pieces("Comment", comment)?));
    } else if comment.len() <= limits::STRING_BYTES_MAX {
        fields.push(text("comment", comment));
    } else {
        let message = format!(
            "a comment may have at most {} bytes; longer ones are taken if the spec says 'comment: [string]'",
            limits::STRING_BYTES_MAX
        );
        return Err(Refusal::new(Code::TooLarge, "Comment", message));
    }
    Ok(())
}

/// A text as strings of at most `STRING_BYTES_MAX` bytes.
fn pieces(name: &str, text: &str) -> Result<Raw<'static>, Refusal> {
    let mut list = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(limits::STRING_BYTES_MAX));
        list.push(Raw::Str(piece.to_owned().into()));
        rest = tail;
    }
    if list.len() > limits::LIST_MAX {
        let most = limits::LIST_MAX * limits::STRING_BYTES_MAX;
        return Err(Refusal::new(Code::TooLarge, name, format!("may have about {most} bytes at most")));
    }
    Ok(Raw::List(list))
}
