//! The report as one page: no script, nothing that is loaded from elsewhere.

use super::{moved, named, notes, outcomes, percent, plot, shown};
use engine::{Backtest, DecidedAs, Example, Group, Kind, Labelled};
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --old: #8a8f98; --new: #0b6bcb; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, td.text { text-align: left; }
td.kept { opacity: .6; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 26rem; max-width: 100%; }
svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: currentColor; }
svg .mid { text-anchor: middle; }
svg .end { text-anchor: end; }
.frame { fill: none; stroke: var(--line); }
polyline { fill: none; stroke-width: 1.8; }
polyline.old { stroke: var(--old); }
polyline.new { stroke: var(--new); }
polyline.chance { stroke: var(--line); stroke-dasharray: 4 3; }
rect.old { fill: var(--old); }
rect.new { fill: var(--new); }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .3em; }
details { margin: .3rem 0; }
summary { cursor: pointer; }
";

/// The whole page.
pub(super) fn page(report: &Backtest, spec: &str) -> String {
    let title = format!("Backtest of {}", escaped(&report.decision));
    let mut out = format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>\
         <meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body><h1>{title}</h1>"
    );
    let Backtest { baseline, events, changed, rescored, refired, span, .. } = report;
    let reach = if *events > 0 { format!(" from {} to {}", span.0, span.1) } else { String::new() };
    add(
        &mut out,
        format_args!(
            "<p><span class='key' style='background:var(--old)'></span>old: spec {} of the log &emsp;\
             <span class='key' style='background:var(--new)'></span>new: {}</p>\
             <p>{events} events{reach}. <b>{changed}</b> have another outcome ({:.2}%); of the rest {rescored} have another \
             score and {refired} other rules.</p>",
            baseline.0,
            escaped(spec),
            percent(*changed, *events)
        ),
    );
    notes(report).iter().for_each(|note| add(&mut out, format_args!("<p><em>{}</em></p>", escaped(note))));
    plots(&mut out, report);
    matrix(&mut out, report);
    rules(&mut out, report);
    report.labels.iter().for_each(|labels| labelled(&mut out, labels));
    cost(&mut out, report);
    for kind in report.kinds.iter().filter(|kind| kind.is_change()) {
        examples(&mut out, kind);
    }
    out + "</body></html>\n"
}

/// Writing to a string does not fail.
fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// A text that cannot be read as markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn plots(out: &mut String, report: &Backtest) {
    out.push_str("<div class='plots'>");
    if !report.scores.new.is_empty() {
        out.push_str(&plot::scores(&report.scores));
    }
    if let Some(labels) = report.labels.as_ref().filter(|labels| labels.labelled > 0) {
        let old = labels.old.as_ref();
        out.push_str(&plot::roc(old.map(|old| &*old.roc), &labels.new.roc));
        out.push_str(&plot::tiers(old.map(|old| &*old.tiers), &labels.new.tiers));
    }
    out.push_str("</div>");
}

fn matrix(out: &mut String, report: &Backtest) {
    let (old, new) = (outcomes(report, true), outcomes(report, false));
    out.push_str("<h2>Outcomes</h2><table><tr><th>old \\ new</th>");
    new.iter().for_each(|new| add(out, format_args!("<th>{}</th>", escaped(named(*new)))));
    out.push_str("</tr>");
    for old in old {
        add(out, format_args!("<tr><td>{}</td>", escaped(named(old))));
        for new in &new {
            let kept = if old == *new { " class='kept'" } else { "" };
            match moved(report, old, *new) {
                (0, _) => add(out, format_args!("<td{kept}>-</td>")),
                (some, all) => add(out, format_args!("<td{kept}>{some} ({:.1}%)</td>", percent(some, all))),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

fn rules(out: &mut String, report: &Backtest) {
    out.push_str("<h2>Rules that fired</h2><table><tr><th>rule</th><th>old</th><th>new</th></tr>");
    let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    for rule in &report.rules {
        let shadow = if rule.shadow { " (shadow)" } else { "" };
        let (name, old, new) = (escaped(&rule.rule), count(rule.old), count(rule.new));
        add(out, format_args!("<tr><td>{name}{shadow}</td><td>{old}</td><td>{new}</td></tr>"));
    }
    out.push_str("</table>");
}

fn labelled(out: &mut String, labels: &Labelled) {
    let Labelled { labelled, bad, strays, old, new } = labels;
    add(
        out,
        format_args!(
            "<h2>Labels</h2><p>{labelled} events have a label, {bad} of them bad ({:.2}%); {strays} labels name no event of the range.</p>",
            percent(*bad, *labelled)
        ),
    );
    let figure = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.4}"));
    let rows = [
        ("AUC", old.as_ref().map(|old| old.auc), new.auc),
        ("average precision", old.as_ref().map(|old| old.average_precision), new.average_precision),
    ];
    out.push_str("<table><tr><th></th><th>old</th><th>new</th></tr>");
    for (what, old, new) in rows {
        add(out, format_args!("<tr><td>{what}</td><td>{}</td><td>{}</td></tr>", figure(old), figure(Some(new))));
    }
    out.push_str("</table>");
    for (whose, quality) in [("old", old.as_ref()), ("new", Some(new))] {
        let Some(quality) = quality else { continue };
        groups(out, &format!("outcome, {whose}"), "precision", &quality.outcomes);
        groups(out, &format!("tier of the score, {whose}"), "bad share", &quality.tiers);
    }
}

fn groups(out: &mut String, what: &str, share: &str, groups: &[Group]) {
    let head = ["events", "labelled", "bad", share, "recall"].map(|name| format!("<th>{name}</th>")).concat();
    add(out, format_args!("<table><tr><th>{what}</th>{head}</tr>"));
    let figure = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.4}"));
    for Group { name, events, labelled, bad, precision, recall } in groups {
        let (name, precision, recall) = (escaped(name), figure(*precision), figure(*recall));
        add(
            out,
            format_args!(
                "<tr><td>{name}</td><td>{events}</td><td>{labelled}</td><td>{bad}</td><td>{precision}</td><td>{recall}</td></tr>"
            ),
        );
    }
    out.push_str("</table>");
}

fn cost(out: &mut String, report: &Backtest) {
    let (old, new) = &report.cost;
    add(
        out,
        format_args!(
            "<h2>Cost</h2><table><tr><th></th><th>old</th><th>new</th></tr>\
             <tr><td>processor time, ns per event</td><td>{:.0}</td><td>{:.0}</td></tr>\
             <tr><td>state, bytes of a checkpoint</td><td>{}</td><td>{}</td></tr></table>",
            old.ns_per_event, new.ns_per_event, old.state_bytes, new.state_bytes
        ),
    );
}

fn examples(out: &mut String, kind: &Kind) {
    let (old, new) = (escaped(named(kind.old.as_ref())), escaped(named(kind.new.as_ref())));
    add(out, format_args!("<h2>{old} &rarr; {new}: {} events</h2>", kind.events));
    kind.examples.iter().for_each(|of| example(out, of));
}

fn example(out: &mut String, of: &Example) {
    let event = of.event.as_ref().map_or_else(String::new, |event| format!(" event {}", escaped(event)));
    let truth = of.bad.map_or("", |bad| if bad { ", bad" } else { ", not bad" });
    add(out, format_args!("<details><summary>{}{event} at {}{truth}</summary><table>", of.id, of.log_time));
    for (whose, side) in [("old", &of.old), ("new", &of.new)] {
        let Some(DecidedAs { outcome, score, reasons }) = side else { continue };
        let reasons: Vec<String> =
            reasons.iter().map(|of| format!("<b>{}</b> {}", escaped(&of.rule), escaped(&of.text))).collect();
        let (outcome, reasons) = (escaped(outcome), reasons.join("<br>"));
        add(
            out,
            format_args!(
                "<tr><td>{whose}</td><td>{outcome}</td><td>{score:.4}</td><td class='text'>{reasons}</td></tr>"
            ),
        );
    }
    out.push_str("</table>");
    if !of.facts.is_empty() {
        out.push_str("<table><tr><th>fact</th><th>old</th><th>new</th></tr>");
        let value = |value: &Option<domain::Raw<'static>>| {
            value.as_ref().map_or_else(|| "-".to_owned(), |value| escaped(&shown(value)))
        };
        for (name, old, new) in &of.facts {
            let (name, old, new) = (escaped(name), value(old), value(new));
            add(out, format_args!("<tr><td>{name}</td><td>{old}</td><td>{new}</td></tr>"));
        }
        out.push_str("</table>");
    }
    out.push_str("</details>");
}
