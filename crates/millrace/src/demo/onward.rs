//! How to go on after the show: the server stays, with lines to paste.

use super::place::{Place, Stop};
use super::screen::Screen;
use super::stand::Stand;
use anyhow::Result;
use engine::Plan;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What the lines to paste name.
pub(super) struct Names<'a> {
    pub(super) feed: &'a str,
    pub(super) event: &'a str,
    pub(super) user: &'a str,
    pub(super) item: &'a str,
}

/// Serves the directory of the last run in real time until the user stops it. `caught` is a decision on a payment.
pub(super) fn serve(
    dir: &Path,
    plan: &Arc<Plan>,
    bind: SocketAddr,
    names: &Names<'_>,
    caught: Option<&str>,
    stop: &Stop,
    screen: &Screen,
) -> Result<()> {
    if stop.told() {
        return Ok(());
    }
    let stand = Stand::open(dir, plan, bind)?;
    let address = stand.address();
    let Names { feed, event, user, item } = names;
    screen.line(&format!(
        "\nthe same log, opened again in real time: http://{address}   (Ctrl-C stops it). To paste,\n\
         with curl 7.82 or newer (a replay answers 202 while it is computed: ask again):\n"
    ));
    screen.line(&format!(
        "  curl -s {address}/v1/events --json '{{\"event\":\"{event}\",\"user\":\"{user}\",\"item\":\"{item}\"}}'; echo\n\
         \x20 curl -s {address}/v1/feeds/{feed} --json '{{\"user\":\"{user}\",\"count\":5}}' | tee slate.json; echo\n\
         \x20 D=$(sed 's/.*\"decision\":\"\\([^\"]*\\)\".*/\\1/' slate.json)\n\
         \x20 I=$(sed 's/.*\"items\":\\[{{\"item\":\"\\([^\"]*\\)\".*/\\1/' slate.json)\n\
         \x20 curl -s {address}/v1/events --json \\\n\
         \x20      '{{\"event\":\"impression\",\"user\":\"{user}\",\"item\":\"'\"$I\"'\",\"decision\":\"'\"$D\"'\",\"place\":1}}'; echo\n\
         \x20 curl -s -H 'accept: text/plain' {address}/v1/decisions/$D/explain\n\
         \x20 curl -s {address}/v1/decisions/$D/replay; echo\n\
         \x20 curl -s {address}/v1/entities/user/{user}; echo\n\
         \x20 curl -s {address}/metrics"
    ));
    if let Some(caught) = caught {
        screen.line(&format!(
            "a payment (its decision's id is in the answer), and the one above:\n\n\
             \x20 curl -s '{address}/v1/decisions/payment?facts=true' \\\n\
             \x20      --json '{{\"user\":\"{user}\",\"device\":\"another-phone\",\"amount\":250}}'; echo\n\
             \x20 curl -s -H 'accept: text/plain' {address}/v1/decisions/{caught}/explain"
        ));
    }
    while !stop.told() {
        thread::sleep(Duration::from_millis(50));
    }
    stand.stop();
    Ok(())
}

/// Says what to type next.
pub(super) fn say(command: &str, place: &Place, screen: &Screen) {
    screen.line(&format!("\nto try it yourself (curl lines included): {command} --serve"));
    screen.line("your own shop: millrace check my.yaml, then millrace serve --spec my.yaml --dir data");
    if place.is_temporary() {
        screen.line(&format!("{} is removed now", place.path().display()));
    } else {
        screen.line(&format!("the data stays in {}", place.path().display()));
    }
}
