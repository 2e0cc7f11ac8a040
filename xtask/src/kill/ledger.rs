//! A ledger behind an HTTP sink: it takes each key once, whatever happens to its answers.

use anyhow::{Context, Result};
use sim::Rng;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What came under a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The first body, which counts.
    pub(super) body: String,
    /// How often it came and was written down.
    pub(super) came: u64,
    /// How often with another body.
    pub(super) differing: u64,
}

/// Listens until it is dropped.
pub(super) struct Ledger {
    pub(super) address: SocketAddr,
    book: Arc<Book>,
}

struct Book {
    entries: Mutex<BTreeMap<String, Entry>>,
    rng: Mutex<Rng>,
    /// Whether it goes wrong now and then.
    moody: AtomicBool,
    over: AtomicBool,
}

/// What a ledger does with a request.
enum Does {
    Takes,
    /// And says nothing, or too late.
    TakesSilently,
    TakesLate,
    /// Does not write it down.
    Fails,
    Closes,
    AsksForTime,
}

impl Ledger {
    pub(super) fn open(rng: Rng) -> Result<Ledger> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for outcomes")?;
        let address = listener.local_addr()?;
        let book = Arc::new(Book {
            entries: Mutex::default(),
            rng: Mutex::new(rng),
            moody: AtomicBool::new(true),
            over: AtomicBool::new(false),
        });
        let own = book.clone();
        thread::spawn(move || {
            for tcp in listener.incoming() {
                if own.over.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(tcp), book) = (tcp, own.clone()) else { continue };
                thread::spawn(move || while book.answer(&tcp).is_some() {});
            }
        });
        Ok(Ledger { address, book })
    }

    /// From now on it takes everything at once.
    pub(super) fn calm(&self) {
        self.book.moody.store(false, Ordering::Release);
    }

    pub(super) fn entries(&self) -> BTreeMap<String, Entry> {
        self.book.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.book.over.store(true, Ordering::Release);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address);
    }
}

impl Book {
    /// One request; none if there are no more on this connection.
    fn answer(&self, mut tcp: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(tcp);
        let (mut line, mut length, mut key) = (String::new(), 0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                None if line.trim_end().is_empty() => break,
                None => {}
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
                Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => value.clone_into(&mut key),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let does = self.mood();
        if matches!(does, Does::Takes | Does::TakesSilently | Does::TakesLate) {
            self.write_down(key, String::from_utf8_lossy(&body).into_owned());
        }
        let status = match does {
            Does::TakesSilently | Does::Closes => return None,
            Does::Takes => "204 taken",
            Does::TakesLate => {
                thread::sleep(Duration::from_millis(150));
                "200 taken"
            }
            Does::Fails => "500 no",
            Does::AsksForTime => "429 later\r\nretry-after: 0",
        };
        tcp.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()
    }

    fn mood(&self) -> Does {
        if !self.moody.load(Ordering::Acquire) {
            return Does::Takes;
        }
        match self.rng.lock().unwrap_or_else(PoisonError::into_inner).below(100) {
            0..5 => Does::TakesSilently,
            5..7 => Does::TakesLate,
            7..13 => Does::Fails,
            13..17 => Does::Closes,
            17..19 => Does::AsksForTime,
            _ => Does::Takes,
        }
    }

    fn write_down(&self, key: String, body: String) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(key).or_default();
        entry.came += 1;
        if entry.came == 1 {
            entry.body = body;
        } else if entry.body != body {
            entry.differing += 1;
        }
    }
}
