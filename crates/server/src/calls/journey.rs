//! The way of one item through an answer, as JSON.

use super::explanation::{write_effects, write_terms};
use engine::{GateOfJourney, Journeyed, ReadOfJourney, ScoreOfJourney};
use wire::{write_array, write_bool, write_float, write_key, write_raw, write_text, write_uint};

/// Appends the members of an object whose brace is open.
pub(super) fn write_journey(out: &mut Vec<u8>, journeyed: &Journeyed) {
    let journey = &journeyed.journey;
    write_key(out, "identical");
    write_bool(out, journeyed.identical);
    write_key(out, "differences");
    write_array(out, &journeyed.differences, |out, difference| write_text(out, difference));
    let texts =
        [("feed", &*journey.feed), ("item", &journey.item), ("end", journey.end.name()), ("said", &journey.said)];
    for (name, text) in texts {
        write_key(out, name);
        write_text(out, text);
    }
    if let Some(place) = journey.place {
        write_key(out, "place");
        write_uint(out, u64::from(place));
    }
    write_key(out, "routes");
    write_array(out, &journey.routes, |out, route| {
        out.push(b'{');
        write_key(out, "route");
        write_text(out, &route.route);
        write_key(out, "found");
        write_bool(out, route.found.is_some());
        if let Some((rank, score)) = route.found {
            write_key(out, "rank");
            write_uint(out, u64::from(rank));
            write_key(out, "score");
            write_float(out, score);
        }
        if let Some(why) = &route.why_not {
            write_key(out, "why_not");
            write_text(out, why);
        }
        out.push(b'}');
    });
    if let Some((score, rank)) = journey.fused {
        write_key(out, "fused");
        out.push(b'{');
        write_key(out, "score");
        write_float(out, score);
        if let Some(rank) = rank {
            write_key(out, "rank");
            write_uint(out, u64::from(rank));
        }
        out.push(b'}');
    }
    write_rest(out, journeyed);
}

fn write_rest(out: &mut Vec<u8>, journeyed: &Journeyed) {
    let journey = &journeyed.journey;
    write_key(out, "gates");
    write_array(out, &journey.gates, write_gate);
    if let Some(score) = &journey.score {
        write_key(out, "score");
        write_score(out, score);
    }
    write_effects(out, &journey.effects);
}

fn write_gate(out: &mut Vec<u8>, gate: &GateOfJourney) {
    out.push(b'{');
    write_key(out, if gate.policy { "policy" } else { "filter" });
    write_text(out, &gate.text);
    write_key(out, "passes");
    write_bool(out, gate.passes);
    write_key(out, "read");
    write_read(out, &gate.read);
    out.push(b'}');
}

fn write_score(out: &mut Vec<u8>, score: &ScoreOfJourney) {
    out.push(b'{');
    write_key(out, "score");
    write_float(out, score.score);
    for (name, number) in [("rank", score.rank), ("of", score.of)] {
        write_key(out, name);
        write_uint(out, u64::from(number));
    }
    write_terms(out, &score.terms);
    write_key(out, "read");
    write_read(out, &score.read);
    out.push(b'}');
}

/// Values by name, as one object.
fn write_read(out: &mut Vec<u8>, read: &[ReadOfJourney]) {
    out.push(b'{');
    for (at, of) in read.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // A name may be a whole call, with quotes in it.
        write_text(out, &of.name);
        out.push(b':');
        write_raw(out, &of.value);
    }
    out.push(b'}');
}
