//! The Merkle tree of RFC 6962, section 2.1, with the verification algorithms of RFC 9162, section 2.1.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::code::{Code, Coded};

/// Longest path of a proof: a tree has at most 2^64 - 1 entries.
pub const PATH_MAX: usize = 64;

const LEAF_PREFIX: &[u8] = &[0];
const NODE_PREFIX: &[u8] = &[1];

/// The SHA-256 hash of a leaf, an inner node or a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// A hash that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Standard base64 with padding (RFC 4648, section 4): the text in checkpoints and receipts.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads the one canonical base64 text of a hash; `None` for every other text.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// The hash of one entry: `SHA-256(0x00 ‖ entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> TreeHash {
    hash(&[LEAF_PREFIX, entry])
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    hash(&[NODE_PREFIX, &left.0, &right.0])
}

/// The root of a tree without entries: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> TreeHash {
    hash(&[])
}

fn hash(parts: &[&[u8]]) -> TreeHash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    TreeHash(bytes)
}

/// Why a proof was not made or does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The index is not below the size.
    #[error("expected an index below the tree's size {size}, found {index}; ask for an entry that is logged")]
    IndexOutOfRange {
        /// The index asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// This tree does not have so many entries yet.
    #[error("expected a size of at most {has}, found {asked}; the log has not grown so far")]
    SizeOutOfRange {
        /// The size asked for.
        asked: u64,
        /// The entries there are.
        has: u64,
    },
    /// The path has not the one length that index and size allow.
    #[error("expected a path as long as index and size demand, found {found} hashes; the proof is not of this tree")]
    PathLength {
        /// The number of hashes found.
        found: usize,
    },
    /// The path leads from the entry to another root.
    #[error(
        "expected a path from the entry to the signed root, found one to another root; the entry is not in this log"
    )]
    NotIncluded,
    /// The newer tree is smaller: entries were taken away.
    #[error("expected a log of at least {old} entries, found {new}; the log was truncated, keep both checkpoints")]
    Truncated {
        /// The size seen before.
        old: u64,
        /// The size found now.
        new: u64,
    },
    /// The newer tree does not begin with the older one: history was changed.
    #[error("expected a log that continues the one seen before, found another history; keep both checkpoints as proof")]
    Forked,
    /// The checkpoints are of different logs.
    #[error("expected two checkpoints of one log, found different origins; compare checkpoints of the same agent boot")]
    OtherLog,
}

impl Coded for TreeError {
    fn code(&self) -> Code {
        match self {
            Self::IndexOutOfRange { .. } | Self::SizeOutOfRange { .. } => Code::Usage,
            Self::PathLength { .. } | Self::NotIncluded | Self::OtherLog => Code::LogInvalid,
            Self::Truncated { .. } | Self::Forked => Code::LogForked,
        }
    }
}

/// An append-only tree in memory: every complete subtree's hash is kept, hence 64 bytes for each entry.
///
/// An append hashes once on average; a root or a path hashes at most as often as the tree is high.
#[derive(Clone, Default)]
pub struct Tree {
    /// `levels[h][i]` is the root of the `i`-th complete subtree of `2^h` entries.
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// A tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry's [`leaf_hash`] and returns the entry's index.
    pub fn append(&mut self, leaf: TreeHash) -> u64 {
        let index = self.size();
        let mut node = leaf;
        let mut height = 0;
        loop {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let Some(level) = self.levels.get_mut(height) else { break };
            level.push(node);
            let [.., left, right] = level.as_slice() else { break };
            if level.len() % 2 == 1 {
                break;
            }
            node = node_hash(left, right);
            height += 1;
        }
        index
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root of the whole tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.range(0, self.size()).unwrap_or_else(empty_root)
    }

    /// The root of the tree when it had `size` entries; `None` if it never had so many.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<TreeHash> {
        if size == 0 { Some(empty_root()) } else { self.range(0, size) }
    }

    /// The root of the `index`-th complete subtree of `2^height` entries; `None` while it is not complete.
    #[must_use]
    pub fn subtree(&self, height: u32, index: u64) -> Option<TreeHash> {
        self.levels.get(usize::try_from(height).ok()?)?.get(usize::try_from(index).ok()?).copied()
    }

    /// The inclusion proof of the entry at `index` in the tree of the first `size` entries (RFC 6962, 2.1.1), from
    /// the leaf's sibling up to the root's child.
    ///
    /// # Errors
    /// [`TreeError::SizeOutOfRange`] and [`TreeError::IndexOutOfRange`].
    pub fn inclusion_path(&self, index: u64, size: u64) -> Result<Vec<TreeHash>, TreeError> {
        let out_of_range = TreeError::SizeOutOfRange { asked: size, has: self.size() };
        if size > self.size() {
            return Err(out_of_range);
        }
        if index >= size {
            return Err(TreeError::IndexOutOfRange { index, size });
        }
        self.path_down(index, size, |low, high| high - low == 1).map(|(path, _)| path).ok_or(out_of_range)
    }

    /// The proof that the tree of `new` entries begins with the tree of `old` entries (RFC 6962, 2.1.2). It is empty
    /// when `old` is zero or equals `new`.
    ///
    /// # Errors
    /// [`TreeError::SizeOutOfRange`], or [`TreeError::Truncated`] when `old` is the larger one.
    pub fn consistency_path(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, TreeError> {
        let out_of_range = TreeError::SizeOutOfRange { asked: new, has: self.size() };
        if new > self.size() {
            return Err(out_of_range);
        }
        if old > new {
            return Err(TreeError::Truncated { old, new });
        }
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        let (mut path, begin) = self.path_down(old - 1, new, |_, high| high == old).ok_or(out_of_range.clone())?;
        if begin > 0 {
            path.insert(0, self.range(begin, old).ok_or(out_of_range)?);
        }
        Ok(path)
    }

    /// Walks from the root of `size` entries towards `index` until a subtree `low..high` is `reached`: the siblings
    /// passed, the lowest first, and where that subtree begins.
    fn path_down(&self, index: u64, size: u64, reached: impl Fn(u64, u64) -> bool) -> Option<(Vec<TreeHash>, u64)> {
        let (mut low, mut high, mut path) = (0, size, Vec::new());
        while !reached(low, high) {
            let split = low + (1 << (high - low - 1).ilog2());
            if index < split {
                path.push(self.range(split, high)?);
                high = split;
            } else {
                path.push(self.range(low, split)?);
                low = split;
            }
        }
        path.reverse();
        Some((path, low))
    }

    /// The root of the entries `begin..end`, where `begin` is where a subtree of that many entries may begin.
    fn range(&self, mut begin: u64, end: u64) -> Option<TreeHash> {
        let mut parts = Vec::new();
        while begin < end {
            let height = (end - begin).ilog2();
            parts.push(self.subtree(height, begin >> height)?);
            begin += 1 << height;
        }
        parts.into_iter().rev().reduce(|right, left| node_hash(&left, &right))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("size", &self.size()).field("root", &self.root()).finish_non_exhaustive()
    }
}

/// Checks that `leaf` is the entry at `index` of the tree with this `size` and `root` (RFC 9162, section 2.1.3.2).
///
/// `size` and `root` must come from one signed checkpoint: the same path also leads to the root under other sizes.
///
/// # Errors
/// [`TreeError::IndexOutOfRange`], [`TreeError::PathLength`] and [`TreeError::NotIncluded`].
pub fn verify_inclusion(
    leaf: TreeHash,
    index: u64,
    size: u64,
    path: &[TreeHash],
    root: &TreeHash,
) -> Result<(), TreeError> {
    if index >= size {
        return Err(TreeError::IndexOutOfRange { index, size });
    }
    let mut climb = Climb { node: index, last: size - 1 };
    let mut hash = leaf;
    for sibling in path {
        hash = match climb.step() {
            Some(Sibling::Left) => node_hash(sibling, &hash),
            Some(Sibling::Right) => node_hash(&hash, sibling),
            None => return Err(TreeError::PathLength { found: path.len() }),
        };
    }
    if climb.last != 0 {
        return Err(TreeError::PathLength { found: path.len() });
    }
    if hash == *root { Ok(()) } else { Err(TreeError::NotIncluded) }
}

/// Checks that the tree `new` (size and root) begins with the tree `old` (RFC 9162, section 2.1.4.2).
///
/// A tree without entries is the beginning of every tree, and a tree of itself; both with an empty path.
///
/// # Errors
/// [`TreeError::Truncated`], [`TreeError::PathLength`] and [`TreeError::Forked`].
pub fn verify_consistency(old: (u64, &TreeHash), new: (u64, &TreeHash), path: &[TreeHash]) -> Result<(), TreeError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(TreeError::Truncated { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        return verify_trivial(old, new, path);
    }
    // The old root itself is a node of the new tree when it is complete; the proof then leaves it out.
    let wrong_length = TreeError::PathLength { found: path.len() };
    let (first, rest) = match path.split_first() {
        Some(_) if old_size.is_power_of_two() => (old_root, path),
        Some(split) => split,
        None => return Err(wrong_length),
    };
    let shared = (old_size - 1).trailing_ones();
    let mut climb = Climb { node: (old_size - 1) >> shared, last: (new_size - 1) >> shared };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        match climb.step() {
            Some(Sibling::Left) => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Some(Sibling::Right) => new_hash = node_hash(&new_hash, sibling),
            None => return Err(wrong_length),
        }
    }
    if climb.last != 0 {
        return Err(wrong_length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(TreeError::Forked) }
}

fn verify_trivial(old: (u64, &TreeHash), new: (u64, &TreeHash), path: &[TreeHash]) -> Result<(), TreeError> {
    if !path.is_empty() {
        return Err(TreeError::PathLength { found: path.len() });
    }
    let as_it_must_be = if old.0 == new.0 { *new.1 } else { empty_root() };
    let empty_is_empty = new.0 > 0 || *new.1 == empty_root();
    if *old.1 == as_it_must_be && empty_is_empty { Ok(()) } else { Err(TreeError::Forked) }
}

/// On which side of the climbing node its sibling stands.
enum Sibling {
    Left,
    Right,
}

/// A node on its way up, and the last node of the same height.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    /// Up to the next node that has a sibling, and past it; `None` at the root.
    fn step(&mut self) -> Option<Sibling> {
        if self.last == 0 {
            return None;
        }
        let sibling = if self.node % 2 == 1 || self.node == self.last {
            // The last node of a level may be alone: it rises unchanged until it is someone's right sibling.
            let alone = self.node.trailing_zeros();
            self.node >>= alone;
            self.last >>= alone;
            Sibling::Left
        } else {
            Sibling::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Some(sibling)
    }
}

#[cfg(test)]
mod tests;
