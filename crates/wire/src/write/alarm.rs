//! Alarms as JSON.

use super::{write_array, write_key, write_text, write_uint};
use crate::time::write_time;
use domain::{PlanVersion, Position, Time};

/// An alarm that was raised.
#[derive(Clone, Copy, Debug)]
pub struct AlarmView<'a> {
    /// The record that raised it; with alarm and entity it names the alarm.
    pub position: Position,
    /// Its log time.
    pub log_time: Time,
    /// The alarm's name.
    pub alarm: &'a str,
    /// The entity's type.
    pub of: &'a str,
    /// The entity's key.
    pub entity: &'a str,
    /// What it says.
    pub reason: &'a str,
    /// Words that it carries.
    pub tags: &'a [String],
    /// The version of the spec that raised it.
    pub plan: PlanVersion,
}

/// Appends an alarm as a JSON object.
pub fn write_alarm(out: &mut Vec<u8>, view: &AlarmView<'_>) {
    out.push(b'{');
    write_key(out, "position");
    write_uint(out, view.position.0);
    for (name, text) in [("alarm", view.alarm), ("of", view.of), ("entity", view.entity)] {
        write_key(out, name);
        write_text(out, text);
    }
    write_key(out, "log_time");
    out.push(b'"');
    write_time(out, view.log_time);
    out.push(b'"');
    write_key(out, "reason");
    write_text(out, view.reason);
    if !view.tags.is_empty() {
        write_key(out, "tags");
        write_array(out, view.tags, |out, tag| write_text(out, tag));
    }
    write_key(out, "plan");
    write_uint(out, u64::from(view.plan.0));
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_an_object_with_its_three_keys() {
        let mut out = Vec::new();
        let tags = ["basket".to_owned()];
        let (position, log_time) = (Position(12), Time(0));
        let (plan, of) = (PlanVersion(2), "user");
        let view = AlarmView { position, log_time, alarm: "idle", of, entity: "u\"1", reason: "", tags: &tags, plan };
        write_alarm(&mut out, &view);
        let expected = r#"{"position":12,"alarm":"idle","of":"user","entity":"u\"1","log_time":"1970-01-01T00:00:00.000Z","reason":"","tags":["basket"],"plan":2}"#;
        assert_eq!(String::from_utf8(out), Ok(expected.to_owned()));
    }
}
