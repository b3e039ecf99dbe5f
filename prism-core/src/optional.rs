//! Fields that are not written when they say nothing: the same terms have one form.

use serde::{Deserialize, Deserializer, de::Error};

/// A field that may be absent but not `null`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A list that may be absent but not empty.
pub(crate) fn filled<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("a list that is not written when it is empty")) } else { Ok(list) }
}
