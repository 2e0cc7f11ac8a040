//! Addresses of a sink's host. The system's resolver may hang for minutes and cannot be told to stop, so a name is looked up in a thread
//! of its own, one at a time per sink: whoever needs it meanwhile waits for that one, as long as an attempt may take.

use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use tokio::sync::watch;

/// What a lookup gave: addresses, or why not.
type Looked = Result<Arc<[SocketAddr]>, String>;

/// How a host is found.
pub(super) struct Lookup {
    host: String,
    port: u16,
    /// The lookup that is under way, or was last.
    running: Mutex<Option<watch::Receiver<Option<Looked>>>>,
    resolve: fn(&str, u16) -> Looked,
}

impl Lookup {
    pub(super) fn of(host: &str, port: u16) -> Lookup {
        Lookup { host: host.to_owned(), port, running: Mutex::default(), resolve }
    }

    /// Where the host is now.
    ///
    /// # Errors
    /// Why that is not known, in words.
    pub(super) async fn addresses(&self) -> Looked {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok([SocketAddr::new(address, self.port)].into());
        }
        let mut running = self.running()?;
        let ended = |_| "the lookup of its name broke off".to_owned();
        let looked = running.wait_for(Option::is_some).await.map_err(ended)?.clone();
        looked.unwrap_or_else(|| Err("the lookup of its name gave nothing".to_owned()))
    }

    /// Joins the lookup that is under way, or begins one.
    fn running(&self) -> Result<watch::Receiver<Option<Looked>>, String> {
        let mut running = self.running.lock();
        // One whose thread is gone has ended, however that was.
        if let Some(under_way) = running.as_ref().filter(|of| of.borrow().is_none() && of.has_changed().is_ok()) {
            return Ok(under_way.clone());
        }
        let (told, receiver) = watch::channel(None);
        let (host, port, resolve) = (self.host.clone(), self.port, self.resolve);
        let look = move || drop(told.send_replace(Some(resolve(&host, port))));
        thread::Builder::new().name("outbox-lookup".into()).spawn(look).map_err(|error| error.to_string())?;
        Ok(running.insert(receiver).clone())
    }
}

fn resolve(host: &str, port: u16) -> Looked {
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    if found.is_empty() { Err("its name has no address".to_owned()) } else { Ok(found.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::timeout;

    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static HANGS: AtomicBool = AtomicBool::new(true);

    fn hanging(_: &str, port: u16) -> Looked {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        while HANGS.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok([SocketAddr::from(([127, 0, 0, 1], port))].into())
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_holds_one_thread_however_often_it_is_asked() {
        let lookup = Lookup { resolve: hanging, ..Lookup::of("sink.test", 80) };
        for _ in 0..5 {
            assert!(timeout(Duration::from_millis(20), lookup.addresses()).await.is_err(), "it hangs");
        }
        assert_eq!(BEGUN.load(Ordering::SeqCst), 1);
        HANGS.store(false, Ordering::SeqCst);
        let found = lookup.addresses().await.expect("it hangs no longer");
        assert_eq!(found[0].port(), 80);
        // What was found is not kept: a name may move.
        lookup.addresses().await.expect("it is looked up again");
        assert!(BEGUN.load(Ordering::SeqCst) >= 2);
        assert_eq!(*Lookup::of("::1", 9).addresses().await.expect("an address"), ["[::1]:9".parse().expect("one")]);
    }
}
