use super::*;
use journal::{Disk, DiskFile};

fn disk(seed: u64) -> Storage {
    Storage::new(Rng::new(seed))
}

#[test]
fn only_what_is_synced_is_sure_to_stay() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..200 {
        let storage = disk(seed);
        let process = storage.process();
        let file = process.create("a", 2_048).unwrap();
        file.write_at(0, &[1; 600]).unwrap();
        file.sync().unwrap();
        process.sync_dir().unwrap();
        file.write_at(600, &[2; 1_000]).unwrap();
        storage.power_cut();
        assert!(file.len().is_err(), "the process is gone");
        let file = storage.process().open("a").unwrap();
        let mut bytes = [0; 2_048];
        assert_eq!(file.read_at(0, &mut bytes).unwrap(), 2_048);
        assert!(bytes[..600].iter().all(|&byte| byte == 1));
        for sector in [&bytes[600..1_024], &bytes[1_024..1_536], &bytes[1_536..1_600]] {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole or absent");
            if sector[0] == 2 { kept += 1 } else { lost += 1 }
        }
    }
    assert!(kept > 100 && lost > 100, "{kept} kept, {lost} lost");
}

#[test]
fn a_failed_sync_drops_pages_and_calls_them_clean() {
    let mut dropped = 0;
    for seed in 0..100 {
        let storage = disk(seed);
        let process = storage.process();
        let file = process.create("a", 512).unwrap();
        file.sync().unwrap();
        process.sync_dir().unwrap();
        file.write_at(0, &[1; 512]).unwrap();
        storage.set_faults(Faults { sync_eio: 1_000_000, ..Faults::default() });
        assert!(file.sync().is_err());
        storage.set_faults(Faults::default());
        file.sync().unwrap();
        let mut byte = [0];
        file.read_at(0, &mut byte).unwrap();
        assert_eq!(byte, [1], "the cache still shows it");
        storage.power_cut();
        storage.process().open("a").unwrap().read_at(0, &mut byte).unwrap();
        dropped += u64::from(byte == [0]);
    }
    assert!(dropped > 10, "{dropped}");
}

#[test]
fn names_need_the_directory_synced() {
    let gone = (0..100).filter(|&seed| {
        let storage = disk(seed);
        let file = storage.process().create("a", 1).unwrap();
        file.sync().unwrap();
        storage.power_cut();
        storage.files().is_empty()
    });
    assert!(gone.count() > 10);
}

#[test]
fn one_process_holds_the_lock() {
    let storage = disk(1);
    let first = storage.process();
    assert!(first.lock().unwrap() && first.lock().unwrap());
    drop(first);
    let second = storage.process();
    assert!(second.lock().unwrap());
    storage.kill();
    assert!(second.lock().is_err(), "a killed process does nothing more");
    assert!(storage.process().lock().unwrap());
}

#[test]
fn space_runs_out_and_comes_back() {
    let storage = disk(1);
    storage.set_faults(Faults { space: Some(100), ..Faults::default() });
    let process = storage.process();
    let file = process.create("a", 60).unwrap();
    assert_eq!(process.create("b", 60).err().unwrap().kind(), io::ErrorKind::StorageFull);
    assert!(file.write_at(60, &[1; 41]).is_err());
    file.write_at(60, &[1; 40]).unwrap();
    storage.set_faults(Faults::default());
    file.write_at(100, &[1; 1]).unwrap();
}
