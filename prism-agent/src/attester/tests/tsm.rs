use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::io::Errno;

use super::*;
use crate::attester::tsm::{Configfs, Files, Tsm};

/// A directory that looks as configfs-tsm would after one report, without the files that a TDX guest does not have.
pub(super) fn kernel(provider: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let entry = emulate(dir.path(), provider);
    (dir, entry)
}

pub(super) fn emulate(reports: &Path, provider: &str) -> PathBuf {
    let entry = reports.join(entry_name());
    let common: [(&str, &[u8]); 4] =
        [("provider", provider.as_bytes()), ("generation", b"3\n"), ("outblob", b"OLD"), ("inblob", b"")];
    let snp: [(&str, &[u8]); 3] = [("auxblob", b""), ("privlevel_floor", b"2\n"), ("privlevel", b"")];
    for (name, content) in common {
        put(&entry.join(name), content);
    }
    for (name, content) in snp.into_iter().filter(|_| provider.starts_with("sev_guest")) {
        put(&entry.join(name), content);
    }
    entry
}

/// Counts each write and makes the report when somebody reads it, as the kernel does: reading a pipe waits for its
/// writer. One report for each generation.
pub(super) fn answer(entry: &Path, generations: &'static [&'static str], report: Vec<u8>) -> JoinHandle<()> {
    let (pipe, generation) = (entry.join("outblob"), entry.join("generation"));
    fs::remove_file(&pipe).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    std::thread::spawn(move || {
        for (left, next) in (0..generations.len()).rev().zip(generations) {
            let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
            if left > 0 {
                // Whoever reads again gets a pipe of its own.
                fs::remove_file(&pipe).unwrap();
                rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
            }
            fs::write(&generation, next).unwrap();
            writer.write_all(&report).unwrap();
        }
    })
}

fn open(dir: &Path) -> Result<Tsm, AttesterError> {
    Tsm::open_with(dir, Box::new(Configfs), Patience::HURRIED)
}

/// Files of which some answer with errors of the system first.
#[derive(Clone, Default)]
struct Failing(Arc<Mutex<VecDeque<(&'static str, Errno)>>>);

impl Failing {
    fn new(errors: &[(&'static str, Errno)]) -> Self {
        Self(Arc::new(Mutex::new(errors.iter().copied().collect())))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn turn(&self, path: &Path) -> io::Result<()> {
        let mut errors = self.0.lock().unwrap();
        match errors.front() {
            Some((name, error)) if path.ends_with(name) => {
                let error = *error;
                errors.pop_front();
                Err(error.into())
            }
            _ => Ok(()),
        }
    }
}

impl Files for Failing {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.turn(path).and_then(|()| Configfs.read(path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.turn(path).and_then(|()| Configfs.write(path, bytes))
    }
}

#[test]
fn a_report_is_what_the_kernel_made_of_our_data() {
    let (dir, entry) = kernel("sev_guest\n");
    let tsm = open(dir.path()).unwrap();
    assert_eq!(tsm.platform(), Platform::Snp);
    fs::write(entry.join("auxblob"), b"TABLE").unwrap();
    let kernel = answer(&entry, &["4\n"], snp_report(false));
    let report = tsm.report(&data()).unwrap();
    kernel.join().unwrap();
    assert_eq!((report.evidence, report.auxiliary), (snp_report(false), b"TABLE".to_vec()));
    assert_eq!(fs::read(entry.join("inblob")).unwrap(), data().as_bytes());
}

#[test]
fn a_quote_keeps_its_padding_and_needs_no_certificate_table() {
    let (dir, entry) = kernel("tdx_guest\n");
    assert!(!entry.join("auxblob").exists());
    let tsm = open(dir.path()).unwrap();
    assert_eq!(tsm.platform(), Platform::Tdx);
    let kernel = answer(&entry, &["4\n"], tdx_quote());
    let report = tsm.report(&data()).unwrap();
    kernel.join().unwrap();
    assert_eq!((report.evidence, report.auxiliary), (tdx_quote(), Vec::new()));
}

#[test]
fn a_report_that_somebody_disturbed_is_asked_for_again() {
    let (dir, entry) = kernel("tdx_guest\n");
    let tsm = open(dir.path()).unwrap();
    // Somebody else writes during the first attempt: the generation jumps by two.
    let kernel = answer(&entry, &["5\n", "6\n"], tdx_quote());
    assert_eq!(tsm.report(&data()).unwrap().evidence, tdx_quote());
    kernel.join().unwrap();
}

#[test]
fn a_report_that_is_always_disturbed_is_never_taken() {
    // The generation never moves by one, as if our own writes were lost.
    let (dir, _) = kernel("sev_guest\n");
    assert!(matches!(open(dir.path()).unwrap().report(&data()), Err(AttesterError::Busy { attempts: 10 })));
}

#[test]
fn a_busy_kernel_is_asked_again() {
    for name in ["generation", "inblob", "outblob"] {
        let (dir, entry) = kernel("tdx_guest\n");
        let errors = Failing::new(&[(name, Errno::BUSY), (name, Errno::WOULDBLOCK), (name, Errno::INTR)]);
        let tsm = Tsm::open_with(dir.path(), Box::new(errors.clone()), Patience::HURRIED).unwrap();
        let kernel = answer(&entry, &["4\n"], tdx_quote());
        assert_eq!(tsm.report(&data()).unwrap().evidence, tdx_quote(), "{name}");
        kernel.join().unwrap();
        assert_eq!(errors.left(), 0, "{name}");
    }
}

#[test]
fn a_kernel_that_stays_busy_is_given_up() {
    let (dir, _) = kernel("tdx_guest\n");
    let errors = Failing::new(&[("outblob", Errno::BUSY); 10]);
    let tsm = Tsm::open_with(dir.path(), Box::new(errors.clone()), Patience::HURRIED).unwrap();
    assert!(matches!(tsm.report(&data()), Err(AttesterError::Busy { attempts: 10 })));
    assert_eq!(errors.left(), 0);
}

#[test]
fn other_errors_of_the_kernel_are_not_tried_again() {
    let (dir, _) = kernel("tdx_guest\n");
    let errors = Failing::new(&[("outblob", Errno::IO), ("outblob", Errno::IO)]);
    let tsm = Tsm::open_with(dir.path(), Box::new(errors.clone()), Patience::HURRIED).unwrap();
    assert!(matches!(tsm.report(&data()), Err(AttesterError::Io { step: "read", .. })));
    assert_eq!(errors.left(), 1);
}

#[test]
fn evidence_that_does_not_fit_says_so() {
    let (dir, entry) = kernel("tdx_guest\n");
    let errors = Failing::new(&[("outblob", Errno::FBIG)]);
    let tsm = Tsm::open_with(dir.path(), Box::new(errors), Patience::HURRIED).unwrap();
    assert!(matches!(tsm.report(&data()), Err(AttesterError::TooLarge { path }) if path.ends_with("outblob")));
    fs::write(entry.join("outblob"), vec![0; 64 * 1024 + 1]).unwrap();
    assert!(matches!(tsm.report(&data()), Err(AttesterError::TooLarge { path }) if path.ends_with("outblob")));
}

#[test]
fn a_privilege_level_is_written_only_when_asked_and_never_below_the_floor() {
    let (dir, entry) = kernel("sev_guest\n");
    let tsm = open(dir.path()).unwrap();
    let written = || fs::read_to_string(entry.join("privlevel")).unwrap();
    assert_eq!(written(), "");
    for asked in [0, 1] {
        let refused = tsm.ask_for_level(asked);
        assert!(matches!(refused, Err(AttesterError::Privilege { floor: 2, asked: found }) if found == asked));
        assert_eq!(written(), "");
    }
    for asked in [2, 3] {
        tsm.ask_for_level(asked).unwrap();
        assert_eq!(written(), asked.to_string());
    }
}

#[test]
fn a_provider_that_nobody_knows_is_refused() {
    let (dir, _) = kernel("arm_cca_guest\n");
    assert!(matches!(open(dir.path()), Err(AttesterError::UnknownProvider { found }) if found == "arm_cca_guest"));
}

#[test]
fn the_entry_is_removed_when_the_attester_goes() {
    let (dir, entry) = kernel("tdx_guest\n");
    let tsm = open(dir.path()).unwrap();
    // The kernel's entries have no files of the file system's.
    fs::remove_dir_all(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    drop(tsm);
    assert!(!entry.exists());
}
