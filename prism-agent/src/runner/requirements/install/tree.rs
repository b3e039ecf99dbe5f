//! The environment in the making: every file is new, and known by the wheel that brought it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use prism_core::requirements::Target;

use super::super::fault::WheelFault;

/// An environment and who brought what.
pub(super) struct Tree<'a> {
    environment: &'a Path,
    target: &'a Target,
    packages: PathBuf,
    /// Bytes that may still be unpacked, of as many as there may be.
    left: u64,
    limit: u64,
    /// The wheel that brought a file, by its path below the environment.
    brought: HashMap<String, usize>,
    wheel: usize,
}

impl<'a> Tree<'a> {
    pub(super) fn new(environment: &'a Path, target: &'a Target, limit: u64) -> Self {
        let packages = PathBuf::from(format!("lib/python{}/site-packages", target.minor_version()));
        Self { environment, target, packages, left: limit, limit, brought: HashMap::new(), wheel: 0 }
    }

    /// What wheels have to fit.
    pub(super) const fn target(&self) -> &Target {
        self.target
    }

    /// Where packages are.
    pub(super) fn packages(&self) -> PathBuf {
        self.environment.join(&self.packages)
    }

    /// The same, below the environment.
    pub(super) fn packages_prefix(&self) -> &str {
        self.packages.to_str().unwrap_or_default()
    }

    /// How much a wheel may unpack to.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// What is said when it is more.
    pub(super) const fn too_large(&self) -> WheelFault {
        WheelFault::TooLarge { limit: self.limit }
    }

    /// The next wheel, which unpacks to so much.
    pub(super) fn begin(&mut self, bytes: u64) -> Result<(), WheelFault> {
        self.left = self.left.checked_sub(bytes).ok_or(self.too_large())?;
        self.wheel += 1;
        Ok(())
    }

    /// Creates a file. One that another wheel brought before is replaced, as every installer does: several projects
    /// bring the same `__init__.py`. The environment's own files never are.
    pub(super) fn create(&mut self, path: &str, executable: bool) -> Result<File, WheelFault> {
        let place = self.environment.join(path);
        match self.brought.insert(path.to_owned(), self.wheel) {
            Some(wheel) if wheel == self.wheel => return Err(WheelFault::Twice { path: path.to_owned() }),
            Some(_) => fs::remove_file(&place).map_err(disk(path))?,
            None => {}
        }
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(occupied(path))?;
        }
        let mode = if executable { 0o755 } else { 0o644 };
        OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(place).map_err(occupied(path))
    }

    /// Opens a file that was installed.
    pub(super) fn reopen(&self, path: &str) -> Result<File, WheelFault> {
        OpenOptions::new().read(true).write(true).open(self.environment.join(path)).map_err(disk(path))
    }

    /// A path below the environment as `RECORD` writes it: relative to the packages.
    pub(super) fn seen_from_packages(&self, path: &str) -> String {
        let below = path.strip_prefix(self.packages_prefix()).and_then(|rest| rest.strip_prefix('/'));
        below.map_or_else(|| format!("../../../{path}"), str::to_owned)
    }

    /// Creates a file with this content.
    pub(super) fn write(&mut self, path: &str, executable: bool, content: &[u8]) -> Result<(), WheelFault> {
        self.create(path, executable)?.write_all(content).map_err(disk(path))
    }
}

fn occupied(path: &str) -> impl FnOnce(io::Error) -> WheelFault {
    move |error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            WheelFault::Occupied { path: path.to_owned() }
        }
        _ => disk(path)(error),
    }
}

/// An error of the system at a path.
pub(super) fn disk(path: &str) -> impl FnOnce(io::Error) -> WheelFault {
    move |error| WheelFault::Disk { path: path.to_owned(), reason: format!("{:?}", error.kind()) }
}
