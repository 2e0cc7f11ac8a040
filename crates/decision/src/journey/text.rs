//! A journey as text for people.

use super::{End, GateOfJourney, Journey, ReadOfJourney};
use crate::explain::TermOfItem;
use domain::{Answer, Raw};
use std::fmt;

impl Journey {
    /// How it ended, in one sentence.
    pub(super) fn sentence(&self, answer: &Answer) -> String {
        let asked = answer.request.count;
        match self.end {
            End::InSlate => format!("place {} of {}", self.place.unwrap_or_default(), answer.items.len()),
            End::LaterPage => "kept for a further page".to_owned(),
            End::NotOnPage => "not on this page; pages show what the first answer kept, so explain that one".to_owned(),
            End::UnknownItem => "unknown item: no event and no upsert had named it then".to_owned(),
            End::NotPresent => "not present: it was not in the catalogue then".to_owned(),
            End::Itself => "the answer is about the item itself".to_owned(),
            End::Excluded => "the request excludes it".to_owned(),
            End::NotFound => "no route found it".to_owned(),
            End::TooMany => "the routes found too many, and others had better fused scores".to_owned(),
            End::Removed => match self.gates.iter().find(|gate| !gate.passes) {
                Some(gate) => format!("removed by {}{}", gate.text, because(gate)),
                None => "removed".to_owned(),
            },
            End::Below => self.below(answer, asked),
        }
    }

    fn below(&self, answer: &Answer, asked: u16) -> String {
        let Some(score) = &self.score else { return String::new() };
        let place = format!("rank {} of {} by score", score.rank, score.of);
        match answer.items.last() {
            _ if score.rank <= u32::from(asked) => {
                format!("{place}, but rerankers or policies gave its place among the {asked} asked to others")
            }
            Some(last) => format!(
                "{place}: not within the {asked} asked; its score is {:.6}, that of the last place {:.6}",
                score.score, last.score
            ),
            None => place,
        }
    }

    fn write_score(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((score, rank)) = self.fused {
            let rank = rank.map_or("behind all that are kept".to_owned(), |rank| format!("rank {rank}"));
            writeln!(f, "fused    {score:.6}, {rank}")?;
        }
        self.gates.iter().try_for_each(|gate| {
            let (kind, did) =
                (if gate.policy { "policy" } else { "filter" }, if gate.passes { "passed" } else { "removes" });
            writeln!(f, "{kind:<8} {did} {}{}", gate.text, because(gate))
        })?;
        let Some(score) = &self.score else { return Ok(()) };
        writeln!(f, "score    {:.6}, rank {} of {}", score.score, score.rank, score.of)?;
        for TermOfItem { term, value } in &score.terms {
            match value {
                Some(value) => writeln!(f, "        {:+.6}  {term}", value + 0.0)?,
                None => writeln!(f, "          missing  {term}")?,
            }
        }
        score.read.iter().try_for_each(|read| writeln!(f, "read     {}", said(read)))
    }
}

impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "item {} in feed {}: {}", self.item, self.feed, self.said)?;
        for route in &self.routes {
            match (&route.found, &route.why_not) {
                (Some((rank, score)), _) => {
                    writeln!(f, "route    {} found it: rank {rank}, score {score:.6}", route.route)?
                }
                (None, why) => writeln!(f, "route    {}: {}", route.route, why.as_deref().unwrap_or("not found"))?,
            }
        }
        self.write_score(f)?;
        for effect in &self.effects {
            writeln!(f, "{:<8} {}", effect.did, effect.step)?;
        }
        Ok(())
    }
}

/// ` because item.price = 12`; nothing where nothing was read.
fn because(gate: &GateOfJourney) -> String {
    let read: Vec<String> = gate.read.iter().map(said).collect();
    if read.is_empty() { String::new() } else { format!(" because {}", read.join(", ")) }
}

fn said(read: &ReadOfJourney) -> String {
    format!("{} = {}", read.name, shown(&read.value))
}

fn shown(value: &Raw<'_>) -> String {
    match value {
        Raw::Null => "missing".to_owned(),
        Raw::Bool(bool) => bool.to_string(),
        Raw::Int(int) => int.to_string(),
        Raw::Float(float) => float.to_string(),
        Raw::Str(text) => format!("{text:?}"),
        Raw::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
    }
}
