//! Users and items: inserted, changed, deleted, read back one by one and in pages.

use super::{Asked, affected};
use crate::calls::released;
use crate::reply::Reply;
use ::gorse::{ItemView, Mirror, UserView, decode_key, encode_key};
use domain::{Code, Field, Payload, Position, Raw, Refusal, Time, Upsert};
use engine::EntityView;

impl Asked<'_> {
    pub(super) async fn insert_users(&self) -> Result<Reply, Refusal> {
        let users = match self.found.call {
            ::gorse::Call::InsertUser => vec![::gorse::read_user(&self.body)?],
            _ => ::gorse::read_users(&self.body)?,
        };
        let payloads: Vec<_> = users.iter().map(|user| self.gorse.shape.user(user)).collect::<Result<_, _>>()?;
        let _held = self.gorse.hold(users.iter().map(|user| ("user", &*user.id))).await;
        self.submit(&payloads).await?;
        Ok(affected(users.len()))
    }

    pub(super) async fn insert_items(&self) -> Result<Reply, Refusal> {
        let items = match self.found.call {
            ::gorse::Call::InsertItem => vec![::gorse::read_item(&self.body)?],
            _ => ::gorse::read_items(&self.body)?,
        };
        let payloads: Vec<_> = items.iter().map(|item| self.gorse.shape.item(item)).collect::<Result<_, _>>()?;
        let _held = self.gorse.hold(items.iter().map(|item| ("item", &*item.id))).await;
        self.submit(&payloads).await?;
        Ok(affected(items.len()))
    }

    pub(super) async fn user(&self) -> Result<Reply, Refusal> {
        let key = self.found.value("user");
        let view = self.existing("user", key).await?;
        let mut body = Vec::new();
        ::gorse::write_user(&mut body, &user_view(key, &view));
        Ok(Reply::json(body))
    }

    pub(super) async fn item(&self) -> Result<Reply, Refusal> {
        let key = self.found.value("item");
        let view = self.existing("item", key).await?;
        let mut body = Vec::new();
        ::gorse::write_item(&mut body, &item_view(key, &view));
        Ok(Reply::json(body))
    }

    pub(super) async fn users(&self) -> Result<Reply, Refusal> {
        let (keys, next) = self.page(Mirror::user_page)?;
        let views: Vec<UserView> = self.views("user", &keys, user_view).await?;
        let mut body = Vec::new();
        ::gorse::write_users(&mut body, &next, &views);
        Ok(Reply::json(body))
    }

    pub(super) async fn items(&self) -> Result<Reply, Refusal> {
        if !self.params.text("q").is_empty() {
            let message = "item search is not supported: Millrace has no text index; search where the items come from";
            return Err(Refusal::new(Code::InvalidValue, "", message));
        }
        let (keys, next) = self.page(Mirror::item_page)?;
        let views: Vec<ItemView> = self.views("item", &keys, item_view).await?;
        let mut body = Vec::new();
        ::gorse::write_items(&mut body, &next, &views);
        Ok(Reply::json(body))
    }

    /// An entity that must be there, once all that is told of it is durable.
    async fn existing(&self, entity: &str, key: &str) -> Result<EntityView, Refusal> {
        if !self.gorse.look(|mirror| has(mirror, entity, key))? {
            return Err(Refusal::new(Code::NotFound, "", format!("{entity} {key} not found")));
        }
        let view = self.shared.engine.entity(entity, key)?;
        released(self.shared, view.position).await?;
        Ok(view)
    }

    async fn views<T>(
        &self,
        entity: &str,
        keys: &[String],
        view: fn(&str, &EntityView) -> T,
    ) -> Result<Vec<T>, Refusal> {
        let (mut seen, mut views) = (Position::START, Vec::with_capacity(keys.len()));
        for key in keys {
            let found = self.shared.engine.entity(entity, key)?;
            seen = seen.max(found.position);
            views.push(view(key, &found));
        }
        released(self.shared, seen).await?;
        Ok(views)
    }

    /// The keys of a page, and the cursor of the next.
    fn page(
        &self,
        page: impl FnOnce(&Mirror, &str, usize) -> (Vec<String>, Option<String>),
    ) -> Result<(Vec<String>, String), Refusal> {
        let count = self.count()?;
        let from = decode_key(self.params.text("cursor"))?;
        let (keys, next) = self.gorse.look(|mirror| page(mirror, &from, count))?;
        Ok((keys, next.map_or(String::new(), |next| encode_key(&next))))
    }

    pub(super) async fn patch_user(&self) -> Result<Reply, Refusal> {
        let patch = ::gorse::read_user_patch(&self.body)?;
        let fields = self.gorse.shape.texts(false, patch.labels, patch.comment.as_deref())?;
        let key = self.found.value("user");
        let _held = self.gorse.hold([("user", key)].into_iter()).await;
        self.change("user", key, fields).await
    }

    pub(super) async fn patch_item(&self) -> Result<Reply, Refusal> {
        let patch = ::gorse::read_item_patch(&self.body)?;
        let mut fields = self.gorse.shape.texts(true, patch.labels, patch.comment.as_deref())?;
        fields.extend(patch.hidden.map(|hidden| Field { name: "hidden".into(), value: Raw::Bool(hidden) }));
        fields.extend(patch.timestamp.map(|time| Field { name: "timestamp".into(), value: Raw::Int(time.0) }));
        fields.extend(patch.categories.as_ref().map(|list| self.gorse.shape.categories(list)));
        let key = self.found.value("item");
        let _held = self.gorse.hold([("item", key)].into_iter()).await;
        self.change("item", key, fields).await
    }

    /// Replaces these fields and keeps the others; the key is held. What is not there is left so, and counted all the same.
    async fn change(&self, entity: &'static str, key: &str, changes: Vec<Field<'static>>) -> Result<Reply, Refusal> {
        if !changes.is_empty() && self.gorse.look(|mirror| has(mirror, entity, key))? {
            let kept = self.shared.engine.entity(entity, key)?.fields.into_iter();
            let kept =
                kept.filter(|(name, value)| *value != Raw::Null && !changes.iter().any(|change| change.name == *name));
            let mut fields: Vec<Field<'_>> = kept.map(|(name, value)| Field { name: name.into(), value }).collect();
            fields.extend(changes);
            let upsert = Upsert { entity: entity.into(), key: key.to_owned().into(), fields };
            self.submit(&[Payload::Upsert(upsert)]).await?;
        }
        Ok(affected(1))
    }

    pub(super) async fn change_category(&self, add: bool) -> Result<Reply, Refusal> {
        let (key, category) = (self.found.value("item"), self.found.value("category"));
        let _held = self.gorse.hold([("item", key)].into_iter()).await;
        let view = self.existing("item", key).await?;
        let mut categories = item_view(key, &view).categories.unwrap_or_default();
        categories.retain(|known| known != category);
        if add {
            categories.push(category.to_owned());
        }
        self.change("item", key, vec![self.gorse.shape.categories(&categories)]).await
    }

    pub(super) async fn delete(&self, entity: &'static str) -> Result<Reply, Refusal> {
        let key = self.found.value(entity);
        let _held = self.gorse.hold([(entity, key)].into_iter()).await;
        if self.gorse.look(|mirror| has(mirror, entity, key))? {
            self.submit(&[Payload::Delete { entity: entity.into(), key: key.to_owned().into() }]).await?;
        }
        Ok(affected(1))
    }
}

pub(super) fn has(mirror: &Mirror, entity: &str, key: &str) -> bool {
    if entity == "user" { mirror.has_user(key) } else { mirror.has_item(key) }
}

fn user_view(key: &str, view: &EntityView) -> UserView {
    let field = |name| field(view, name);
    UserView {
        id: key.to_owned(),
        labels: joined(field("labels")),
        comment: joined(field("comment")).unwrap_or_default(),
    }
}

pub(super) fn item_view(key: &str, view: &EntityView) -> ItemView {
    let field = |name| field(view, name);
    ItemView {
        id: key.to_owned(),
        hidden: field("hidden") == Some(&Raw::Bool(true)),
        categories: match field("categories") {
            Some(Raw::List(list)) => Some(list.iter().filter_map(text).map(str::to_owned).collect()),
            _ => None,
        },
        timestamp: match field("timestamp") {
            Some(Raw::Int(ms)) => Some(Time(*ms)),
            _ => None,
        },
        labels: joined(field("labels")),
        comment: joined(field("comment")).unwrap_or_default(),
    }
}

fn field<'v>(view: &'v EntityView, name: &str) -> Option<&'v Raw<'static>> {
    view.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn text<'r>(raw: &'r Raw<'static>) -> Option<&'r str> {
    match raw {
        Raw::Str(text) => Some(text),
        _ => None,
    }
}

/// A text that is kept in one piece or several.
fn joined(raw: Option<&Raw<'static>>) -> Option<String> {
    match raw? {
        Raw::Str(text) => Some(text.to_string()),
        Raw::List(list) if !list.is_empty() => Some(list.iter().filter_map(text).collect()),
        _ => None,
    }
}
