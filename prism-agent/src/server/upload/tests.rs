//! What holds of an asset when threads, the disk and the order of its parts are as bad as they get.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use tempfile::TempDir;

use super::crew::Crew;
use super::hashing::{Piece, hash};
use super::holding::{Ended, Holding};
use crate::server::room::Room;

const SIZE: usize = 3 << 20;
const FRAME: usize = 10_000;

fn asset() -> Bytes {
    (0..=250_u8).cycle().zip((0..=240_u8).cycle()).map(|(one, other)| one ^ other).take(SIZE).collect()
}

fn holding(dir: &TempDir) -> Arc<Holding> {
    let claim = Room::new(dir.path().to_owned(), u64::MAX).claim(SIZE as u64, 1).unwrap();
    Arc::new(Holding::create(&dir.path().join("h1"), SIZE as u64, Hasher::sha256(), claim).unwrap())
}

/// Hands in what lies between two places, frame by frame.
fn bring(crew: &Crew, from: usize, to: usize) {
    let (desk, asset) = (crew.desk(), asset());
    for at in (from..to).step_by(FRAME) {
        desk.hand_in(at as u64, &asset.slice(at..(at + FRAME).min(to))).unwrap();
    }
}

#[test]
fn an_asset_in_order_is_hashed_as_it_comes_over_any_number_of_visits_and_never_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let holding = holding(&dir);
    let mut at = 0;
    for step in [1, FRAME, 700_001, SIZE / 2, SIZE] {
        let crew = Crew::start(Arc::clone(&holding)).unwrap();
        // Each visit repeats some of what is held.
        bring(&crew, at / 2, (at + step).min(SIZE));
        crew.end();
        at = (at + step).min(SIZE);
        holding.sync().unwrap();
        assert_eq!(holding.durable().end_from(0), at as u64);
    }
    assert_eq!(holding.digest(), Some((Digest::sha256(&asset()), 0)));
}

#[test]
fn bytes_that_are_held_are_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let holding = holding(&dir);
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    bring(&crew, 0, SIZE);
    crew.desk().hand_in(5, &Bytes::from_static(&[0xFF; 1000])).unwrap();
    crew.end();
    assert_eq!(std::fs::read(&holding.path).unwrap(), asset());
    assert_eq!(holding.digest().map(|(digest, _)| digest), Some(Digest::sha256(&asset())));
}

#[test]
fn parts_that_come_backwards_or_at_once_are_hashed_in_order() {
    let cuts: Vec<usize> = (0..=8).map(|part| part * SIZE / 8).collect();
    for at_once in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let holding = holding(&dir);
        let crew = Crew::start(Arc::clone(&holding)).unwrap();
        if at_once {
            std::thread::scope(|scope| {
                cuts.windows(2).for_each(|part| drop(scope.spawn(|| bring(&crew, part[0], part[1]))));
            });
        } else {
            cuts.windows(2).rev().for_each(|part| bring(&crew, part[0], part[1]));
        }
        crew.end();
        assert!(holding.is_complete());
        assert_eq!(holding.digest().map(|(digest, _)| digest), Some(Digest::sha256(&asset())), "{at_once}");
    }
}

#[test]
fn nothing_counts_as_durable_before_it_was_synchronised() {
    let dir = tempfile::tempdir().unwrap();
    let holding = holding(&dir);
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    bring(&crew, 0, 1 << 20);
    crew.end();
    assert_eq!((holding.written_from(0), holding.durable().bytes()), (1 << 20, 0));
    holding.sync().unwrap();
    assert_eq!(holding.durable().bytes(), 1 << 20);
}

/// A file on which every write succeeds and no synchronisation does.
fn unsynchronisable() -> File {
    OpenOptions::new().read(true).write(true).open("/dev/zero").unwrap()
}

#[test]
fn what_a_failing_synchronisation_loses_is_not_held_and_the_digest_goes_back_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let room = Room::new(dir.path().to_owned(), u64::MAX);
    let (claim, path) = (room.claim(SIZE as u64, 1).unwrap(), Path::new("/dev/zero"));
    let holding = Arc::new(Holding::over(unsynchronisable(), path, SIZE as u64, (Hasher::sha256(), claim)));
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    bring(&crew, 0, SIZE);
    crew.end();
    assert!(holding.sync().is_err());
    assert!(matches!(holding.ended(), Some(Ended::Failed(_))));
    // The system has forgotten by now; we have not.
    assert!(holding.sync().is_err());
    holding.roll_back();
    assert_eq!((holding.written_from(0), holding.durable().bytes(), holding.digest()), (0, 0, None));
    assert_eq!(holding.ended(), None);
}

/// Does this on a thread for which, and for those that it starts, the kernel fails a system call as a broken disk does.
fn without<T: Send>(call: libc::c_long, work: impl FnOnce() -> T + Send) -> T {
    let (error, arch) = (SeccompAction::Errno(libc::EIO.cast_unsigned()), std::env::consts::ARCH.try_into().unwrap());
    let filter = SeccompFilter::new([(call, vec![])].into(), SeccompAction::Allow, error, arch);
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    let refused = || {
        apply_filter(&program).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(refused).join().unwrap())
}

#[test]
fn a_synchronisation_that_fails_in_the_middle_takes_back_what_came_after_the_last_that_did_not() {
    let dir = tempfile::tempdir().unwrap();
    let holding = holding(&dir);
    let first = 1 << 20;
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    bring(&crew, 0, first);
    crew.end();
    holding.sync().unwrap();
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    crew.desk().hand_in(first as u64, &Bytes::from(vec![0xEE; first])).unwrap();
    crew.end();
    without(libc::SYS_fdatasync, || assert!(holding.sync().is_err()));
    // The kernel would succeed now, without what it has lost.
    assert!(holding.sync().is_err());
    assert_eq!(holding.durable().end_from(0), first as u64);
    holding.roll_back();
    assert_eq!((holding.written_from(0), holding.ended()), (first as u64, None));
    // What the disk has in place of what it lost is not taken for it.
    holding.file.write_all_at(&vec![0xFF; first], first as u64).unwrap();
    let crew = Crew::start(Arc::clone(&holding)).unwrap();
    bring(&crew, first, SIZE);
    crew.end();
    holding.sync().unwrap();
    assert_eq!(holding.digest(), Some((Digest::sha256(&asset()), 0)));
    assert_eq!(std::fs::read(&holding.path).unwrap(), asset());
}

#[test]
fn what_was_hashed_before_a_synchronisation_is_durable_after_it_also_when_nobody_has_called_it_written_yet() {
    let (dir, asset) = (tempfile::tempdir().unwrap(), asset());
    let holding = holding(&dir);
    let (pieces, handed) = sync_channel(1);
    // A stream between handing its bytes over and saying so, while another one has the disk synchronise.
    holding.write(&asset[..FRAME], 0).unwrap();
    pieces.send(Piece { offset: 0, bytes: asset.slice(..FRAME) }).unwrap();
    drop(pieces);
    hash(&holding, &handed);
    holding.write(&asset[2 * FRAME..3 * FRAME], 2 * FRAME as u64).unwrap();
    holding.wrote(2 * FRAME as u64..3 * FRAME as u64);
    holding.sync().unwrap();
    holding.end(Ended::Failed(std::io::ErrorKind::Other));
    holding.roll_back();
    assert_eq!(holding.tally().frontier(), FRAME as u64);
    assert_eq!(holding.missing(0..FRAME as u64), [], "other bytes could take the place of those that were hashed");
}

#[test]
fn what_cannot_be_read_back_is_not_in_the_digest_and_ends_the_asset() {
    let dir = tempfile::tempdir().unwrap();
    let holding = holding(&dir);
    without(libc::SYS_pread64, || {
        let crew = Crew::start(Arc::clone(&holding)).unwrap();
        bring(&crew, SIZE / 2, SIZE);
        bring(&crew, 0, SIZE / 2);
        crew.end();
    });
    assert!(matches!(holding.ended(), Some(Ended::Unreadable(_))));
    assert!(holding.sync().is_err(), "it counts as durable");
    assert_eq!(holding.digest(), None);
}

#[test]
fn a_full_disk_is_another_code_than_a_failing_one() {
    let error = |kind| super::UploadError::Disk(std::io::Error::from(kind)).code();
    assert_eq!(error(std::io::ErrorKind::StorageFull), Code::AgentFull);
    assert_eq!(error(std::io::ErrorKind::ReadOnlyFilesystem), Code::FileIo);
}
