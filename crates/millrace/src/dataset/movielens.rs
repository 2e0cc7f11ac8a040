//! MovieLens 100k as RecBole keeps it: `ml-100k.inter` (user, item, rating, time) in file order, items before it from `ml-100k.item`.
//! Event `rate { user, item, rating }`; item attributes `title`, `year`, `genres`.

use super::{Payloads, csv_reader, event, seconds, text};
use anyhow::{Context, Result};
use domain::{Field, Payload, Raw, Upsert};
use std::path::Path;

pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let items = csv_reader(&folder.join("ml-100k.item"), b'\t')?.into_records().map(|row| item(&row?));
    let ratings = csv_reader(&folder.join("ml-100k.inter"), b'\t')?.into_records().map(|row| rating(&row?));
    Ok((101_682, Box::new(items.chain(ratings))))
}

fn item(row: &csv::StringRecord) -> Result<Payload<'static>> {
    let at = |index: usize| row.get(index).context("a line of ml-100k.item has too few columns");
    let genres = at(3)?.split_whitespace().map(text).collect();
    let mut fields = vec![
        Field { name: "title".into(), value: text(at(1)?) },
        Field { name: "genres".into(), value: Raw::List(genres) },
    ];
    if let Ok(year) = at(2)?.parse() {
        fields.push(Field { name: "year".into(), value: Raw::Int(year) });
    }
    Ok(Payload::Upsert(Upsert { entity: "item".into(), key: at(0)?.to_owned().into(), fields }))
}

fn rating(row: &csv::StringRecord) -> Result<Payload<'static>> {
    let at = |index: usize| row.get(index).context("a line of ml-100k.inter has too few columns");
    let fields = vec![("user", text(at(0)?)), ("item", text(at(1)?)), ("rating", Raw::Float(at(2)?.parse()?))];
    Ok(event("rate", Some(seconds(at(3)?)?), fields))
}
