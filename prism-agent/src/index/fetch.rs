//! The wheels of a lock, from an index into a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prism_core::requirements::{IndexFile, Lock, Package, Target};
use tokio::task::{JoinSet, spawn_blocking};

use super::download::{Budget, Download};
use super::line::{Found, Line};
use super::{IndexError, PackageIndex};
use crate::runner::{Plan, RequirementsError, Shelf};

/// Packages that are fetched at a time.
const AT_ONCE: usize = 4;

/// What became of a download so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetched<'a> {
    /// So many bytes more came.
    Bytes(u64),
    /// A wheel is there, and is one that the lock names.
    Wheel(&'a str),
}

/// Everything that a package's download needs.
struct Task {
    line: Line,
    package: Package,
    target: Target,
    folder: PathBuf,
    budget: Budget,
    hear: Arc<dyn Fn(Fetched<'_>) + Send + Sync>,
}

/// Fetches, for each package that `target` needs, the wheel that fits best into `folder`, all of them together of at most
/// `most` bytes. What was fetched before an error, or before the future is dropped, stays there.
///
/// # Errors
/// [`RequirementsError`]: the index does not have a wheel that the lock names, or cannot be asked.
pub async fn fetch(
    index: &PackageIndex,
    (lock, target): (&Lock, &Target),
    folder: &Path,
    most: u64,
    hear: Arc<dyn Fn(Fetched<'_>) + Send + Sync>,
) -> Result<Plan, RequirementsError> {
    let packages = lock.packages_for(target)?;
    if packages.is_empty() {
        return Ok(Plan::default());
    }
    let line = Line::new(index).map_err(|source| no_line(source.into()))?;
    let budget = Budget::new(most);
    let mut done = vec![None; packages.len()];
    let mut waiting = packages.into_iter().cloned().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((place, package)) = waiting.next() else { break };
            let (line, target, budget, hear) = (line.clone(), target.clone(), budget.clone(), Arc::clone(&hear));
            let task = Task { line, package, target, folder: folder.to_owned(), budget, hear };
            running.spawn(async move { task.run().await.map(|wheel| (place, wheel)) });
        }
        let Some(ended) = running.join_next().await else { break };
        let ended = ended.map_err(|_| IndexError::Lost { package: "a package".to_owned() })?;
        let (place, wheel) = ended?;
        if let Some(slot) = done.get_mut(place) {
            *slot = Some(wheel);
        }
    }
    let (files, hashes) = done.into_iter().flatten().unzip();
    Ok(Plan { files, hashes })
}

fn no_line(source: Box<dyn std::error::Error + Send + Sync>) -> RequirementsError {
    IndexError::Page { package: "any package".to_owned(), source }.into()
}

impl Task {
    async fn run(&self) -> Result<(String, prism_core::requirements::FileHash), RequirementsError> {
        let Found { page, at } = self.line.page(self.package.name()).await?;
        let (package, target) = (self.package.clone(), self.target.clone());
        let chosen = spawn_blocking(move || choose(&package, &target, page.files)).await;
        let file = chosen.map_err(|_| IndexError::Lost { package: self.package.name().to_owned() })??;
        let refused = |source| IndexError::File { file: file.name.clone(), source };
        let url = at.join(&file.url).map_err(|error| refused(error.into()))?;
        let download = Download {
            line: &self.line,
            url,
            name: &file.name,
            size: file.size,
            folder: &self.folder,
            budget: &self.budget,
            came: &|bytes| (self.hear)(Fetched::Bytes(bytes)),
        };
        let hash = download.run().await?;
        if !self.package.hashes().contains(&hash) {
            return Err(RequirementsError::HashMismatch { file: file.name.clone() });
        }
        (self.hear)(Fetched::Wheel(&file.name));
        Ok((file.name.clone(), hash))
    }
}

/// The best wheel that the lock names, as far as the index says hashes. Blocks: a page may name very many files.
fn choose(package: &Package, target: &Target, files: Vec<IndexFile>) -> Result<IndexFile, RequirementsError> {
    let shelf = Shelf::of(files.iter().map(|file| file.name.as_str()));
    let fitting: Vec<String> = shelf.candidates(package, target).into_iter().map(str::to_owned).collect();
    let Some(best) = fitting.first() else { return Err(shelf.absent(package, target)) };
    let mismatch = RequirementsError::HashMismatch { file: best.clone() };
    // Of two files with one name, the first that the lock could mean.
    let mut locked: HashMap<String, IndexFile> = HashMap::new();
    for file in files {
        if file.sha256.is_none_or(|hash| package.hashes().contains(&hash)) {
            locked.entry(file.name.clone()).or_insert(file);
        }
    }
    fitting.iter().find_map(|name| locked.remove(name)).ok_or(mismatch)
}
