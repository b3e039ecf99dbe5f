//! Sizes, spans and moments as people write them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected {expected}, found {found:?}")]
pub struct QuantityError {
    /// What belongs there, with an example.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

const BYTES: &str = "a size such as \"2 GiB\", \"100 MB\" or a number of bytes";
const SPAN: &str = "a length of time such as \"30d\", \"2h\", \"1h 30min\", \"45s\" or a number of seconds";
const MOMENT: &str = "a time such as \"2026-01-31T12:00:00Z\"";
const PROCESSORS: &str = "a number of processors such as 2 or \"1.5\"";

/// A number of bytes: `"2 GiB"`, `"100 MB"`, `1024`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a unit")]
pub struct Bytes(pub u64);

/// A length of time in seconds: `"30d"`, `"1h 30min"`, `90`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a unit")]
pub struct Span(pub u64);

/// A moment in Unix seconds, from RFC 3339 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a unit")]
pub struct Moment(pub u64);

/// Thousandths of a processor: `2`, `"1.5"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a unit")]
pub struct Processors(pub u32);

/// `"12.5 GiB"` → (12, 500, "GiB"): whole part, thousandths, unit.
fn split(text: &str) -> Option<(u64, u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    Some((whole.parse().ok()?, format!("{fraction:0<3}").parse().ok()?, unit.trim()))
}

fn scale(whole: u64, thousandths: u64, unit: u64) -> Option<u64> {
    whole.checked_mul(unit)?.checked_add(thousandths.checked_mul(unit)? / 1000)
}

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let read = || {
            let (whole, thousandths, unit) = split(text.trim())?;
            let unit = match unit {
                "" | "B" | "byte" | "bytes" => 1,
                "kB" | "KB" => 1_000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                "TB" => 1_000_000_000_000,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "TiB" => 1 << 40,
                _ => return None,
            };
            scale(whole, thousandths, unit)
        };
        read().map(Self).ok_or_else(|| QuantityError { expected: BYTES, found: text.to_owned() })
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let read = || {
            let mut rest = text.trim();
            let mut seconds = 0_u64;
            while !rest.is_empty() {
                let (whole, thousandths, after) = split(rest)?;
                let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
                let (unit, next) = after.split_at_checked(end)?;
                seconds = seconds.checked_add(scale(whole, thousandths, span_unit(unit)?)?)?;
                rest = next.trim();
            }
            (!text.trim().is_empty()).then_some(Self(seconds))
        };
        read().ok_or_else(|| QuantityError { expected: SPAN, found: text.to_owned() })
    }
}

fn span_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    })
}

impl FromStr for Moment {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let time = OffsetDateTime::parse(text.trim(), &Rfc3339).ok();
        let seconds = time.and_then(|time| u64::try_from(time.unix_timestamp()).ok());
        seconds.map(Self).ok_or_else(|| QuantityError { expected: MOMENT, found: text.to_owned() })
    }
}

impl FromStr for Processors {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let read = || {
            let (whole, thousandths, unit) = split(text.trim())?;
            let milli = scale(whole, thousandths, 1000)?;
            (unit.is_empty()).then(|| u32::try_from(milli).ok().map(Self))?
        };
        read().ok_or_else(|| QuantityError { expected: PROCESSORS, found: text.to_owned() })
    }
}

/// A number or a text, so that both `2` and `"2 GiB"` can be written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

fn quantity<'de, D: Deserializer<'de>, T: FromStr<Err = QuantityError>>(
    deserializer: D,
    expected: &'static str,
) -> Result<T, D::Error> {
    let text = match Written::deserialize(deserializer) {
        Ok(Written::Number(number)) => number.to_string(),
        Ok(Written::Text(text)) => text,
        Err(_) => {
            return Err(serde::de::Error::custom(format_args!("expected {expected}, found another kind of value")));
        }
    };
    text.parse().map_err(serde::de::Error::custom)
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity(deserializer, BYTES)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity(deserializer, SPAN)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity(deserializer, MOMENT)
    }
}

impl<'de> Deserialize<'de> for Processors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity(deserializer, PROCESSORS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_mean_what_people_expect() {
        for (text, bytes) in [
            ("2 GiB", 2 << 30),
            ("2GiB", 2 << 30),
            ("1.5 KiB", 1536),
            ("100 MB", 100_000_000),
            ("7", 7),
            ("7 bytes", 7),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for (text, seconds) in [("30d", 2_592_000), ("1h 30min", 5400), ("1h30m", 5400), ("90", 90), ("0.5 h", 1800)] {
            assert_eq!(text.parse(), Ok(Span(seconds)), "{text}");
        }
        assert_eq!("1.5".parse(), Ok(Processors(1500)));
        assert_eq!("1970-01-02T00:00:00+00:00".parse(), Ok(Moment(86_400)));
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        for text in ["", "GiB", "2 gib", "-1", "1.2345 GiB", "1. GiB", "99999999 TiB", "2 GiB 3"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        for text in ["", "d", "1y", "1d-", "30 d x", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["", "tomorrow", "2026-01-31", "1960-01-01T00:00:00Z"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        assert!("2 cores".parse::<Processors>().is_err());
        let error = "2 gib".parse::<Bytes>().unwrap_err().to_string();
        assert!(error.contains("\"2 GiB\"") && error.contains("2 gib"), "{error}");
    }
}
