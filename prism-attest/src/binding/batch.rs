//! Sessions that arrive together share one hardware report.

use prism_core::audit::tree::{Tree, TreeHash, verify_inclusion};

use super::BindingError;

/// Most sessions in one batch.
pub const BATCH_MAX: usize = 4096;

/// Longest path in a batch of [`BATCH_MAX`].
const PATH_MAX: usize = 12;

/// The sessions of one batch: an RFC 6962 tree over their leaves.
#[derive(Clone)]
pub struct Batch(Tree);

impl Batch {
    /// Gathers the leaves of sessions ([`super::SessionBinding::leaf`]) in the order given.
    ///
    /// # Errors
    /// [`BindingError::Batch`] for none or more than [`BATCH_MAX`].
    pub fn new(leaves: &[TreeHash]) -> Result<Self, BindingError> {
        if leaves.is_empty() || leaves.len() > BATCH_MAX {
            return Err(BindingError::Batch);
        }
        let mut tree = Tree::new();
        for leaf in leaves {
            tree.append(*leaf);
        }
        Ok(Self(tree))
    }

    /// `R`, for [`super::ReportData::compose`].
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.0.root()
    }

    /// The path that shows the session at `index` that it is in this batch.
    ///
    /// # Errors
    /// [`BindingError::Batch`] for an index outside of the batch.
    pub fn path(&self, index: u64) -> Result<BatchPath, BindingError> {
        let size = self.0.size();
        let hashes = self.0.inclusion_path(index, size).map_err(|_| BindingError::Batch)?;
        BatchPath::new(index, size, hashes)
    }
}

/// How one session's leaf leads to its batch's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPath {
    index: u64,
    size: u64,
    hashes: Vec<TreeHash>,
}

impl BatchPath {
    /// Takes a path as it came from the agent, within the bounds of a batch. Whether it leads anywhere is seen when the
    /// binding is checked.
    ///
    /// # Errors
    /// [`BindingError::Batch`] for an index outside of the size, or more sessions or hashes than a batch can have.
    pub fn new(index: u64, size: u64, hashes: Vec<TreeHash>) -> Result<Self, BindingError> {
        let fits = usize::try_from(size).is_ok_and(|size| size <= BATCH_MAX) && hashes.len() <= PATH_MAX;
        if index < size && fits { Ok(Self { index, size, hashes }) } else { Err(BindingError::Batch) }
    }

    /// The path in a batch of one.
    #[must_use]
    pub const fn alone() -> Self {
        Self { index: 0, size: 1, hashes: Vec::new() }
    }

    /// The session's place in its batch.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many sessions the batch has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes from the leaf's sibling upwards.
    #[must_use]
    pub fn hashes(&self) -> &[TreeHash] {
        &self.hashes
    }

    /// Whether the path leads from `leaf` to `root`.
    pub(crate) fn leads(&self, leaf: TreeHash, root: &TreeHash) -> bool {
        verify_inclusion(leaf, self.index, self.size, &self.hashes, root).is_ok()
    }
}
