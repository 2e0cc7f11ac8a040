//! What came of answers: clicks and rewards by feed, route or place.

use super::reported;
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::Refusal;
use engine::{AttributionReport, By, FeedReport, Row};
use wire::{write_array, write_float, write_key, write_text, write_uint};

/// What a report is asked for.
#[derive(Debug, Default)]
pub(crate) struct Part {
    feed: Option<String>,
    by: By,
}

impl Part {
    /// Takes `feed` and `by` out of a query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let by = query.value("by").map_or(Ok(By::default()), |by| By::parse(&by))?;
        Ok(Part { feed: query.value("feed"), by })
    }
}

/// The report, once all that was joined is durable.
pub(crate) async fn read(shared: &Shared, part: &Part, text: bool) -> Result<Reply, Refusal> {
    let report = shared.engine.attribution(part.feed.as_deref(), part.by)?;
    reported(shared, (&report, report.position), text, write_report).await
}

fn write_report(out: &mut Vec<u8>, report: &AttributionReport) {
    out.push(b'{');
    for (name, value) in [("window_ms", report.window.0.max(0) as u64), ("remembered", report.remembered)] {
        write_key(out, name);
        write_uint(out, value);
    }
    write_key(out, "feeds");
    write_array(out, &report.feeds, write_feed);
    write_key(out, "rows");
    write_array(out, &report.rows, write_row);
    write_key(out, "unjoined");
    let of = &report.unjoined;
    let reasons = [
        ("unknown", of.unknown),
        ("expired", of.expired),
        ("not_in_slate", of.not_in_slate),
        ("duplicate", of.duplicate),
    ];
    write_counts(out, reasons.into_iter());
    out.push(b'}');
}

fn write_feed(out: &mut Vec<u8>, feed: &FeedReport) {
    out.push(b'{');
    write_key(out, "feed");
    write_text(out, &feed.feed);
    for (name, count) in [("decisions", feed.decisions), ("dropped", feed.dropped)] {
        write_key(out, name);
        write_uint(out, count);
    }
    out.push(b'}');
}

fn write_row(out: &mut Vec<u8>, row: &Row) {
    out.push(b'{');
    write_key(out, "feed");
    write_text(out, &row.feed);
    if let Some(route) = &row.route {
        write_key(out, "route");
        write_text(out, route);
    }
    if let Some(place) = row.place {
        write_key(out, "place");
        write_uint(out, u64::from(place));
    }
    for (name, count) in [("offered", row.offered), ("impressions", row.impressions), ("clicks", row.clicks)] {
        write_key(out, name);
        write_uint(out, count);
    }
    if let Some(share) = row.click_through {
        write_key(out, "click_through");
        write_float(out, share.value);
        write_key(out, "click_through_95");
        write_array(out, &[share.low, share.high], |out, end| write_float(out, *end));
    }
    write_key(out, "reward");
    write_float(out, row.reward);
    if let Some(per_impression) = row.reward_per_impression {
        write_key(out, "reward_per_impression");
        write_float(out, per_impression);
    }
    write_key(out, "events");
    write_counts(out, row.events.iter().map(|(event, count)| (event.as_str(), *count)));
    out.push(b'}');
}

fn write_counts<'n>(out: &mut Vec<u8>, counts: impl Iterator<Item = (&'n str, u64)>) {
    out.push(b'{');
    for (name, count) in counts {
        write_key(out, name);
        write_uint(out, count);
    }
    out.push(b'}');
}
