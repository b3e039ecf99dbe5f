//! Disk space of a run that has no file system of its own: what its files take, by looking at them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{CWD, makedev};
use tokio_util::sync::CancellationToken;

use crate::runner::free::Free;
use crate::runner::outcome::End;
use crate::runner::processes::Processes;
use crate::runner::spec::files_within;
use crate::runner::tree::{self, Next, Unseen};

/// Most text about mappings that is read at a time; more is more than any program needs, and counts as too much.
const MAPS_MAX: u64 = 64 << 20;

/// Directories whose sizes are added up, and the bytes they may have together.
#[derive(Clone, Debug)]
pub(in crate::runner) struct Walked {
    pub(in crate::runner) paths: Vec<PathBuf>,
    pub(in crate::runner) limit: u64,
    /// Files and directories that were there before the run, and count as none of its own.
    pub(in crate::runner) files: u64,
    /// The copy of the datasets, if it is below them: its directory and what it may take, which the limit leaves out.
    pub(in crate::runner) datasets: Option<(PathBuf, u64)>,
}

/// What was added up so far.
#[derive(Debug, Default)]
struct Sum {
    bytes: u64,
    files: u64,
}

impl Walked {
    /// The limit that the run has crossed: more bytes or more files than it may have, or too little left for the agent.
    /// `helper` is the process from which the run's descend: what they hold open counts after its last name is gone.
    /// Whoever gives up has seen none: a tree may be too large to be walked over in time.
    pub(super) fn is_full(&self, helper: i32, until: &CancellationToken) -> Option<End> {
        let found = self.crossed(helper, until);
        found.filter(|_| !until.is_cancelled())
    }

    fn crossed(&self, helper: i32, until: &CancellationToken) -> Option<End> {
        let Some((directory, most)) = &self.datasets else {
            return self.is_exceeded(helper, until).then_some(End::DiskLimit);
        };
        let mut apart = Sum::default();
        let datasets = Self { paths: vec![directory.clone()], limit: *most, files: self.files, datasets: None };
        if tree::open(CWD, directory.as_path()).is_ok_and(|top| datasets.add(top, &mut apart, until)) {
            return Some(End::DatasetsLimit);
        }
        let limit = self.limit.saturating_add(apart.bytes);
        let all = Self { paths: self.paths.clone(), limit, files: self.files, datasets: None };
        all.is_exceeded(helper, until).then_some(End::DiskLimit)
    }

    fn is_exceeded(&self, helper: i32, until: &CancellationToken) -> bool {
        let mut sum = Sum::default();
        for path in &self.paths {
            // One that is not there yet, or no more, has nothing in it.
            let Ok(top) = tree::open(CWD, path.as_path()) else { continue };
            if leaves_too_little(&top) || self.add(top, &mut sum, until) {
                return true;
            }
        }
        sum.bytes = sum.bytes.saturating_add(nameless(helper, &self.devices(), until));
        self.is_exceeded_by(&sum)
    }

    /// Adds a tree; true when there is no need to go on.
    fn add(&self, top: OwnedFd, sum: &mut Sum, until: &CancellationToken) -> bool {
        let visited = tree::visit(top, &mut |_, _, stat| {
            sum.files += 1;
            sum.bytes = sum.bytes.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512));
            Ok(if self.is_exceeded_by(sum) || until.is_cancelled() { Next::Enough } else { Next::On })
        });
        // What is too deep to be looked at is too much. A tree that changes faster than it is read is looked at again.
        matches!(visited, Err(Unseen::TooDeep)) || self.is_exceeded_by(sum)
    }

    fn is_exceeded_by(&self, sum: &Sum) -> bool {
        sum.bytes > self.limit || sum.files > files_within(self.limit).saturating_add(self.files)
    }

    fn devices(&self) -> BTreeSet<u64> {
        self.paths.iter().filter_map(|path| Some(fs::metadata(path).ok()?.dev())).collect()
    }
}

fn leaves_too_little(top: &OwnedFd) -> bool {
    Free::on(top).is_ok_and(|free| free.bytes < Free::KEPT.bytes || free.files < Free::KEPT.files)
}

/// Bytes of files without a name on these devices that the run's processes hold open or mapped.
fn nameless(helper: i32, devices: &BTreeSet<u64>, until: &CancellationToken) -> u64 {
    let (mut seen, mut bytes, mut left) = (BTreeSet::new(), 0_u64, MAPS_MAX);
    for pid in Processes::read().descendants(helper) {
        if until.is_cancelled() {
            break;
        }
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            // Through the link: it leads to the open file, whatever its name was.
            let Ok(meta) = fs::metadata(entry.path()) else { continue };
            let counts = meta.is_file() && meta.nlink() == 0 && devices.contains(&meta.dev());
            if counts && seen.insert((meta.dev(), meta.ino())) {
                bytes = bytes.saturating_add(meta.blocks().saturating_mul(512));
            }
        }
        let _ = mappings(pid, &mut left, &mut |mapped| {
            if devices.contains(&mapped.device) && seen.insert((mapped.device, mapped.inode)) {
                bytes = bytes.saturating_add(mapped.length);
            }
        });
        if left == 0 {
            return u64::MAX;
        }
    }
    bytes
}

/// Gives the mappings of one process that count, line by line: a program decides how many there are and how long.
fn mappings(pid: i32, left: &mut u64, add: &mut dyn FnMut(Mapped)) -> io::Result<()> {
    let mut maps = BufReader::new(File::open(format!("/proc/{pid}/maps"))?.take(*left));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = maps.read_until(b'\n', &mut line)?;
        *left = left.saturating_sub(read as u64);
        if read == 0 {
            return Ok(());
        }
        Mapped::parse(String::from_utf8_lossy(&line).trim_end_matches('\n')).into_iter().for_each(&mut *add);
    }
}

/// A mapping of a file that has no name any more: at least as long as the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mapped {
    device: u64,
    inode: u64,
    length: u64,
}

impl Mapped {
    /// Parses a line of `/proc/PID/maps`: range, permissions, offset, device, inode, name.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_suffix(" (deleted)")?.split_ascii_whitespace();
        let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
        let (begin, end) = fields.next()?.split_once('-')?;
        let offset = hexadecimal(fields.nth(1)?)?;
        let (major, minor) = fields.next()?.split_once(':')?;
        let device = makedev(u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
        let length = offset.checked_add(hexadecimal(end)?.checked_sub(hexadecimal(begin)?)?)?;
        Some(Self { device, inode: fields.next()?.parse().ok()?, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of no process: whatever else runs on this machine holds files open as well.
    const NOBODY: i32 = i32::MAX;

    #[test]
    fn a_mapped_file_without_a_name_is_as_long_as_its_mapping_says() {
        let line = "7f0000000000-7f0000200000 rw-s 00100000 fe:01 4711                       /tmp/x y (deleted)";
        let found = Mapped { device: makedev(0xfe, 1), inode: 4711, length: 0x30_0000 };
        assert_eq!(Mapped::parse(line), Some(found));
        assert_eq!(Mapped::parse(line.strip_suffix(" (deleted)").unwrap()), None);
        assert_eq!(Mapped::parse("garbage (deleted)"), None);
    }

    #[test]
    fn no_more_is_read_of_mappings_than_there_is_left() {
        let own = std::process::id().cast_signed();
        let (mut left, mut seen) = (1 << 20, 0);
        mappings(own, &mut left, &mut |_| seen += 1).unwrap();
        assert!((1..1 << 20).contains(&left), "{left}");
        // Too much is not the same as all.
        let mut left = 10;
        mappings(own, &mut left, &mut |_| {}).unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn files_count_by_their_number_too_and_so_does_depth() {
        let home = tempfile::tempdir().unwrap();
        let until = CancellationToken::new();
        let full = |limit| walked(home.path(), limit).is_full(NOBODY, &until).is_some();
        fs::write(home.path().join("file"), vec![1; 8192]).unwrap();
        assert!(!full(1 << 20));
        assert!(full(4096));
        let mut deep = home.path().to_owned();
        for _ in 0..=tree::DEPTH_MAX {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        assert!(full(1 << 40));
    }

    fn walked(path: &std::path::Path, limit: u64) -> Walked {
        Walked { paths: vec![path.to_owned()], limit, files: 0, datasets: None }
    }

    #[test]
    fn whoever_gives_up_walks_no_further() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..100 {
            fs::write(home.path().join(number.to_string()), [1; 8192]).unwrap();
        }
        let (until, mut sum) = (CancellationToken::new(), Sum::default());
        until.cancel();
        let walked = walked(home.path(), 1 << 40);
        walked.add(tree::open(CWD, home.path()).unwrap(), &mut sum, &until);
        assert_eq!(sum.files, 1);
        // What was seen until then says nothing.
        assert_eq!(Walked { limit: 0, ..walked }.is_full(NOBODY, &until), None);
    }
}
