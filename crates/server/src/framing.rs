//! Heads that say the length of their body in two ways, `Content-Length` and `Transfer-Encoding`: a proxy might believe the other
//! one, so they are refused. HTTP below reads the chunks and shows only one of the headers; this looks at the bytes as they come.

/// Looks at the lines of one head. A head that begins among bytes read before (pipelined behind a body) is not seen from its start and
/// passes: it is read as chunked, and the connection ends behind it, which RFC 9112, 6.3, allows too.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    /// How the line that is being read begins.
    start: [u8; START],
    len: usize,
    lines: usize,
    length: bool,
    encoding: bool,
    ended: bool,
}

const LENGTH: &[u8] = b"content-length:";
const ENCODING: &[u8] = b"transfer-encoding:";
const START: usize = ENCODING.len();

impl Framing {
    /// Takes the bytes that came next; those behind the head are passed over. Whether its head has ended and has both headers.
    pub(crate) fn ends_twice_framed(&mut self, mut bytes: &[u8]) -> bool {
        while !self.ended {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let line = &bytes[..end.unwrap_or(bytes.len())];
            let kept = line.len().min(START - self.len);
            self.start[self.len..self.len + kept].copy_from_slice(&line[..kept]);
            self.len += kept;
            let Some(end) = end else { return false };
            bytes = &bytes[end + 1..];
            self.end_line();
        }
        self.length && self.encoding
    }

    fn end_line(&mut self) {
        let start = &self.start[..self.len];
        let begins = |name: &[u8]| start.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        self.length |= begins(LENGTH);
        self.encoding |= begins(ENCODING);
        // Empty lines before the request line are passed over.
        let empty = matches!(start, b"" | b"\r");
        self.ended = empty && self.lines > 0;
        self.lines += usize::from(!empty);
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(head: &str, pieces: usize) -> bool {
        let mut framing = Framing::default();
        head.as_bytes().chunks(pieces).any(|piece| framing.ends_twice_framed(piece))
    }

    #[test]
    fn both_headers_are_found_in_any_order_and_cut() {
        let (length, encoding) = ("Content-Length: 5\r\n", "tRansfer-encoding:chunked\r\n");
        let head = |headers: &str| format!("\r\nPOST / HTTP/1.1\r\nhost: h\r\n{headers}\r\n0\r\n\r\n");
        for pieces in [1, 2, 3, 7, 16, 1_000] {
            for both in [format!("{length}{encoding}"), format!("{encoding}x: y\r\n{length}")] {
                assert!(twice(&head(&both), pieces), "{both} in pieces of {pieces}");
            }
            for one in [
                length.to_owned(),
                encoding.to_owned(),
                format!("{length}x-{encoding}"),
                format!("{length}x: {encoding}"),
                format!("{length}\r\n{encoding}"),
                format!("{length}transfer-encodings: x\r\n"),
            ] {
                assert!(!twice(&head(&one), pieces), "{one} in pieces of {pieces}");
            }
        }
    }
}
