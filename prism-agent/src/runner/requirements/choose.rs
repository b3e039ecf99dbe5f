//! Which wheels are installed: for each pinned package the one that fits the interpreter best and that the lock names.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use prism_core::digest::{Digest, Hasher};
use prism_core::requirements::{FileHash, Lock, Package, Target, WheelName};
use tokio_util::sync::CancellationToken;

use super::{RequirementsError, wanted};

/// Bytes that are hashed between two looks at whether the run was stopped.
const PIECE: usize = 1 << 20;

/// The wheels to install, in the order of their packages' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// File names, all of one folder.
    pub files: Vec<String>,
    /// The digests that the lock names, in the same order.
    pub hashes: Vec<FileHash>,
}

impl Plan {
    /// SHA-256 over the digests in their order: what the log says of the wheels.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.hashes.concat())
    }
}

/// Chooses among the wheels of a folder; `None` when `cancel` came first. Blocks.
///
/// # Errors
/// [`RequirementsError`]: a package that `target` needs has no wheel there that fits and that the lock names.
pub fn choose_wheels(
    lock: &Lock,
    target: &Target,
    dir: &Path,
    cancel: &CancellationToken,
) -> Result<Option<Plan>, RequirementsError> {
    let unreadable = |source| RequirementsError::Unreadable { path: dir.to_owned(), source };
    let names = files(dir).map_err(unreadable)?;
    let shelf = Shelf::of(names.iter().map(String::as_str));
    let mut plan = Plan::default();
    for package in lock.packages_for(target)? {
        let candidates = shelf.candidates(package, target);
        let Some(best) = candidates.first() else { return Err(shelf.absent(package, target)) };
        let mut found = None;
        for file in &candidates {
            let Some(hash) = hash(&dir.join(file), cancel).map_err(unreadable)? else { return Ok(None) };
            if package.hashes().contains(&hash) {
                found = Some((*file, hash));
                break;
            }
        }
        let (file, hash) = found.ok_or_else(|| RequirementsError::HashMismatch { file: (*best).to_owned() })?;
        plan.files.push(file.to_owned());
        plan.hashes.push(hash);
    }
    Ok(Some(plan))
}

/// Files that there are, each name read once: there may be very many.
pub(crate) struct Shelf<'a> {
    /// By project.
    wheels: HashMap<String, Vec<(WheelName, &'a str)>>,
    /// Names of everything else.
    others: Vec<&'a str>,
}

impl<'a> Shelf<'a> {
    /// The files with these names. One name twice is one file.
    pub(crate) fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut wheels, mut others): (HashMap<_, Vec<_>>, Vec<&str>) = (HashMap::new(), Vec::new());
        for file in names {
            match WheelName::read(file) {
                Ok(wheel) => wheels.entry(wheel.name().to_owned()).or_default().push((wheel, file)),
                Err(_) => others.push(file),
            }
        }
        Self { wheels, others }
    }

    fn of_package(&self, package: &Package) -> impl Iterator<Item = &(WheelName, &'a str)> {
        let wheels = self.wheels.get(package.name()).map(Vec::as_slice).unwrap_or_default();
        wheels.iter().filter(|(wheel, _)| package.is_of(wheel))
    }

    /// The names of a package's wheels that fit, the best first: as pip sorts them.
    pub(crate) fn candidates(&self, package: &Package, target: &Target) -> Vec<&'a str> {
        let ranked = |(wheel, file): &'_ (WheelName, &'a str)| Some((wheel.rank(target)?, *file, wheel.clone()));
        let mut fitting: Vec<_> = self.of_package(package).filter_map(ranked).collect();
        fitting.sort_by(|(rank, file, wheel), (other_rank, other_file, other)| {
            let newest = other.compare_version(wheel);
            newest.then(rank.cmp(other_rank)).then(other.build().cmp(&wheel.build())).then(file.cmp(other_file))
        });
        fitting.dedup_by_key(|(_, file, _)| *file);
        fitting.into_iter().map(|(_, file, _)| file).collect()
    }

    /// Why there is no wheel that fits.
    pub(crate) fn absent(&self, package: &Package, target: &Target) -> RequirementsError {
        let (name, version) = (package.name().to_owned(), package.version());
        if self.of_package(package).next().is_some() {
            return RequirementsError::NoneFits { package: name, version, wanted: wanted(target) };
        }
        let is_source = |file: &&str| {
            let stem = [".tar.gz", ".zip", ".tar.bz2"].iter().find_map(|end| file.strip_suffix(end));
            let normal = stem.and_then(|stem| prism_core::requirements::normalized(stem.rsplit_once('-')?.0));
            normal.as_deref() == Some(package.name())
        };
        if self.others.iter().any(is_source) {
            return RequirementsError::SourceOnly { package: name, version };
        }
        RequirementsError::Absent { package: name, version }
    }
}

/// The names of a folder's regular files that are text.
fn files(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// The SHA-256 of a file; `None` when the run was stopped meanwhile.
fn hash(path: &Path, cancel: &CancellationToken) -> io::Result<Option<FileHash>> {
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Hasher::sha256(), vec![0; PIECE]);
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut piece)? {
            0 => return Ok(Some(*hasher.finish().as_bytes())),
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
