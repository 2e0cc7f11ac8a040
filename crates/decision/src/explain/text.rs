//! An explanation as text for people.

use super::{Explanation, ItemExplanation, RouteExplanation};
use std::fmt;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "feed {}, plan {}, at {}: the subject's events up to {}, everyone's up to {}",
            self.feed, self.plan, self.now, self.rows, self.epoch
        )?;
        self.write_stages(f)?;
        self.skipped.iter().try_for_each(|skipped| writeln!(f, "skipped  {skipped}"))?;
        self.items.iter().try_for_each(|item| write_item(f, item))
    }
}

impl Explanation {
    fn write_stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recall  ")?;
        for route in &self.routes {
            match route {
                RouteExplanation { off: true, .. } => write!(f, " {} off,", route.route)?,
                RouteExplanation { ran: true, .. } => write!(f, " {} {},", route.route, route.candidates)?,
                _ => write!(f, " {} skipped,", route.route)?,
            }
        }
        writeln!(f, " together {}", self.candidates)?;
        if self.cut > 0 {
            writeln!(f, "fuse     {} kept by {}", self.candidates - self.cut, self.fusion)?;
        }
        for removal in &self.removed {
            let more = if removal.count as usize > removal.examples.len() { ", ..." } else { "" };
            writeln!(f, "removed  {} by {}: {}{more}", removal.count, removal.reason, removal.examples.join(", "))?;
        }
        match self.scored {
            Some(scored) => writeln!(f, "rank     {scored} of {} scored", self.left)?,
            None => writeln!(f, "rank     {} by fused score", self.left)?,
        }
        if self.reranked == Some(true) {
            writeln!(f, "rerank   {}", self.reranks.join(", "))?;
        }
        Ok(())
    }
}

fn write_item(f: &mut fmt::Formatter<'_>, item: &ItemExplanation) -> fmt::Result {
    let kind = if item.terms.is_empty() { "fused " } else { "" };
    writeln!(f, "{:>4}. {}  {kind}{:.6}  {}", item.place, item.item, item.score, item.reason)?;
    for term in &item.terms {
        match term.value {
            Some(value) => writeln!(f, "        {:+.6}  {}", value + 0.0, term.term)?,
            None => writeln!(f, "          missing  {}", term.term)?,
        }
    }
    Ok(())
}
