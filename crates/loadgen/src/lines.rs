//! A call whose body is still being sent while its answer comes: lines out, lines in, over a connection of its own.

use crate::client::{Error, read_headers, read_line, read_status};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Sends the body of a call in pieces.
#[derive(Debug)]
pub struct LineSender(TcpStream);

/// Receives the answer line by line.
#[derive(Debug)]
pub struct LineReceiver {
    connection: BufReader<TcpStream>,
    status: Option<u16>,
    /// What came and was not given out yet.
    bytes: Vec<u8>,
    /// Where in it the next line begins.
    at: usize,
    ended: bool,
}

/// Begins a `POST` of lines of JSON. Each read and each write may take `timeout`.
///
/// # Errors
/// No connection, or it broke.
pub fn post_lines(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    timeout: Duration,
) -> Result<(LineSender, LineReceiver), Error> {
    let mut stream = TcpStream::connect_timeout(&address, timeout).map_err(Error::Connect)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{token}content-type: application/x-ndjson\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let connection = BufReader::with_capacity(256 << 10, stream.try_clone()?);
    Ok((LineSender(stream), LineReceiver { connection, status: None, bytes: Vec::new(), at: 0, ended: false }))
}

impl LineSender {
    /// Sends some of the body at once.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            // An empty chunk would end the body.
            return Ok(());
        }
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        Ok(self.0.write_all(&chunk)?)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The connection broke.
    pub fn finish(mut self) -> Result<(), Error> {
        Ok(self.0.write_all(b"0\r\n\r\n")?)
    }

    /// Cuts the connection off in the middle of the body.
    pub fn cut(self) {
        // Who cuts it off does not mind if it is cut off already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl LineReceiver {
    /// The status; waits until it has come.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn status(&mut self) -> Result<u16, Error> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let status = read_status(&mut self.connection)?;
        let headers = read_headers(&mut self.connection)?;
        if status == 100 {
            return self.status();
        }
        self.status = Some(status);
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if header("transfer-encoding") != Some("chunked") {
            // A refusal, whole.
            let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            self.connection.by_ref().take(length).read_to_end(&mut self.bytes)?;
            self.ended = true;
        }
        Ok(status)
    }

    /// The next line without its end; none after the last.
    ///
    /// # Errors
    /// See [`Error`]; above all an answer that was cut off.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, Error> {
        let mut searched = self.at;
        let end = loop {
            if let Some(end) = self.bytes[searched..].iter().position(|&byte| byte == b'\n') {
                break searched + end;
            }
            searched = self.bytes.len();
            self.status()?;
            if self.ended {
                break searched;
            }
            searched -= self.at;
            self.bytes.drain(..self.at);
            self.at = 0;
            self.read_chunk()?;
        };
        let start = std::mem::replace(&mut self.at, (end + 1).min(self.bytes.len()));
        Ok((start < end).then(|| &self.bytes[start..end]))
    }

    /// Takes what came next whole, however many lines it is, and returns how many ended in it; none after the last.
    ///
    /// # Errors
    /// As [`LineReceiver::next_line`].
    pub fn skip_lines(&mut self) -> Result<Option<usize>, Error> {
        self.status()?;
        if self.ended {
            return Ok(None);
        }
        self.bytes.clear();
        self.at = 0;
        self.read_chunk()?;
        Ok(Some(self.bytes.iter().filter(|&&byte| byte == b'\n').count()))
    }

    fn read_chunk(&mut self) -> Result<(), Error> {
        let line = read_line(&mut self.connection)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16);
        let size = size.map_err(|_| Error::Malformed("the size of a chunk"))?;
        if size == 0 {
            read_headers(&mut self.connection)?;
            self.ended = true;
            return Ok(());
        }
        let start = self.bytes.len();
        self.bytes.resize(start + size, 0);
        self.connection.read_exact(&mut self.bytes[start..])?;
        read_line(&mut self.connection).map(drop)
    }
}
