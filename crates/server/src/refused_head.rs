//! Heads that hyper refuses itself get its bare status line and no body. This finds such an answer among the bytes that go out and
//! puts ours in its place: the same status, with the one shape of errors.

use crate::reply::{JSON, status_of};
use domain::{Code, Refusal};

/// What follows the status line in an answer that hyper makes itself.
const BARE: &[u8] = b"\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";
/// Length of a date in HTTP, with the empty line after it.
const DATE: usize = 29 + 4;

/// Our answer instead of these bytes, and its code, if they are exactly one bare refusal. No answer of our own has this form: each has a content
/// type before its length.
pub(crate) fn instead_of(bytes: &[u8]) -> Option<(Code, Vec<u8>)> {
    // The common case is told by its first bytes.
    let line = bytes.strip_prefix(b"HTTP/1.")?.get(2..)?;
    let code = match line.get(..3)? {
        b"400" => Code::MalformedRequest,
        b"414" => Code::PathTooLong,
        b"431" => Code::HeadTooLarge,
        _ => return None,
    };
    let line_end = bytes.iter().position(|byte| *byte == b'\r')?;
    let date = bytes[line_end..].strip_prefix(BARE)?;
    if date.len() != DATE || !date.ends_with(b"\r\n\r\n") {
        return None;
    }
    let mut body = Vec::new();
    wire::write_error(&mut body, &Refusal::new(code, "", sentence(code)));
    let status = status_of(code);
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\ncache-control: no-store\r\ndate: ",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(date);
    answer.extend_from_slice(&body);
    Some((code, answer))
}

fn sentence(code: Code) -> &'static str {
    match code {
        Code::PathTooLong => "the path is longer than 65534 bytes; the calls are listed in the API guide",
        Code::HeadTooLarge => "the request line and headers are too large or too many; send fewer headers",
        _ => {
            "this is no HTTP/1.1 request: the request line, a header or the framing is wrong; the connection is closed"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATED: &str = "date: Sat, 21 Nov 2026 10:00:00 GMT\r\n\r\n";

    #[test]
    fn only_bare_refusals_are_replaced() {
        for (status, code) in [
            ("400 Bad Request", "malformed_request"),
            ("414 URI Too Long", "path_too_long"),
            ("431 Request Header Fields Too Large", "head_too_large"),
        ] {
            let bare = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{DATED}");
            let (found, answer) = instead_of(bare.as_bytes()).expect("it is bare");
            let answer = String::from_utf8(answer).expect("text");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
            assert_eq!(found.as_str(), code);
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")) && body.contains(code), "{answer}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
            for other in [format!("{bare}x"), format!("x{bare}"), bare.replace("length: 0", "length: 1")] {
                assert!(instead_of(other.as_bytes()).is_none(), "{other}");
            }
            assert!((0..bare.len()).all(|end| instead_of(&bare.as_bytes()[..end]).is_none()));
        }
        let ours =
            format!("HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 0\r\n{DATED}");
        assert!(instead_of(ours.as_bytes()).is_none());
    }
}
