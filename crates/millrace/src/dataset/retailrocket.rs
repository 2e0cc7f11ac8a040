//! RetailRocket, several behaviours: `events.csv` (seconds, user, item, view|cart|buy), in time order.

use super::{Payloads, csv_reader, event, lines_about, seconds, text};
use anyhow::{Context, Result};
use std::path::Path;

pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let path = folder.join("events.csv");
    let about = lines_about(&path)?;
    let rows = csv_reader(&path, b',')?.into_records().map(|row| {
        let row = row?;
        let at = |index: usize| row.get(index).context("a line of events.csv has too few columns");
        Ok(event(at(3)?, Some(seconds(at(0)?)?), vec![("user", text(at(1)?)), ("item", text(at(2)?))]))
    });
    Ok((about, Box::new(rows)))
}
