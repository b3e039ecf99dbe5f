//! Texts and lists from outside, bounded while they are read.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::printable::is_printable_line;

/// Most characters of a [`Line`].
pub const LINE_MAX: usize = 200;

/// A text is not a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected one printable line of 1 to {LINE_MAX} characters, found another text; shorten it or remove controls")]
pub struct LineError;

/// One printable line of 1 to [`LINE_MAX`] characters: titles, endpoints, names of programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(String);

impl Line {
    /// The line as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let fits = !text.trim().is_empty() && text.chars().count() <= LINE_MAX;
        if fits && is_printable_line(text) { Ok(Self(text.to_owned())) } else { Err(LineError) }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads a list of at most `MAX` items; the next one is refused before it is kept.
pub(super) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor::<T, MAX>(PhantomData))
}

/// Reads a set in ascending order, without repetition, of at most `MAX` items: one set has one text.
pub(super) fn set<'de, D, T, const MAX: usize>(deserializer: D) -> Result<std::collections::BTreeSet<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Ord,
{
    let items: Vec<T> = list::<D, T, MAX>(deserializer)?;
    if items.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
        return Err(D::Error::custom("expected a list in ascending order without repetition, found another order"));
    }
    Ok(items.into_iter().collect())
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() == MAX {
                return Err(A::Error::custom(format_args!("expected at most {MAX} items, found more")));
            }
            items.push(item);
        }
        Ok(items)
    }
}
