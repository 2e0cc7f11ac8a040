//! An expression tried on a user and an item as they are now.

use super::released;
use crate::Shared;
use crate::reply::Reply;
use domain::{Raw, Refusal};
use engine::TrialResult;
use wire::{write_instant, write_key, write_raw, write_text, write_uint};

/// Answers with the value, its type and what was read, once all of that is durable.
pub(crate) async fn attempt(shared: &Shared, body: &[u8], text: bool) -> Result<Reply, Refusal> {
    let trial = wire::parse_trial(body)?;
    let result = shared.engine.try_expression(&trial)?;
    released(shared, result.position).await?;
    Ok(if text { Reply::text(told(&result)) } else { Reply::json(written(&result)) })
}

fn written(result: &TrialResult) -> Vec<u8> {
    let mut out = vec![b'{'];
    member(&mut out, "value", result.value.as_ref().unwrap_or(&Raw::Null));
    write_key(&mut out, "type");
    write_text(&mut out, &result.ty);
    why(&mut out, result.why.as_deref());
    write_key(&mut out, "reads");
    out.push(b'[');
    for (place, read) in result.reads.iter().enumerate() {
        out.extend_from_slice(if place > 0 { b",{" } else { b"{" });
        write_key(&mut out, "name");
        write_text(&mut out, &read.name);
        write_key(&mut out, "type");
        write_text(&mut out, &read.ty);
        member(&mut out, "value", &read.value);
        why(&mut out, read.why.as_deref());
        out.push(b'}');
    }
    out.push(b']');
    write_key(&mut out, "feed");
    write_text(&mut out, &result.feed);
    write_key(&mut out, "position");
    write_uint(&mut out, result.position.0);
    write_key(&mut out, "now");
    write_instant(&mut out, result.now);
    out.push(b'}');
    out
}

fn member(out: &mut Vec<u8>, name: &str, value: &Raw<'_>) {
    write_key(out, name);
    write_raw(out, value);
}

fn why(out: &mut Vec<u8>, why: Option<&str>) {
    if let Some(why) = why {
        write_key(out, "why");
        write_text(out, why);
    }
}

/// A line for the value, and one for each thing that was read.
fn told(result: &TrialResult) -> String {
    let value = result.value.as_ref().map_or_else(|| "missing".to_owned(), shown);
    let because = |why: &Option<String>| why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    let mut lines = vec![format!("{value} ({}){}", result.ty, because(&result.why))];
    for read in &result.reads {
        let value = if read.why.is_some() { "missing".to_owned() } else { shown(&read.value) };
        lines.push(format!("  {} = {value} ({}){}", read.name, read.ty, because(&read.why)));
    }
    format!("{}\n", lines.join("\n"))
}

fn shown(value: &Raw<'_>) -> String {
    let mut out = Vec::new();
    write_raw(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}
