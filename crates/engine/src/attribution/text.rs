//! A report as a table for people.

use super::{AttributionReport, Row};
use std::fmt;

impl fmt::Display for AttributionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table: Vec<[String; 7]> = self.rows.iter().map(cells).collect();
        let head = ["", "offered", "seen", "clicks", "click-through", "reward", "per seen"].map(str::to_owned);
        let width = |column: usize| {
            table.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        for row in [&head].into_iter().chain(&table) {
            write!(f, "{:<w$}", row[0], w = widths[0])?;
            for (cell, width) in row[1..].iter().zip(&widths[1..]) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for feed in &self.feeds {
            write!(f, "{}: {} decisions", feed.feed, feed.decisions)?;
            match feed.dropped {
                0 => writeln!(f)?,
                dropped => writeln!(f, ", {dropped} forgotten within the window: raise `decisions`")?,
            }
        }
        let of = &self.unjoined;
        writeln!(
            f,
            "not joined: {} of unknown decisions, {} too late (after {}), {} of items not in the answer, {} repeated",
            of.unknown, of.expired, self.window, of.not_in_slate, of.duplicate
        )
    }
}

fn cells(row: &Row) -> [String; 7] {
    let place = row.place.map(|place| format!("{place:>4}"));
    let name = match row.route.as_ref().or(place.as_ref()) {
        Some(part) => format!("{} {part}", row.feed),
        None => row.feed.clone(),
    };
    let share = row.click_through.map_or("-".to_owned(), |share| {
        format!("{:.2}% ({:.2}..{:.2})", 100.0 * share.value, 100.0 * share.low, 100.0 * share.high)
    });
    let per_seen = row.reward_per_impression.map_or("-".to_owned(), |reward| format!("{reward:.4}"));
    let [offered, seen, clicks] = [row.offered, row.impressions, row.clicks].map(|count| count.to_string());
    [name, offered, seen, clicks, share, format!("{:.2}", row.reward), per_seen]
}
