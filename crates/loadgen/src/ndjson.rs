//! Events and entities as lines of JSON, to be sent in bulk.

use domain::{Event, Field, ListPut, Upsert};

/// Appends the event and a newline.
pub fn push_event(out: &mut Vec<u8>, event: &Event<'_>) {
    out.push(b'{');
    wire::write_key(out, "event");
    wire::write_text(out, &event.kind);
    if !event.source.is_empty() {
        wire::write_key(out, "source");
        wire::write_text(out, &event.source);
    }
    if let Some(id) = &event.id {
        wire::write_key(out, "id");
        wire::write_text(out, id);
    }
    if let Some(time) = event.time {
        wire::write_key(out, "time");
        wire::write_int(out, time.0);
    }
    for field in &event.fields {
        out.push(b',');
        push_field(out, field);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the entity and a newline.
pub fn push_upsert(out: &mut Vec<u8>, upsert: &Upsert<'_>) {
    out.push(b'{');
    wire::write_key(out, "entity");
    wire::write_text(out, &upsert.entity);
    wire::write_key(out, "key");
    wire::write_text(out, &upsert.key);
    wire::write_key(out, "fields");
    out.push(b'{');
    for (place, field) in upsert.fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_field(out, field);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends the entry of a list and a newline.
pub fn push_list_put(out: &mut Vec<u8>, put: &ListPut<'_>) {
    out.push(b'{');
    wire::write_key(out, "list");
    wire::write_text(out, &put.list);
    wire::write_key(out, "key");
    wire::write_text(out, &put.key);
    if let Some(score) = put.score {
        wire::write_key(out, "score");
        wire::write_float(out, score);
    }
    if let Some(until) = put.until {
        wire::write_key(out, "until");
        wire::write_int(out, until.0);
    }
    out.extend_from_slice(b"}\n");
}

fn push_field(out: &mut Vec<u8>, field: &Field<'_>) {
    wire::write_text(out, &field.name);
    out.push(b':');
    wire::write_raw(out, &field.value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Payload, Raw, Time};

    #[test]
    fn lines_read_back_as_what_was_written() {
        let field = |name: &'static str, value| Field { name: name.into(), value };
        let fields = vec![field("user", Raw::Str("ü\"1".into())), field("tags", Raw::List(vec![Raw::Int(1)]))];
        let event = Event {
            kind: "view".into(),
            source: "web".into(),
            id: Some("e1".into()),
            time: Some(Time(17)),
            fields: fields.clone(),
        };
        let bare = Event { source: "".into(), id: None, time: None, fields: vec![], ..event.clone() };
        let mut body = Vec::new();
        push_event(&mut body, &event);
        push_event(&mut body, &bare);
        assert_eq!(wire::parse_events(&body).unwrap().payloads, [Payload::Event(event), Payload::Event(bare)]);
        let upsert = Upsert { entity: "item".into(), key: "i1".into(), fields };
        let bare = Upsert { fields: vec![], ..upsert.clone() };
        let mut body = Vec::new();
        push_upsert(&mut body, &upsert);
        push_upsert(&mut body, &bare);
        assert_eq!(wire::parse_entities(&body).unwrap().payloads, [Payload::Upsert(upsert), Payload::Upsert(bare)]);
    }
}
