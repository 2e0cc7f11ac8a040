//! An explanation as JSON.

use engine::{EffectOfItem, Explanation, ItemExplanation, TermOfItem};
use wire::{write_array, write_bool, write_float, write_instant, write_int, write_key, write_text, write_uint};

/// Appends the explanation as a JSON object.
pub(crate) fn write_explanation(out: &mut Vec<u8>, explanation: &Explanation) {
    out.push(b'{');
    write_key(out, "feed");
    write_text(out, &explanation.feed);
    write_key(out, "plan");
    write_uint(out, u64::from(explanation.plan));
    write_key(out, "positions");
    out.extend_from_slice(b"{\"rows\":");
    write_uint(out, explanation.rows.0);
    write_key(out, "epoch");
    write_uint(out, explanation.epoch.0);
    out.push(b'}');
    write_key(out, "now");
    write_instant(out, explanation.now);
    write_stages(out, explanation);
    write_key(out, "skipped");
    write_array(out, &explanation.skipped, |out, skipped| write_text(out, skipped));
    write_key(out, "items");
    write_array(out, &explanation.items, write_item);
    out.push(b'}');
}

fn write_stages(out: &mut Vec<u8>, explanation: &Explanation) {
    write_key(out, "routes");
    write_array(out, &explanation.routes, |out, route| {
        out.push(b'{');
        write_key(out, "route");
        write_text(out, &route.route);
        write_key(out, "ran");
        write_bool(out, route.ran);
        if route.off {
            write_key(out, "off");
            write_bool(out, true);
        }
        write_key(out, "candidates");
        write_uint(out, u64::from(route.candidates));
        out.push(b'}');
    });
    write_key(out, "candidates");
    write_uint(out, u64::from(explanation.candidates));
    write_key(out, "fuse");
    write_text(out, &explanation.fusion);
    write_key(out, "cut");
    write_uint(out, u64::from(explanation.cut));
    write_key(out, "removed");
    write_array(out, &explanation.removed, |out, removal| {
        out.push(b'{');
        write_key(out, "reason");
        write_text(out, &removal.reason);
        write_key(out, "count");
        write_uint(out, u64::from(removal.count));
        write_key(out, "examples");
        write_array(out, &removal.examples, |out, item| write_text(out, item));
        out.push(b'}');
    });
    write_key(out, "left");
    write_uint(out, u64::from(explanation.left));
    if let Some(scored) = explanation.scored {
        write_key(out, "scored");
        write_uint(out, u64::from(scored));
    }
    if let Some(reranked) = explanation.reranked {
        write_key(out, "reranked");
        write_bool(out, reranked);
        write_key(out, "reranks");
        write_array(out, &explanation.reranks, |out, kind| write_text(out, kind));
    }
}

fn write_item(out: &mut Vec<u8>, item: &ItemExplanation) {
    out.push(b'{');
    write_key(out, "place");
    write_uint(out, u64::from(item.place));
    write_key(out, "item");
    write_text(out, &item.item);
    write_key(out, "score");
    write_float(out, item.score);
    write_key(out, "scored");
    write_bool(out, item.scored);
    write_key(out, "routes");
    write_array(out, &item.routes, |out, of| {
        out.push(b'{');
        write_key(out, "route");
        write_text(out, &of.route);
        write_key(out, "rank");
        write_uint(out, u64::from(of.rank));
        write_key(out, "score");
        write_float(out, of.score);
        out.push(b'}');
    });
    write_terms(out, &item.terms);
    write_key(out, "moved");
    write_int(out, i64::from(item.moved));
    write_effects(out, &item.effects);
    write_key(out, "reason");
    write_text(out, &item.reason);
    out.push(b'}');
}

/// The terms of a score, as a member.
pub(super) fn write_terms(out: &mut Vec<u8>, terms: &[TermOfItem]) {
    write_key(out, "terms");
    write_array(out, terms, |out, of| {
        out.push(b'{');
        write_key(out, "term");
        write_text(out, &of.term);
        write_key(out, "value");
        write_float(out, of.value.unwrap_or(f64::NAN));
        out.push(b'}');
    });
}

/// What steps did, as a member.
pub(super) fn write_effects(out: &mut Vec<u8>, effects: &[EffectOfItem]) {
    write_key(out, "effects");
    write_array(out, effects, |out, of| {
        out.push(b'{');
        write_key(out, "step");
        write_text(out, &of.step);
        write_key(out, "did");
        write_text(out, &of.did);
        out.push(b'}');
    });
}
