use super::*;
use proptest::prelude::*;

fn lines(body: &str) -> (Form, Vec<u32>, Vec<(u32, Code)>) {
    let batch = parse_events(body.as_bytes()).unwrap();
    (batch.form, batch.lines, batch.refused.iter().map(|bad| (bad.line, bad.refusal.code)).collect())
}

#[test]
fn the_content_decides_the_form() {
    let event = r#"{"event":"v"}"#;
    assert_eq!(lines(event), (Form::One, vec![1], vec![]));
    assert_eq!(lines(&format!("\r\n {event} \n\n")), (Form::One, vec![2], vec![]));
    assert_eq!(lines(&format!("{event}\n{event}\r\n\n{event}")), (Form::Many, vec![1, 2, 4], vec![]));
    assert_eq!(lines(&format!("[{event}]")), (Form::Many, vec![1], vec![]));
    assert_eq!(lines(&format!("[{event},\n{event}]\n")), (Form::Many, vec![1, 2], vec![]));
    assert_eq!(lines("[]"), (Form::Many, vec![], vec![]));
    assert_eq!(lines("{\n \"event\":\n \"v\"\n}"), (Form::One, vec![1], vec![]));
    assert_eq!(lines("garbage"), (Form::One, vec![], vec![(1, Code::InvalidJson)]));
    for body in ["", " \n\t\r\n"] {
        assert_eq!(parse_events(body.as_bytes()).unwrap_err().code, Code::InvalidJson);
    }
}

#[test]
fn a_bad_line_does_not_spoil_the_others() {
    let body =
        "{\"event\":\"v\"}\n{\"event\":\ngarbage\n{\"event\":\"v\"}\n{}\n7\n{\"event\":\"v\"} x\n{\"event\":\"v\"}";
    let bad = [(2, Code::InvalidJson), (5, Code::MissingField), (6, Code::InvalidJson), (7, Code::InvalidJson)];
    // Line 3 belongs to the object that line 2 left open.
    assert_eq!(lines(body), (Form::Many, vec![1, 4, 8], bad.to_vec()));
    assert_eq!(lines("{\"event\":\"v\"\n{\"event\":\"v\"}"), (Form::Many, vec![2], vec![(1, Code::InvalidJson)]));
    assert_eq!(lines("x\ny\n{\"event\":\"v\"}").2, vec![(1, Code::InvalidJson), (2, Code::InvalidJson)]);
    assert_eq!(lines("{\"event\":\"v\"}{\"event\":\"v\"}\n{\"event\":\"v\"}").1, vec![2]);
}

#[test]
fn a_pretty_printed_mistake_is_one_refusal() {
    assert_eq!(
        lines("{\n  \"event\": \"v\",\n  \"a\": {}\n}"),
        (Form::Many, vec![], vec![(1, Code::WrongType), (4, Code::InvalidJson)])
    );
    assert_eq!(lines("{\n  \"event\": \"v\",\n  \"a\": x\n"), (Form::One, vec![], vec![(1, Code::InvalidJson)]));
}

#[test]
fn bytes_that_are_not_text_spoil_only_their_line() {
    let body = b"{\"event\":\"v\"}\n{\"event\":\"\xff\"}\n\n{\"event\":\"v\"}\n{";
    let batch = parse_events(body).unwrap();
    assert_eq!(batch.lines, [1, 4]);
    assert_eq!(batch.refused.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 5]);
    assert!(parse_events(b"[{\"event\":\"\xff\"}]").is_err());
}

#[test]
fn each_line_of_a_stream_is_judged_alone() {
    let judged = |body: &[u8]| {
        let batch = parse_event_lines(body, "v");
        (batch.lines.clone(), batch.refused.iter().map(|bad| (bad.line, bad.refusal.code)).collect::<Vec<_>>())
    };
    let body = "{\"a\":1}\r\n\n {\"event\":\"v\"} \n{\"a\":\n1}\n[{}]\n{\"event\":\"w\"}\n{}{}\n{}";
    let bad = |line, code| (line, code);
    let expected = [
        bad(4, Code::InvalidJson),
        bad(5, Code::InvalidJson),
        bad(6, Code::InvalidJson),
        bad(7, Code::InvalidValue),
        bad(8, Code::InvalidJson),
    ];
    assert_eq!(judged(body.as_bytes()), (vec![1, 3, 9], expected.to_vec()));
    // What is not text spoils its line alone.
    let damaged = [body.as_bytes(), b"\n\xff\n{}"].concat();
    let (lines, refused) = judged(&damaged);
    assert_eq!((lines, refused[5..].to_vec()), (vec![1, 3, 9, 11], vec![(10, Code::InvalidJson)]));
    assert_eq!(judged(b" \n\r\n"), (vec![], vec![]));
}

proptest! {
    /// A body of lines gives what each of them gives.
    #[test]
    fn lines_are_judged_as_each_alone(body in r#"(\{("a":[1x]?(,"b":"c")?)?\}|\{"event":"[vw]"\}|[ \r\t{}"]|\n){0,12}"#) {
        let batch = parse_event_lines(body.as_bytes(), "v");
        let mut expected = Batch::of(0);
        for (text, line) in body.split('\n').zip(1..) {
            if !text.trim_ascii().is_empty() {
                expected.take_or_refuse(line, line_alone(text, "v", &mut Shape::default()));
            }
        }
        prop_assert_eq!(batch, expected, "{:?}", body);
    }

    /// How many are read at a time changes nothing, whether all of it is text or not.
    #[test]
    fn lines_are_read_a_few_at_a_time(
        body in r#"(\{("a":[1x]?)?\}|\{"event":"[vw]"\}|[ \r{}"]|\n){0,24}"#,
        damaged in any::<bool>(),
        most in 1..4usize,
    ) {
        let body = [body.as_bytes(), if damaged { b"\n\xff\n{}" } else { b"" }].concat();
        let mut lines = EventLines::new(&body, "v");
        let mut read = Batch::of(0);
        while !lines.is_done() {
            let batch = lines.read(most);
            prop_assert!(damaged || batch.payloads.len() == most || lines.is_done());
            prop_assert!(damaged || batch.payloads.len() <= most);
            read.payloads.extend(batch.payloads);
            read.lines.extend(batch.lines);
            read.refused.extend(batch.refused);
        }
        prop_assert_eq!(read, parse_event_lines(&body, "v"));
    }
}

#[test]
fn a_bad_element_of_an_array_is_passed_over_if_it_is_json() {
    assert_eq!(
        lines(r#"[{"event":"v"},{"a":[[{}]]},3,{"event":"v"}]"#),
        (Form::Many, vec![1, 4], vec![(2, Code::WrongType), (3, Code::InvalidJson)])
    );
    for body in [r#"[{"event":"v"},{"event":]"#, r#"[{"event":"v"}"#, r#"[{"event":"v"}]x"#, r#"[{"event":"v"},]"#] {
        assert_eq!(parse_events(body.as_bytes()).unwrap_err().code, Code::InvalidJson, "{body}");
    }
}

#[test]
fn calls_are_bounded() {
    let line = "{\"event\":\"v\"}\n";
    assert!(parse_events(line.repeat(limits::EVENTS_PER_CALL_MAX).as_bytes()).is_ok());
    for over in [line.repeat(limits::EVENTS_PER_CALL_MAX + 1), "x\n".repeat(limits::EVENTS_PER_CALL_MAX + 1)] {
        assert_eq!(parse_events(over.as_bytes()).unwrap_err().code, Code::TooMany);
    }
    let array = format!("[{}0]", "0,".repeat(limits::EVENTS_PER_CALL_MAX));
    assert_eq!(parse_events(array.as_bytes()).unwrap_err().code, Code::TooMany);
}
