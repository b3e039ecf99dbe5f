//! Names of a layer's entries that stay below the image's root.

use std::fmt;

/// Longest path in bytes.
pub const PATH_MAX: usize = 4095;
/// Longest part of a path in bytes.
const COMPONENT_MAX: usize = 255;
/// Most parts of a path.
const DEPTH_MAX: usize = 128;

/// Why a name is not an [`ImagePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// A part is `..`.
    #[error("expected a path that stays inside, found a part \"..\"; build the image again")]
    Upwards,
    /// Contains NUL.
    #[error("expected a name without zero bytes, found one; build the image again")]
    Zero,
    /// Longer than [`PATH_MAX`], or a part longer than 255 bytes.
    #[error("expected at most {PATH_MAX} bytes and 255 in each part, found more; shorten the names")]
    TooLong,
    /// Too many parts.
    #[error("expected at most 128 nested folders, found more; flatten the folders")]
    TooDeep,
}

/// A path below an image's root: parts joined by `/`, none of them empty, `.` or `..`. Like the names of Linux it is
/// bytes, not text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Vec<u8>);

impl ImagePath {
    /// Reads a name as layers and configurations have it: a slash in front means the image's root, empty parts and `.`
    /// mean nothing. `None` is the root itself.
    ///
    /// # Errors
    /// [`PathFault`] says which rule the name breaks.
    pub fn read(name: &[u8]) -> Result<Option<Self>, PathFault> {
        if name.len() > PATH_MAX {
            return Err(PathFault::TooLong);
        }
        if name.contains(&0) {
            return Err(PathFault::Zero);
        }
        let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        if parts.contains(&b"..".as_slice()) {
            return Err(PathFault::Upwards);
        }
        if parts.iter().any(|part| part.len() > COMPONENT_MAX) {
            return Err(PathFault::TooLong);
        }
        if parts.len() > DEPTH_MAX {
            return Err(PathFault::TooDeep);
        }
        Ok((!parts.is_empty()).then(|| Self(parts.join(&b'/'))))
    }

    /// The path as it is.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its parts, from the root downwards.
    #[must_use]
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// The directory in which it lies, `None` for the root, and its name there.
    #[must_use]
    pub fn split(&self) -> (Option<Self>, &[u8]) {
        let at = self.0.iter().rposition(|byte| *byte == b'/');
        let split = at.and_then(|at| Some((self.0.get(..at)?, self.0.get(at + 1..)?)));
        split.map_or((None, &self.0), |(parent, name)| (Some(Self(parent.to_vec())), name))
    }

    /// The path of `name` in the same directory.
    pub(super) fn beside(&self, name: &[u8]) -> Self {
        let (parent, _) = self.split();
        Self(parent.map_or_else(|| name.to_vec(), |parent| [&parent.0, b"/".as_slice(), name].concat()))
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}
