//! Small plots as SVG, of plain shapes: nothing is loaded, and colours are the page's.

use engine::{Group, ScoreBins};
use std::fmt::Write;

/// The inside of a plot, in units of the picture.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 180.0;
/// Room for what stands beside the axes.
const LEFT: f64 = 44.0;
const BELOW: f64 = 30.0;

/// A picture with a frame, the names of its axes, and what is drawn inside.
fn framed(what: &str, (x, y): (&str, &str), (least, most): (&str, &str), inside: &str) -> String {
    let (width, height) = (WIDTH + LEFT + 10.0, HEIGHT + BELOW + 14.0);
    let (bottom, right, middle) = (HEIGHT + 10.0, LEFT + WIDTH, LEFT + WIDTH / 2.0);
    let under = bottom + 14.0;
    format!(
        "<figure><figcaption>{what}</figcaption><svg viewBox='0 0 {width} {height}' role='img' aria-label='{what}'>\
         <rect x='{LEFT}' y='10' width='{WIDTH}' height='{HEIGHT}' class='frame'/>{inside}\
         <text x='{LEFT}' y='{under}'>{least}</text><text x='{right}' y='{under}' class='end'>{most}</text>\
         <text x='{middle}' y='{under}' class='mid'>{x}</text><text x='{}' y='18' class='end'>{y}</text></svg></figure>",
        LEFT - 4.0
    )
}

/// A point of the unit square inside the frame.
fn place(x: f64, y: f64) -> (f64, f64) {
    (LEFT + x * WIDTH, 10.0 + (1.0 - y) * HEIGHT)
}

fn path(points: impl Iterator<Item = (f64, f64)>, class: &str) -> String {
    let mut text = String::from("<polyline points='");
    for (x, y) in points.map(|(x, y)| place(x, y)) {
        // Writing to a string does not fail.
        let _ = write!(text, "{x:.1},{y:.1} ");
    }
    text + &format!("' class='{class}'/>")
}

/// How many events have which score, old and new; by the square root, so that few can be seen beside many.
pub(super) fn scores(bins: &ScoreBins) -> String {
    let most = bins.old.iter().chain(&bins.new).copied().max().unwrap_or(0).max(1);
    let steps = |counts: &[u64], class: &str| {
        let width = 1.0 / counts.len().max(1) as f64;
        let height = |count: u64| (count as f64 / most as f64).sqrt();
        let corners = counts
            .iter()
            .enumerate()
            .flat_map(|(at, &count)| [(at as f64 * width, height(count)), ((at + 1) as f64 * width, height(count))]);
        path(corners.collect::<Vec<_>>().into_iter(), class)
    };
    let inside = steps(&bins.old, "old") + &steps(&bins.new, "new");
    let (least, greatest) = (format!("{:.3}", bins.range.0), format!("{:.3}", bins.range.1));
    framed("Scores (height: square root of events)", ("score", &most.to_string()), (&least, &greatest), &inside)
}

/// Bad events found against good ones troubled.
pub(super) fn roc(old: Option<&[(f64, f64)]>, new: &[(f64, f64)]) -> String {
    let chance = path([(0.0, 0.0), (1.0, 1.0)].into_iter(), "chance");
    let old = old.map_or_else(String::new, |old| path(old.iter().copied(), "old"));
    let inside = chance + &old + &path(new.iter().copied(), "new");
    framed("Bad ones at or above a score (ROC)", ("share of the good ones", "1"), ("0", "1"), &inside)
}

/// The share of bad events per tier, side by side.
pub(super) fn tiers(old: Option<&[Group]>, new: &[Group]) -> String {
    let sides = [(old.unwrap_or_default(), "old"), (new, "new")];
    let most = sides.iter().flat_map(|(groups, _)| *groups).filter_map(|group| group.precision).fold(0.0, f64::max);
    let count = new.len().max(old.map_or(0, <[Group]>::len)).max(1) as f64;
    let mut inside = String::new();
    for (side, (groups, class)) in sides.iter().enumerate() {
        for (at, group) in groups.iter().enumerate() {
            let share = group.precision.unwrap_or(0.0);
            let height = if most > 0.0 { share / most * 0.9 } else { 0.0 };
            let (x, y) = place((at as f64 + 0.15 + 0.36 * side as f64) / count, height);
            let width = 0.34 * WIDTH / count;
            let name = super::html::escaped(&group.name);
            let _ = write!(
                inside,
                "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{:.1}' class='bar {class}'><title>{name}: {} of {} bad</title></rect>\
                 <text x='{:.1}' y='{:.1}' class='mid'>{:.1}%</text>",
                height * HEIGHT,
                group.bad,
                group.labelled,
                x + width / 2.0,
                y - 3.0,
                100.0 * share
            );
            if *class == "new" {
                let _ = write!(inside, "<text x='{x:.1}' y='{:.1}' class='mid'>{name}</text>", HEIGHT + BELOW + 8.0);
            }
        }
    }
    framed("Bad share of labelled events per tier", ("", ""), ("", ""), &inside)
}
