use std::fmt;

/// In which files two folders differ; of each kind the first twenty names are kept.
///
/// Printed it is one line for each name that is kept, the name quoted and escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Differences {
    /// Files of both, with another content.
    pub changed: FileNames,
    /// Files that were not listed.
    pub added: FileNames,
    /// Files that were listed and are not there.
    pub removed: FileNames,
}

impl Differences {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many files differ.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.changed.count + self.added.count + self.removed.count
    }
}

/// The first names of many, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNames {
    first: Vec<String>,
    count: u64,
}

impl FileNames {
    const MOST: usize = 20;

    /// The first twenty, or all if there are fewer, ascending by their bytes.
    #[must_use]
    pub fn first(&self) -> &[String] {
        &self.first
    }

    /// How many there are in all.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many there are beside the first.
    #[must_use]
    pub const fn more(&self) -> u64 {
        self.count - self.first.len() as u64
    }

    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(name.to_owned());
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("changed", &self.changed), ("added", &self.added), ("removed", &self.removed)];
        let mut lines = Vec::new();
        for (what, names) in kinds {
            lines.extend(names.first.iter().map(|name| format!("{what:8} {name:?}")));
            lines.extend((names.more() > 0).then(|| format!("{what:8} and {} more", names.more())));
        }
        f.write_str(&lines.join("\n"))
    }
}
