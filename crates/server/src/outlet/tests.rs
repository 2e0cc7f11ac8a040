//! Replies that wait for each other: none is lost, mixed up or late.

use super::{Outlet, REPLIES_MAX, REPLY_BYTES_MAX};
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, Read};
use std::net::{self, TcpListener};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::yield_now;

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

/// A connection's outlet, which the system lets write, and its client.
async fn connected() -> (Outlet, net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (tcp, _) = listener.accept().expect("the connection");
    tcp.set_nonblocking(true).expect("a socket");
    client.set_nonblocking(true).expect("a socket");
    let tcp = TcpStream::from_std(tcp).expect("a socket");
    tcp.writable().await.expect("a socket");
    (Outlet::new(tcp), client)
}

/// A reply in two parts, as HTTP gives it.
fn reply(outlet: &Outlet, context: &mut Context<'_>, head: &str, body: &str) {
    let slices = [IoSlice::new(head.as_bytes()), IoSlice::new(body.as_bytes())];
    assert_eq!(outlet.keep(&slices), Some(head.len() + body.len()));
    assert!(outlet.poll_flush(context).is_ready());
}

/// What has come so far.
fn came(client: &mut net::TcpStream) -> String {
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
        _ => String::from_utf8(bytes).expect("text"),
    }
}

#[test]
fn replies_wait_for_what_is_ready_and_no_longer() {
    run(async {
        let (first, mut of_first) = connected().await;
        let (second, mut of_second) = connected().await;
        poll_fn(|context| {
            reply(&first, context, "a", "1");
            reply(&second, context, "b", "2");
            reply(&first, context, "c", "3");
            Poll::Ready(())
        })
        .await;
        assert_eq!((came(&mut of_first), came(&mut of_second)), (String::new(), String::new()));
        yield_now().await;
        assert_eq!((came(&mut of_first), came(&mut of_second)), ("a1c3".to_owned(), "b2".to_owned()));
        poll_fn(|context| {
            reply(&first, context, "d", "4");
            Poll::Ready(())
        })
        .await;
        yield_now().await;
        assert_eq!(came(&mut of_first), "d4");
    });
}

#[test]
fn only_so_many_wait() {
    run(async {
        let mut all = Vec::new();
        for _ in 0..REPLIES_MAX {
            all.push(connected().await);
        }
        poll_fn(|context| {
            all.iter().for_each(|(outlet, _)| reply(outlet, context, "a", "b"));
            Poll::Ready(())
        })
        .await;
        assert!(all.iter_mut().all(|(_, client)| came(client) == "ab"), "with the last of them all are written");
    });
}

#[test]
fn a_connection_that_ends_has_replied() {
    run(async {
        let (outlet, mut client) = connected().await;
        poll_fn(|context| {
            reply(&outlet, context, "a", "b");
            Poll::Ready(())
        })
        .await;
        drop(outlet);
        assert_eq!(came(&mut client), "ab");
    });
}

#[test]
fn what_the_system_does_not_take_comes_later_and_in_order() {
    run(async {
        let (outlet, mut client) = connected().await;
        let body = |number: usize| format!("{number:07}.").repeat(REPLY_BYTES_MAX / 8);
        // Until nothing more is taken: the client does not read.
        let mut sent = 0;
        while sent < 10_000 && outlet.keep(&[IoSlice::new(body(sent).as_bytes())]).is_some() {
            sent += 1;
            let waits = poll_fn(|context| Poll::Ready(outlet.poll_flush(context).is_pending())).await;
            yield_now().await;
            if waits {
                break;
            }
        }
        assert!(sent < 10_000, "the system takes no end of bytes");
        client.set_nonblocking(false).expect("a socket");
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            client.read_to_string(&mut text).map(|_| text)
        });
        let flushed = poll_fn(|context| outlet.poll_flush(context));
        tokio::time::timeout(Duration::from_secs(60), flushed).await.expect("the client reads").expect("a connection");
        poll_fn(|context| outlet.poll_shutdown(context)).await.expect("a connection");
        drop(outlet);
        let text = reading.join().expect("no panic").expect("a connection");
        assert!(text == (0..sent).map(body).collect::<String>(), "of {sent} replies something is lost or out of order");
    });
}
