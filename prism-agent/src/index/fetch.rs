//! The wheels of a lock, from an index into a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prism_core::requirements::{IndexFile, Lock, Package, Target};
use tokio::task::JoinSet;

use super::download::{Budget, Download};
use super::line::{Found, Line};
use super::{IndexError, PackageIndex};
use crate::runner::{Plan, RequirementsError, absent, candidates};

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
    let line = Line::new(index).map_err(|source| no_line(source.into()))?;
    let budget = Budget::new(most);
    let packages = lock.packages_for(target)?;
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
        let file = self.choose(&page.files)?;
        let refused = |source| IndexError::File { file: file.name.clone(), source };
        let url = at.join(&file.url).map_err(|error| refused(error.into()))?;
        let download = Download {
            line: &self.line,
            url,
            name: &file.name,
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

    /// The best wheel that the lock names, as far as the index says hashes.
    fn choose<'f>(&self, files: &'f [IndexFile]) -> Result<&'f IndexFile, RequirementsError> {
        let names = || files.iter().map(|file| file.name.as_str());
        let fitting = candidates(&self.package, &self.target, names());
        let Some(best) = fitting.first() else {
            let names: Vec<String> = names().map(str::to_owned).collect();
            return Err(absent(&self.package, &self.target, &names));
        };
        let locked = |file: &&IndexFile| file.sha256.is_none_or(|hash| self.package.hashes().contains(&hash));
        let by_name = |name: &&str| files.iter().find(|file| file.name == **name).filter(locked);
        let chosen = fitting.iter().find_map(by_name);
        chosen.ok_or_else(|| RequirementsError::HashMismatch { file: (*best).to_owned() })
    }
}
