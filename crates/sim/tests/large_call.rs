//! A call that is all or nothing is so even where the journal cuts it into several groups: over 4 MiB of payload.

use domain::{Field, Payload, Raw, Upsert};
use engine::{Clock, Config, Core, LogFile};
use journal::Options;
use sim::disk::Storage;
use sim::{Rng, Spec};
use std::sync::atomic::AtomicI64;

fn large(number: u64) -> Payload<'static> {
    let country = Raw::Str("x".repeat(4_000).into());
    let fields = vec![Field { name: "country".into(), value: country }];
    Payload::Upsert(Upsert { entity: "user".into(), key: format!("u{number}").into(), fields })
}

#[test]
fn a_large_call_is_whole_or_absent() {
    let call: Vec<_> = (0..2_300).map(large).collect();
    let (mut absent, mut whole) = (0, 0);
    for seed in 0..24 {
        let storage = Storage::new(Rng::new(seed));
        let config = Config::new(Clock::Manual(AtomicI64::new(1)));
        let options = Options { segment_bytes: 32 << 20, ..Options::default() };
        let (core, _) = Core::open(storage.process(), options, Spec::First.plan(), config, &mut |_, _| ()).unwrap();
        core.sync().unwrap();
        let before = core.status().durable.0;
        core.submit(&call, true).unwrap();
        let sync = storage.ops() + 2;
        storage.with_faults(|faults| faults.crash_at = Some(sync));
        core.sync().unwrap_err();
        drop(core);
        storage.power_cut();
        let last = LogFile::open(storage.process(), options).unwrap().last.0;
        assert!(last == before || last == before + 2_300, "seed {seed}: {} of 2300 records", last - before);
        if last == before { absent += 1 } else { whole += 1 }
    }
    assert!(absent > 0 && whole > 0, "{absent} absent, {whole} whole");
}
