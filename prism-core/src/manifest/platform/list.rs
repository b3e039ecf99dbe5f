//! Lists of acceptable values: never empty, never with duplicates, and "any" only where it is written out.

use std::fmt;
use std::ops::Deref;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Longest list in a policy.
pub const LIST_MAX: usize = 4096;

/// Why some values are not a list of acceptable values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// No value at all.
    #[error("expected at least one acceptable value, found an empty list; name the values")]
    Empty,
    /// One value twice.
    #[error("expected every value once, found a duplicate; remove one of them")]
    Duplicate,
    /// More values than [`LIST_MAX`].
    #[error("expected at most {LIST_MAX} values, found more; shorten the list")]
    TooLong,
}

/// At least one value, none of them twice, in the order written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T>(Vec<T>);

impl<T: PartialEq> List<T> {
    /// Takes the values if they are a list of acceptable values.
    ///
    /// # Errors
    /// [`ListError`] for an empty, overlong or repetitive list.
    pub fn new(values: Vec<T>) -> Result<Self, ListError> {
        if values.is_empty() {
            return Err(ListError::Empty);
        }
        if values.len() > LIST_MAX {
            return Err(ListError::TooLong);
        }
        let repeats = values.iter().enumerate().any(|(at, value)| values.iter().take(at).any(|other| other == value));
        if repeats {
            return Err(ListError::Duplicate);
        }
        Ok(Self(values))
    }

    /// A list of exactly this value.
    #[must_use]
    pub fn only(value: T) -> Self {
        Self(vec![value])
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Which values are acceptable: the word `"any"`, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accept<T> {
    /// Every value, and its absence.
    Any,
    /// One of these, and nothing else.
    OneOf(List<T>),
}

impl<T: PartialEq> Accept<T> {
    /// Accepts exactly this value.
    #[must_use]
    pub fn only(value: T) -> Self {
        Self::OneOf(List::only(value))
    }

    /// Whether `value` is acceptable.
    #[must_use]
    pub fn accepts(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(list) => list.contains(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Accept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::OneOf(list) = self else { return f.write_str("any") };
        for (at, value) in list.iter().enumerate() {
            let separator = if at == 0 { "" } else { " or " };
            write!(f, "{separator}{value}")?;
        }
        Ok(())
    }
}

impl<T: Serialize> Serialize for Accept<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::OneOf(list) => list.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for Accept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AcceptVisitor(std::marker::PhantomData))
    }
}

struct AcceptVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de> + PartialEq> Visitor<'de> for AcceptVisitor<T> {
    type Value = Accept<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the word \"any\" or a list of acceptable values")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Accept<T>, E> {
        match text {
            "any" => Ok(Accept::Any),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Accept<T>, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(seq)).map(Accept::OneOf)
    }
}
