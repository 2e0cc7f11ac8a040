//! The observer: how soon does what one user did count in an answer for another?

use super::run::parking::Acknowledged;
use super::run::{Run, ask};
use anyhow::Result;
use std::thread;
use std::time::Duration;

/// Pause between two measurements, so that the observer is a small part of the load.
const PAUSE: Duration = Duration::from_millis(25);

/// Takes one acknowledgement after another, and asks for somebody else until the answer has it.
pub(super) fn watch(run: &Run<'_>, acknowledged: &Acknowledged) -> Result<()> {
    let mut client = run.stand.client();
    while !run.over() {
        thread::sleep(PAUSE);
        let Some((position, at)) = acknowledged.next(Duration::from_millis(100)) else { continue };
        let mut asked = 0;
        while !run.over() {
            let answer = ask(&mut client, &run.shop, "popular", "observer", 1)?;
            asked += 1;
            if answer.epoch >= position {
                run.count(|ledger| ledger.others_ms.push(at.elapsed().as_secs_f64() * 1e3));
                break;
            }
        }
        run.count(|ledger| ledger.answers += asked);
    }
    Ok(())
}
