//! A sink that listens: it answers as it is told to, and keeps what came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What came: the key, the body, and the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) key: String,
    pub(crate) body: String,
    pub(crate) authorization: Option<String>,
}

/// How a request is answered.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    /// With `Retry-After` in seconds.
    Later(u16, u64),
    /// The connection stays open and nothing is said.
    Nothing,
    /// The connection is closed.
    Closed,
}

type Behaviour = Box<dyn FnMut(&Came) -> Answer + Send>;

pub(crate) struct Ledger {
    pub(crate) address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    behaviour: Arc<Mutex<Behaviour>>,
    over: Arc<AtomicBool>,
}

impl Ledger {
    pub(crate) fn open(behaviour: impl FnMut(&Came) -> Answer + Send + 'static) -> Ledger {
        Ledger::at(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour)
    }

    pub(crate) fn at(address: SocketAddr, behaviour: impl FnMut(&Came) -> Answer + Send + 'static) -> Ledger {
        let listener = TcpListener::bind(address).expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let ledger = Ledger {
            address,
            came: Arc::default(),
            behaviour: Arc::new(Mutex::new(Box::new(behaviour))),
            over: Arc::default(),
        };
        let (came, behaviour, over) = (ledger.came.clone(), ledger.behaviour.clone(), ledger.over.clone());
        thread::spawn(move || {
            for tcp in listener.incoming() {
                let (came, behaviour, over) = (came.clone(), behaviour.clone(), over.clone());
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(tcp) = tcp else { continue };
                thread::spawn(move || while answer(&tcp, &came, &behaviour, &over).is_some() {});
            }
        });
        ledger
    }

    pub(crate) fn behave(&self, behaviour: impl FnMut(&Came) -> Answer + Send + 'static) {
        *self.behaviour.lock().expect("no test has panicked with it") = Box::new(behaviour);
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().expect("no test has panicked with it").clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Came> {
        let end = Instant::now() + Duration::from_secs(20);
        while self.came().len() < count {
            assert!(Instant::now() < end, "{} of {count} came", self.came().len());
            thread::sleep(Duration::from_millis(5));
        }
        self.came()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread that listens, so that the port is free again.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request; none if there are no more on this connection.
fn answer(mut tcp: &TcpStream, came: &Mutex<Vec<Came>>, behaviour: &Mutex<Behaviour>, over: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(tcp);
    let (mut line, mut length, mut key, mut authorization) = (String::new(), 0, String::new(), None);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            if line.trim_end().is_empty() {
                break;
            }
            assert!(line.starts_with("POST /in HTTP/1.1"), "{line}");
            continue;
        };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse().expect("a number"),
            ("idempotency-key", value) => key = value.to_owned(),
            ("authorization", value) => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = Came { key, body: String::from_utf8(body).expect("text"), authorization };
    let answer = behaviour.lock().expect("no test has panicked with it")(&request);
    came.lock().expect("no test has panicked with it").push(request);
    let (status, more) = match answer {
        Answer::Status(status) => (status, String::new()),
        Answer::Later(status, seconds) => (status, format!("retry-after: {seconds}\r\n")),
        Answer::Closed => return None,
        Answer::Nothing => {
            while !over.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(10));
            }
            return None;
        }
    };
    tcp.write_all(format!("HTTP/1.1 {status} said\r\ncontent-length: 2\r\n{more}\r\nok").as_bytes()).ok()
}
