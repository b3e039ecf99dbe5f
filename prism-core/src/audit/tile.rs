//! The tree and its entries as immutable files: C2SP tlog-tiles.
//!
//! A hash tile holds up to 256 neighbouring hashes of one level, a bundle up to 256 entries, each after its length as
//! a big-endian u16. With a checkpoint and these files any public verifier checks the whole log.

use std::fmt;
use std::str::FromStr;

use super::tree::{Tree, TreeHash};
use crate::code::{Code, Coded};

/// Hashes or entries in a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Longest entry in bytes: its length is a u16.
pub const ENTRY_MAX: usize = 65_535;

/// A tile's hashes span eight levels of the tree.
const TILE_HEIGHT: u32 = 8;
/// Highest level that the standard's paths have.
const LEVEL_MAX: u8 = 63;
const HASH_LEN: usize = 32;

/// Why a tile or bundle was not made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The path is not one that tlog-tiles defines.
    #[error(
        "expected \"tile/<level>/<index>[.p/<width>]\" or \"tile/entries/<index>[.p/<width>]\", found another path"
    )]
    Path,
    /// The tree does not have all these hashes yet.
    #[error(
        "expected a tile that the signed tree has, found {0} beyond it; ask for a tile below the checkpoint's size"
    )]
    NotThere(HashTile),
    /// The bytes are not as many hashes or entries as the tile is wide.
    #[error("expected {expected} hashes or entries, found other bytes; fetch the tile again")]
    Content {
        /// The tile's width.
        expected: u16,
    },
    /// An entry is longer than [`ENTRY_MAX`].
    #[error("expected entries of at most {ENTRY_MAX} bytes, found {found}; log a digest instead")]
    EntryTooLong {
        /// The bytes found.
        found: usize,
    },
}

impl Coded for TileError {
    fn code(&self) -> Code {
        match self {
            Self::Path => Code::Usage,
            Self::NotThere(_) => Code::FileMissing,
            Self::Content { .. } => Code::LogInvalid,
            Self::EntryTooLong { .. } => Code::Internal,
        }
    }
}

/// The path of one file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tile {
    /// `tile/<level>/<index>[.p/<width>]`
    Hashes(HashTile),
    /// `tile/entries/<index>[.p/<width>]`
    Entries(Bundle),
}

impl Tile {
    /// Every file that a log of `size` entries has: bundles, then hash tiles from the leaves up.
    pub fn covering(size: u64) -> impl Iterator<Item = Self> {
        let bundles = Span::covering(size).map(|span| Self::Entries(Bundle(span)));
        let levels = (0..=LEVEL_MAX).map(move |level| (level, hashes_on(level, size)));
        let tiles = levels
            .take_while(|(_, hashes)| *hashes > 0)
            .flat_map(|(level, hashes)| Span::covering(hashes).map(move |span| Self::Hashes(HashTile { level, span })));
        bundles.chain(tiles)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hashes(tile) => tile.fmt(f),
            Self::Entries(bundle) => bundle.fmt(f),
        }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, TileError> {
        let (kind, span) = text.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(TileError::Path)?;
        let span = Span::read(span).ok_or(TileError::Path)?;
        let tile = match kind {
            "entries" => Self::Entries(Bundle(span)),
            _ => Self::Hashes(HashTile { level: kind.parse().map_err(|_| TileError::Path)?, span }),
        };
        let level_exists = !matches!(tile, Self::Hashes(HashTile { level, .. }) if level > LEVEL_MAX);
        // A path has one spelling: what does not print as it was read is not one.
        if level_exists && tile.to_string() == text { Ok(tile) } else { Err(TileError::Path) }
    }
}

/// Up to 256 neighbouring hashes of one level; a hash of level `l` is the root over `256^l` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashTile {
    level: u8,
    span: Span,
}

impl HashTile {
    /// The tile's bytes, its hashes one after the other, from the tree.
    ///
    /// # Errors
    /// [`TileError::NotThere`] when the tree is not so large.
    pub fn write(&self, tree: &Tree) -> Result<Vec<u8>, TileError> {
        let height = u32::from(self.level) * TILE_HEIGHT;
        let hashes: Option<Vec<_>> = self.span.range().map(|index| tree.subtree(height, index)).collect();
        let hashes = hashes.ok_or(TileError::NotThere(*self))?;
        Ok(hashes.iter().flat_map(TreeHash::as_bytes).copied().collect())
    }

    /// The hashes in the bytes of this tile, still to be compared with a signed root.
    ///
    /// # Errors
    /// [`TileError::Content`] when there are not as many as the tile is wide.
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<TreeHash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
        if !rest.is_empty() || hashes.len() != usize::from(self.span.width) {
            return Err(TileError::Content { expected: self.span.width });
        }
        Ok(hashes.iter().copied().map(TreeHash::from_bytes).collect())
    }
}

impl fmt::Display for HashTile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.span)
    }
}

/// Up to 256 neighbouring entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bundle(Span);

impl Bundle {
    /// The indexes of the entries in this bundle.
    #[must_use]
    pub fn entries(&self) -> std::ops::Range<u64> {
        self.0.range()
    }

    /// The bundle's bytes from exactly its entries.
    ///
    /// # Errors
    /// [`TileError::EntryTooLong`], and [`TileError::Content`] when there are not as many as the bundle is wide.
    pub fn write<'a>(&self, entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
        let (mut bytes, mut count) = (Vec::new(), 0_u16);
        for entry in entries {
            let len = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong { found: entry.len() })?;
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(entry);
            count = count.saturating_add(1);
        }
        if count == self.0.width { Ok(bytes) } else { Err(TileError::Content { expected: self.0.width }) }
    }

    /// The entries in the bytes of this bundle, still to be compared with a signed root.
    ///
    /// # Errors
    /// [`TileError::Content`] when the bytes are not exactly as many entries as the bundle is wide.
    pub fn read<'a>(&self, mut bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
        let wrong = TileError::Content { expected: self.0.width };
        let mut entries = Vec::new();
        for _ in 0..self.0.width {
            let (len, rest) = bytes.split_first_chunk().ok_or(wrong.clone())?;
            let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into()).ok_or(wrong.clone())?;
            entries.push(entry);
            bytes = rest;
        }
        if bytes.is_empty() { Ok(entries) } else { Err(wrong) }
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/entries/{}", self.0)
    }
}

/// How many hashes of `level` the tree of `size` entries has.
fn hashes_on(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0)
}

/// The `index`-th row of up to 256 things, of which there are `width`, 1 to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Span {
    index: u64,
    width: u16,
}

impl Span {
    fn covering(things: u64) -> impl Iterator<Item = Self> {
        let full = things / u64::from(TILE_WIDTH);
        let rest = u16::try_from(things % u64::from(TILE_WIDTH)).ok().filter(|&width| width > 0);
        let partial = rest.map(|width| Self { index: full, width });
        (0..full).map(|index| Self { index, width: TILE_WIDTH }).chain(partial)
    }

    fn range(&self) -> std::ops::Range<u64> {
        let first = self.index.saturating_mul(TILE_WIDTH.into());
        first..first.saturating_add(self.width.into())
    }

    /// Reads `x001/x234/067[.p/<width>]`, also in spellings that are not canonical.
    fn read(text: &str) -> Option<Self> {
        let (index, width) = match text.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (text, TILE_WIDTH),
        };
        let digits: String = index.chars().filter(|&c| c != 'x' && c != '/').collect();
        let index: u64 = digits.parse().ok()?;
        // Beyond this the numbers of the things themselves would not be a u64.
        index.checked_add(1)?.checked_mul(TILE_WIDTH.into())?;
        Some(Self { index, width })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            path = format!("x{:03}/{path}", rest % 1000);
            rest /= 1000;
        }
        f.write_str(&path)?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
