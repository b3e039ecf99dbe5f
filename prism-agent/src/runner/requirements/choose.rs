//! Which wheels are installed: for each pinned package the one that fits the interpreter best and that the lock names.

use std::cmp::Reverse;
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
    let mut plan = Plan::default();
    for package in lock.packages_for(target)? {
        let candidates = candidates(package, target, names.iter().map(String::as_str));
        let Some(best) = candidates.first() else { return Err(absent(package, target, &names)) };
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

/// The names of a package's wheels that fit, the best first.
pub(crate) fn candidates<'a>(package: &Package, target: &Target, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let order = |file| {
        let wheel = WheelName::read(file).ok().filter(|wheel| package.is_of(wheel))?;
        let build = wheel.build().map(|(number, tag)| (number, tag.to_owned()));
        Some((wheel.rank(target)?, Reverse(build)))
    };
    let mut fitting: Vec<_> = names.filter_map(|file| Some((order(file)?, file))).collect();
    fitting.sort();
    fitting.into_iter().map(|(_, file)| file).collect()
}

/// Why there is no wheel that fits.
pub(crate) fn absent(package: &Package, target: &Target, names: &[String]) -> RequirementsError {
    let (name, version) = (package.name().to_owned(), package.version());
    let is_wheel = |file: &String| WheelName::read(file).is_ok_and(|wheel| package.is_of(&wheel));
    if names.iter().any(is_wheel) {
        return RequirementsError::NoneFits { package: name, version, wanted: wanted(target) };
    }
    let is_source = |file: &String| {
        let stem = [".tar.gz", ".zip", ".tar.bz2"].iter().find_map(|end| file.strip_suffix(end));
        let normal = stem.and_then(|stem| prism_core::requirements::normalized(stem.rsplit_once('-')?.0));
        normal.as_deref() == Some(package.name())
    };
    if names.iter().any(is_source) {
        return RequirementsError::SourceOnly { package: name, version };
    }
    RequirementsError::Absent { package: name, version }
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
