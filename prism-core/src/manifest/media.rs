//! Media types (RFC 6838) that a result file may have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A media type in lower case without parameters, such as `image/png`, or a whole range such as `image/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(String);

/// A text is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a media type in lower case such as \"image/png\" or \"image/*\", found another text; correct the media type"
)]
#[non_exhaustive]
pub struct MediaTypeError;

/// Longest name on either side of the slash (RFC 6838, section 4.2).
const NAME_MAX: usize = 127;

impl MediaType {
    /// Whether something of the media type `found`, such as `image/png`, is admitted.
    #[must_use]
    pub fn admits(&self, found: &str) -> bool {
        match self.0.strip_suffix('*') {
            None => self.0 == found,
            Some(range) => found.len() > range.len() && found.starts_with(range),
        }
    }
}

/// A restricted name of RFC 6838, in lower case.
fn is_name(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "!#$&-^_.+".contains(c));
    first && rest && text.len() <= NAME_MAX
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let (kind, name) = text.split_once('/').ok_or(MediaTypeError)?;
        let good = is_name(kind) && (name == "*" || is_name(name));
        if good { Ok(Self(text.to_owned())) } else { Err(MediaTypeError) }
    }
}

impl TryFrom<String> for MediaType {
    type Error = MediaTypeError;

    fn try_from(text: String) -> Result<Self, MediaTypeError> {
        text.parse()
    }
}

impl From<MediaType> for String {
    fn from(media: MediaType) -> Self {
        media.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_admits_itself_and_a_range_its_own() {
        let admits = |text: &str, found: &str| text.parse::<MediaType>().unwrap().admits(found);
        assert!(admits("image/png", "image/png") && admits("image/*", "image/svg+xml"));
        assert!(!admits("image/png", "image/pngx") && !admits("image/*", "images/png") && !admits("image/*", "image/"));
    }

    #[test]
    fn other_texts_are_no_media_types() {
        for text in
            ["", "png", "*/*", "image/", "/png", "Image/png", "image/png; q=1", "image/p ng", "image/*x", "*/png"]
        {
            assert_eq!(text.parse::<MediaType>(), Err(MediaTypeError), "{text}");
        }
        assert!(format!("a/{}", "b".repeat(128)).parse::<MediaType>().is_err());
    }
}
