//! One attempt: a request to the sink, and what its answer means. Connections are kept for the next one.

use super::desk::Failure;
use super::lookup::Lookup;
use engine::SinkUrl;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Most bytes of an answer that are read so that its connection can be kept.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The longest that a sink may want to be left alone.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// How a sink is reached.
pub(super) struct Post {
    authority: String,
    url: SinkUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    lookup: Lookup,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Post {
    pub(super) fn new(url: SinkUrl, authorization: Option<HeaderValue>, timeout: Duration) -> Arc<Post> {
        let lookup = Lookup::of(&url.host, url.port);
        Arc::new(Post { authority: url.authority(), url, authorization, timeout, lookup, idle: Mutex::default() })
    }

    /// Sends a body under its key; an error says what to do next.
    pub(super) async fn send(&self, key: &str, body: Bytes) -> Result<(), Failure> {
        match timeout(self.timeout, self.attempt(key, body)).await {
            Ok(done) => done,
            Err(_) => Err(passing(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    async fn attempt(&self, key: &str, body: Bytes) -> Result<(), Failure> {
        let kept = self.idle.lock().pop();
        if let Some(mut connection) = kept
            && connection.ready().await.is_ok()
        {
            match connection.send_request(self.request(key, body.clone())?).await {
                Ok(response) => return self.answered(connection, response).await,
                // The sink may have closed it while nothing was sent; whether it took this is not known, and it may come twice.
                Err(error) if error.is_canceled() || error.is_incomplete_message() || error.is_closed() => {}
                Err(error) => return Err(passing(format!("the connection broke: {error}"))),
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(self.request(key, body)?).await;
        let response = response.map_err(|error| passing(format!("the connection broke: {error}")))?;
        self.answered(connection, response).await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let refused = |error: &dyn std::fmt::Display| passing(format!("no connection to {}: {error}", self.authority));
        let addresses = self.lookup.addresses().await.map_err(|error| refused(&error))?;
        let tcp = TcpStream::connect(&*addresses).await.map_err(|error| refused(&error))?;
        // Requests are written whole. A socket that refuses the option works too.
        let _ = tcp.set_nodelay(true);
        let (send, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(|error| refused(&error))?;
        // It ends with the connection; how that ends is told to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(send)
    }

    fn request(&self, key: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.url.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", key);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::new(body)).map_err(|error| passing(format!("the url cannot be asked for: {error}")))
    }

    async fn answered(
        &self,
        connection: SendRequest<Full<Bytes>>,
        response: Response<Incoming>,
    ) -> Result<(), Failure> {
        let (head, body) = response.into_parts();
        let pause = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        if read_out(body).await {
            self.idle.lock().push(connection);
        }
        if head.status.is_success() {
            return Ok(());
        }
        let pause = pause.map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
        let why = if head.status.is_redirection() {
            format!("it answered {}: redirections are not followed", head.status)
        } else {
            format!("it answered {}", head.status)
        };
        Err(Failure { why, for_good: says_never(head.status), pause })
    }
}

/// Whether it was read to its end.
async fn read_out(mut body: Incoming) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => return false,
        }
        if read > ANSWER_BYTES_MAX {
            return false;
        }
    }
    true
}

/// Whether a status speaks of this very body, so that the same would be said of it again. What may be the sink's configuration
/// (401, 403, 404) or its state passes.
fn says_never(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

fn passing(why: String) -> Failure {
    Failure { why, for_good: false, pause: None }
}
