//! Routes by tags: the attribute, what its items are ordered by, and where the tags come from.

use super::scope::FeedPlace;
use super::{Builder, ITEM, Outcome, USER};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Index, RouteSource as Source, SlotIndex, SlotSource, TagsBy, TagsFrom};
use crate::source::TagsSource;
use crate::yaml::Text;
use domain::Type;

impl Builder<'_> {
    pub(super) fn tags(&mut self, source: &TagsSource, place: FeedPlace<'_>) -> Option<Source> {
        let field = self.typed_attribute(&source.tags, "`tags`", is_tags, "a string or [string]");
        let by = match &source.by {
            None => Some(TagsBy::Nothing),
            Some(text) => self.tags_by(text),
        };
        let from = self.tags_from(&source.from, place);
        let (field, by, from) = (field?, by?, from?);
        let index = self.index(Index::Tags { field, by });
        let by_time = matches!(by, TagsBy::Time(_));
        Some(Source::Tags { index, from, recency: source.recency, context: source.context, by_time })
    }

    /// `item.<timestamp attribute>` or `item.<feature>`.
    fn tags_by(&mut self, text: &Text) -> Option<TagsBy> {
        let name = text.text.strip_prefix("item.");
        let field = name.and_then(|name| self.field(ITEM, name));
        let is_feature = self.absolute_feature(&text.text.split('.').collect::<Vec<_>>()).is_some();
        match field {
            Some(_) if !is_feature => {
                self.typed_attribute(text, "`by`", |ty| *ty == Type::Time, "a timestamp or a feature").map(TagsBy::Time)
            }
            _ => self.item_number(text, "`by`").map(TagsBy::Feature),
        }
    }

    /// An attribute of the user, a part of the request's context, or context items.
    fn tags_from(&mut self, text: &Text, place: FeedPlace<'_>) -> Option<TagsFrom> {
        let (slot, ty) = match text.text.split_once('.') {
            Some(("user", name)) if place.subject == USER => match self.field(USER, name) {
                Some(field) => self.attribute_slot(USER, field)?,
                None => match self.tags_feature(text) {
                    Some(found) => found,
                    None => return self.from(text, place.subject).map(TagsFrom::Items),
                },
            },
            Some(("request", name)) if name != "item" => {
                let Some(field) = place.context.iter().find(|field| field.name == name) else {
                    if !self.is_broken("context", &[place.name, name]) {
                        let message = format!("{} is not in the feed's `context`", quoted(name));
                        let issue = Issue::new("unknown_name", &text.span, message);
                        let known = place.context.iter().map(|field| field.name.as_str());
                        self.issues.push(issue.near(name, known));
                    }
                    return None;
                };
                self.input_slot(&text.text, field.ty.clone(), SlotSource::Context)?
            }
            _ => return self.from(text, place.subject).map(TagsFrom::Items),
        };
        if !is_tags(&ty) {
            let message = format!("{} is {ty}; tags are a string or [string]", quoted(&text.text));
            self.issues.push(Issue::new("wrong_type", &text.span, message));
            return None;
        }
        Some(TagsFrom::Slot(slot))
    }
}

impl Builder<'_> {
    /// A feature of the user that gives tags, as `top_k(view, item.tags, 5, 30d)` does.
    fn tags_feature(&self, text: &Text) -> Option<(SlotIndex, Type)> {
        let declared = self.absolute_feature(&text.text.split('.').collect::<Vec<_>>())?;
        let Outcome::Done { index, .. } = self.outcomes[declared] else { return None };
        let feature = &self.features[usize::from(index)];
        is_tags(feature.program.ty()).then(|| (feature.slot, feature.program.ty().clone()))
    }
}

fn is_tags(ty: &Type) -> bool {
    match ty {
        Type::List(of) => **of == Type::Str,
        ty => *ty == Type::Str,
    }
}
