//! As much of CBOR (RFC 8949) as tokens and wrappers need, deterministically encoded (section 4.2.1) in both directions:
//! lengths that are indefinite or longer than they have to be are refused.

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One data item's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// An unsigned integer.
    Uint(u64),
    /// The negative integer `-1 - n`.
    Negative(u64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array of so many items, which follow.
    Array(u64),
    /// A map of so many pairs, which follow.
    Map(u64),
    /// A tag, whose item follows.
    Tag(u64),
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next item, unless it is malformed or of a kind that nothing here uses.
    pub(crate) fn item(&mut self) -> Option<Item<'a>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        let argument = self.argument(first & 0x1f)?;
        Some(match first >> 5 {
            UINT => Item::Uint(argument),
            NEGATIVE => Item::Negative(argument),
            BYTES => Item::Bytes(self.take(argument)?),
            TEXT => Item::Text(str::from_utf8(self.take(argument)?).ok()?),
            ARRAY => Item::Array(argument),
            MAP => Item::Map(argument),
            TAG => Item::Tag(argument),
            _ => return None,
        })
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let Item::Bytes(bytes) = self.item()? else { return None };
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let Item::Text(text) = self.item()? else { return None };
        Some(text)
    }

    pub(crate) fn uint(&mut self) -> Option<u64> {
        let Item::Uint(number) = self.item()? else { return None };
        Some(number)
    }

    /// Whether nothing is left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn argument(&mut self, short: u8) -> Option<u64> {
        let (value, least) = match short {
            0..=23 => return Some(u64::from(short)),
            24 => (u64::from(u8::from_be_bytes(self.chunk()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.chunk()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.chunk()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.chunk()?), 0x1_0000_0000),
            _ => return None,
        };
        (value >= least).then_some(value)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

/// A value to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Int(i64),
    Bool(bool),
    Null,
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    /// Keys are put in order when they are written.
    Map(Vec<(Self, Self)>),
    Tag(u64, Box<Self>),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The one deterministic encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Int(number) => match u64::try_from(*number) {
                Ok(number) => head(UINT, number),
                Err(_) => head(NEGATIVE, number.unsigned_abs() - 1),
            },
            Self::Bool(value) => vec![if *value { 0xf5 } else { 0xf4 }],
            Self::Null => vec![0xf6],
            Self::Bytes(bytes) => [head(BYTES, length(bytes)), bytes.clone()].concat(),
            Self::Text(text) => [&head(TEXT, length(text.as_bytes())), text.as_bytes()].concat(),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::encode).collect();
                [head(ARRAY, length(&items)), items.concat()].concat()
            }
            Self::Map(pairs) => {
                let mut pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.encode(), value.encode())).collect();
                pairs.sort();
                let body: Vec<_> = pairs.iter().map(|(key, value)| [key.as_slice(), value].concat()).collect();
                [head(MAP, length(&pairs)), body.concat()].concat()
            }
            Self::Tag(tag, value) => [head(TAG, *tag), value.encode()].concat(),
        }
    }
}

impl From<&serde_json::Value> for Value {
    /// The same document; whole numbers only, others become text.
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number.as_i64().map_or_else(|| Self::text(number.to_string()), Self::Int),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Object(pairs) => {
                Self::Map(pairs.iter().map(|(key, value)| (Self::text(key), Self::from(value))).collect())
            }
        }
    }
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "each arm's range fits the integer that it is written as")]
fn head(major: u8, argument: u64) -> Vec<u8> {
    let first = major << 5;
    match argument {
        0..=23 => vec![first | argument as u8],
        24..=0xff => vec![first | 0x18, argument as u8],
        0x100..=0xffff => [&[first | 0x19], (argument as u16).to_be_bytes().as_slice()].concat(),
        0x1_0000..=0xffff_ffff => [&[first | 0x1a], (argument as u32).to_be_bytes().as_slice()].concat(),
        _ => [&[first | 0x1b], argument.to_be_bytes().as_slice()].concat(),
    }
}

#[cfg(test)]
mod tests;
