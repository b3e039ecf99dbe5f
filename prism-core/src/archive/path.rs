//! Names of archive entries that cannot lead anywhere else.

use std::fmt;
use std::str::FromStr;

/// Longest path in bytes.
pub const PATH_MAX: usize = 1024;
/// Longest part of a path in bytes.
pub const COMPONENT_MAX: usize = 255;
/// Most parts of a path.
pub const DEPTH_MAX: usize = 32;

/// Why a text is not a [`SafePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Starts with a slash.
    #[error("expected a relative path, found one from the root; pack from inside the folder")]
    Absolute,
    /// Starts with a letter and a colon.
    #[error("expected a relative path, found a drive letter; pack from inside the folder")]
    Drive,
    /// A part is `.` or `..`.
    #[error("expected a path straight down, found a part \".\" or \"..\"; pack from inside the folder")]
    Dots,
    /// The path or a part of it is empty.
    #[error("expected parts with a name, found an empty one; remove the doubled or missing name")]
    Empty,
    /// Contains a backslash.
    #[error("expected '/' between the parts of a path, found a backslash; pack with a tool that follows the standard")]
    Backslash,
    /// Contains NUL or another control character.
    #[error("expected printable characters, found a control character; rename the file")]
    Control,
    /// Contains a character that turns the direction of what follows: `gpj.exe` could look like `exe.jpg`.
    #[error("expected characters in the order in which they are read, found one that turns it; rename the file")]
    Direction,
    /// Longer than [`PATH_MAX`], or a part longer than [`COMPONENT_MAX`].
    #[error("expected at most {PATH_MAX} bytes and {COMPONENT_MAX} in each part, found more; shorten the names")]
    TooLong,
    /// More than [`DEPTH_MAX`] parts.
    #[error("expected at most {DEPTH_MAX} nested folders, found more; flatten the folders")]
    TooDeep,
}

/// A relative path straight down: UTF-8 parts joined by `/`, none of them empty, `.` or `..`, without backslashes,
/// control characters and drive letters, and short enough for every file system.
///
/// Characters that turn the direction of the text around them (U+202A to U+202E, U+2066 to U+2069) and separators of lines
/// (U+2028, U+2029) are refused: people read these names before they open files. Marks that letters of some languages
/// need are not. Names that mean devices to Windows (`aux`, `con.txt`) are taken: packages contain such files, agents
/// run Linux, and who unpacks on Windows has a tool that knows its own system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

impl SafePath {
    /// Takes a path that is safe as it stands; nothing is cleaned up.
    ///
    /// # Errors
    /// [`PathError`] says which rule the path breaks.
    pub fn new(path: &str) -> Result<Self, PathError> {
        if path.len() > PATH_MAX {
            return Err(PathError::TooLong);
        }
        if path.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if let [letter, b':', ..] = path.as_bytes()
            && letter.is_ascii_alphabetic()
        {
            return Err(PathError::Drive);
        }
        for (depth, component) in path.split('/').enumerate() {
            check_component(component)?;
            if depth >= DEPTH_MAX {
                return Err(PathError::TooDeep);
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// The parts, from the outermost folder to the name itself.
    #[must_use]
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The whole path with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path that is an ancestor of a safe one, and hence safe.
    pub(super) fn from_ancestor(ancestor: &str) -> Self {
        Self(ancestor.to_owned())
    }
}

fn check_component(component: &str) -> Result<(), PathError> {
    match component {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Dots),
        _ if component.contains('\\') => Err(PathError::Backslash),
        _ if component.chars().any(char::is_control) => Err(PathError::Control),
        _ if component.chars().any(turns) => Err(PathError::Direction),
        _ if component.len() > COMPONENT_MAX => Err(PathError::TooLong),
        _ => Ok(()),
    }
}

/// Whether a character turns the direction of a text, or ends its line.
const fn turns(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl FromStr for SafePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
