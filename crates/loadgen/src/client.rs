//! The client: a request out, a response in, on a connection that is kept while both sides agree.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Largest body read from a server, in bytes.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// Longest line of a response's head, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Most headers of a response.
const HEADERS_MAX: usize = 100;

/// Why there is no response. Whether the server did what it was asked is not known then.
#[derive(Debug)]
pub enum Error {
    /// No connection was made: nothing was sent.
    Connect(io::Error),
    /// The connection broke or took too long.
    Broken(io::Error),
    /// What came is not HTTP/1.1 as this client reads it.
    Malformed(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Connect(error) => write!(f, "no connection: {error}"),
            Error::Broken(error) => write!(f, "the connection broke: {error}"),
            Error::Malformed(what) => write!(f, "not a response of HTTP/1.1: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Broken(error)
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names (in lower case) and values, in the server's order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client of one server. Connects when first used, and again after the connection ended; never repeats a request.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    timeout: Duration,
    token: Option<String>,
    connection: Option<BufReader<TcpStream>>,
    head: Vec<u8>,
}

impl Client {
    /// A client of this address. Each read and each write may take `timeout`.
    pub fn new(address: SocketAddr, timeout: Duration) -> Client {
        Client { address, timeout, token: None, connection: None, head: Vec::new() }
    }

    /// The same, with a bearer token in every request.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Client {
        self.token = Some(token.into());
        self
    }

    /// `GET path`.
    ///
    /// # Errors
    /// See [`Error`]; any status is a response and no error.
    pub fn get(&mut self, path: &str) -> Result<Response, Error> {
        self.request("GET", path, &[], None)
    }

    /// `POST path` with a JSON or NDJSON body.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<Response, Error> {
        self.request("POST", path, &[], Some(body))
    }

    /// `PUT path` with a JSON body.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn put(&mut self, path: &str, body: &[u8]) -> Result<Response, Error> {
        self.request("PUT", path, &[], Some(body))
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete(&mut self, path: &str) -> Result<Response, Error> {
        self.request("DELETE", path, &[], None)
    }

    /// Any request. A body is sent as `application/json` unless `headers` names a content type (in lower case).
    ///
    /// # Errors
    /// See [`Error`]. After any of them the next request makes a new connection.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Response, Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        self.write_head(method, path, headers, body);
        let stream = connection.get_mut();
        // A server may refuse a request before it has read the body and close: its answer counts, not our broken pipe.
        let sent = stream.write_all(&self.head).and_then(|()| stream.write_all(body.unwrap_or_default()));
        match read_response(&mut connection, method) {
            Ok((response, keep)) => {
                self.connection = (keep && sent.is_ok()).then_some(connection);
                Ok(response)
            }
            Err(error) => Err(sent.err().map_or(error, Error::Broken)),
        }
    }

    fn connect(&self) -> Result<BufReader<TcpStream>, Error> {
        let stream = TcpStream::connect_timeout(&self.address, self.timeout).map_err(Error::Connect)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(BufReader::with_capacity(64 << 10, stream))
    }

    fn write_head(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) {
        self.head.clear();
        let mut line = |text: fmt::Arguments<'_>| {
            // Writing to memory cannot fail.
            let _ = self.head.write_fmt(text);
        };
        line(format_args!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address));
        if let Some(token) = &self.token {
            line(format_args!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            line(format_args!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                line(format_args!("content-type: application/json\r\n"));
            }
            line(format_args!("content-length: {}\r\n", body.len()));
        }
        line(format_args!("\r\n"));
    }
}

/// Reads a response, and whether the connection can carry another.
fn read_response(connection: &mut BufReader<TcpStream>, method: &str) -> Result<(Response, bool), Error> {
    let (status, headers) = loop {
        let status = read_status(connection)?;
        let headers = read_headers(connection)?;
        if status != 100 {
            break (status, headers);
        }
    };
    let mut response = Response { status, headers, body: Vec::new() };
    let says = |name: &str, word: &str| response.header(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
    let mut keep = !says("connection", "close");
    let chunked = says("transfer-encoding", "chunked");
    let announced = response.header("content-length").map(|length| length.parse::<u64>());
    if method == "HEAD" || matches!(status, 204 | 304) {
        return Ok((response, keep));
    }
    match announced {
        _ if chunked => read_chunks(connection, &mut response.body)?,
        Some(Ok(length)) if length <= BODY_BYTES_MAX => {
            response.body.resize(length as usize, 0);
            connection.read_exact(&mut response.body)?;
        }
        Some(_) => return Err(Error::Malformed("the content-length")),
        None => {
            keep = false;
            connection.take(BODY_BYTES_MAX).read_to_end(&mut response.body)?;
        }
    }
    Ok((response, keep))
}

pub(crate) fn read_status(connection: &mut BufReader<TcpStream>) -> Result<u16, Error> {
    let line = read_line(connection)?;
    let mut words = line.split(' ');
    let version = words.next().unwrap_or("");
    let status = words.next().and_then(|status| status.parse().ok());
    match status {
        Some(status) if version.starts_with("HTTP/1.") => Ok(status),
        _ => Err(Error::Malformed("the status line")),
    }
}

pub(crate) fn read_headers(connection: &mut BufReader<TcpStream>) -> Result<Vec<(String, String)>, Error> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or(Error::Malformed("a header without a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        if headers.len() > HEADERS_MAX {
            return Err(Error::Malformed("too many headers"));
        }
    }
}

fn read_chunks(connection: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<(), Error> {
    loop {
        let line = read_line(connection)?;
        let size = u64::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16);
        let size = size.map_err(|_| Error::Malformed("the size of a chunk"))?;
        if size == 0 {
            read_headers(connection)?;
            return Ok(());
        }
        if body.len() as u64 + size > BODY_BYTES_MAX {
            return Err(Error::Malformed("the body is too large"));
        }
        let start = body.len();
        body.resize(start + size as usize, 0);
        connection.read_exact(&mut body[start..])?;
        read_line(connection)?;
    }
}

pub(crate) fn read_line(connection: &mut BufReader<TcpStream>) -> Result<String, Error> {
    let mut line = Vec::new();
    connection.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(Error::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| Error::Malformed("a head that is not text"))
}
