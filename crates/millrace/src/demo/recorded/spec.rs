//! The spec for recorded events: the example for them if there is one, else a plain one made from what the first of them look like.

use super::super::{plan, plan_of_file};
use super::{FEEDS, key};
use crate::dataset::Payloads;
use anyhow::{Context, Result};
use domain::{Field, Payload, Raw};
use engine::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Payloads that are looked at.
const LOOKED_AT: usize = 5_000;

/// Types of fields by name.
type Fields = BTreeMap<String, &'static str>;

/// What was found.
#[derive(Default)]
struct Found {
    item_fields: Fields,
    /// Fields and counts by event.
    events: BTreeMap<String, (Fields, usize)>,
    pairs: BTreeSet<(String, String, String)>,
    repeats: usize,
    with_pair: usize,
}

/// The example spec for this data set if there is one, else one that is made for its first events.
pub(super) fn choose(name: &str, payloads: Payloads) -> Result<(Arc<Plan>, String, Payloads)> {
    if let Ok(files) = fs::read_dir("examples/eval") {
        let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        paths.sort();
        let fits = |path: &&PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            !stem.is_empty() && name.starts_with(stem)
        };
        if let Some(path) = paths.iter().rev().find(fits)
            && let Some(plan) = plan_of_file(path)?
            && FEEDS.iter().all(|feed| plan.feed(feed).is_some())
        {
            return Ok((plan, path.display().to_string(), payloads));
        }
    }
    let (text, payloads) = make(payloads)?;
    Ok((plan("the spec made for this data", &text)?, "made for this data".to_owned(), payloads))
}

/// Makes a spec, and gives back the payloads, none of them lost.
fn make(mut payloads: Payloads) -> Result<(String, Payloads)> {
    let head: Vec<Payload<'static>> = payloads.by_ref().take(LOOKED_AT).collect::<Result<_>>()?;
    let mut found = Found::default();
    head.iter().for_each(|payload| found.note(payload));
    let text = found.spec()?;
    Ok((text, Box::new(head.into_iter().map(Ok).chain(payloads))))
}

impl Found {
    fn note(&mut self, payload: &Payload<'static>) {
        match payload {
            Payload::Event(event) => {
                let (fields, count) = self.events.entry(event.kind.to_string()).or_default();
                *count += 1;
                event.fields.iter().filter(|field| !is_role(field)).for_each(|field| widen(fields, field));
                if let (Some(user), Some(item)) = (key(event, "user"), key(event, "item")) {
                    self.with_pair += 1;
                    let new = self.pairs.insert((event.kind.to_string(), user.to_owned(), item.to_owned()));
                    self.repeats += usize::from(!new);
                }
            }
            Payload::Upsert(upsert) if upsert.entity == "item" => {
                upsert.fields.iter().for_each(|field| widen(&mut self.item_fields, field));
            }
            _ => {}
        }
    }

    fn spec(&self) -> Result<String> {
        let most = self.events.iter().max_by_key(|(_, (_, count))| *count);
        let (main, _) = most.context("there are no events at the beginning of the data")?;
        let mut text = String::from("version: 1\nentities:\n  user: {}\n");
        let _ = writeln!(text, "  item: {{ fields: {{ {} }} }}\nevents:", listed(&self.item_fields));
        for (event, (fields, _)) in &self.events {
            let _ = writeln!(text, "  {event}: {{ user: user, item: item, fields: {{ {} }} }}", listed(fields));
        }
        let heat: Vec<String> = self.events.keys().map(|event| format!("decayed({event}, 7d)")).collect();
        let counted: Vec<&str> = self.events.keys().map(String::as_str).collect();
        let _ = writeln!(text, "features:\n  user: {{ recent: \"last({main}, item, 50)\" }}");
        let _ = writeln!(text, "  item: {{ heat: \"{}\" }}", heat.join(" + "));
        // Where people come back to the same items, these are candidates; where they do not, they are taken out.
        let comes_back = self.repeats * 50 > self.with_pair;
        let (again, filter) = match comes_back {
            true => ("      again:   { history: user.recent, limit: 20 }\n", String::new()),
            false => ("", format!("    filter: [ \"!seen({main}, item, 90d)\" ]\n")),
        };
        let _ = write!(
            text,
            "feeds:\n  popularity:\n    for: user\n    recall: {{ hot: {{ top: item.heat, limit: 1000 }} }}\n{filter}\
             \x20 feed:\n    for: user\n    recall:\n\
             \x20     similar: {{ co_visited: [{}], from: user.recent, limit: 500 }}\n{again}\
             \x20     hot:     {{ top: item.heat, limit: 1000, weight: 0.2 }}\n{filter}",
            counted.join(", ")
        );
        Ok(text)
    }
}

fn is_role(field: &Field<'_>) -> bool {
    matches!(field.name.as_ref(), "user" | "item")
}

/// Notes a field's type; a field that is a whole number here and a fraction there is a fraction.
fn widen(fields: &mut Fields, field: &Field<'_>) {
    let ty = match &field.value {
        Raw::Null => return,
        Raw::Bool(_) => "bool",
        Raw::Int(_) => "int",
        Raw::Float(_) => "float",
        Raw::Str(_) => "string",
        Raw::List(_) => "[string]",
    };
    let known = fields.entry(field.name.to_string()).or_insert(ty);
    if (*known, ty) == ("int", "float") {
        *known = "float";
    }
}

fn listed(fields: &Fields) -> String {
    fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect::<Vec<_>>().join(", ")
}
