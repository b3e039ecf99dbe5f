//! JSON that Intel signs: exact bytes, exact fields, hexadecimal in either case, dates to the second.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};

use super::certificates::Issuer;
use crate::crypto;
use crate::endorsements::SignedJson;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;
use crate::x509::time_text;

/// The conditions of one signed document.
#[derive(Clone, Copy)]
pub(super) struct Checks {
    pub(super) signature: Check,
    pub(super) form: Check,
    pub(super) dates: Check,
}

/// Verifies the signature over the bytes as received, then reads them, then compares the dates.
pub(super) fn open<T: DeserializeOwned>(
    signed: &SignedJson,
    by: &Issuer,
    checks: Checks,
    notes: &mut Notes,
) -> Result<T, Stop> {
    let holds = crypto::ecdsa_p256_sha256(&by.key, &signed.json, &signed.signature);
    notes.need(checks.signature, holds, "a signature by the signer of TCB data", super::verdict(holds))?;
    // Every type below knows its fields and takes each once, so that nothing can be read in two ways.
    let read = serde_json::from_slice(&signed.json);
    if let Err(problem) = &read {
        notes.check(checks.form, false, "exactly the fields of its version, each once", problem);
    }
    read.map_err(|_| Stop)
}

/// Notes whether `now` is between issue and next update, both included.
pub(super) fn check_dates(window: Window, now: u64, checks: Checks, notes: &mut Notes) -> Result<(), Stop> {
    notes.need(checks.dates, window.contains(now), time_text(now), window)
}

/// Exactly `N` bytes in hexadecimal of either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for HexVisitor<N> {
    type Value = Hex<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes in hexadecimal")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hex<N>, E> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
        Ok(Hex(bytes))
    }
}

/// A moment in UTC, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) u64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date such as 2026-05-29T00:00:00Z")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        seconds(text.as_bytes()).map(Moment).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

/// `YYYY-MM-DDThh:mm:ssZ` (RFC 3339 without fractions, from 1970) in Unix seconds.
fn seconds(text: &[u8]) -> Option<u64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = text else {
        return None;
    };
    let (year, month) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?);
    let (day, hour) = (number(&[*d1, *d2])?, number(&[*h1, *h2])?);
    let (minute, second) = (number(&[*n1, *n2])?, number(&[*s1, *s2])?);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month).ok()?.checked_sub(1)?;
    let exists = year >= 1970 && (1..=*days.get(before)?).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let whole_years = (year.checked_sub(1970)?) * 365 + leaps(year - 1) - leaps(1969);
    let whole_days = whole_years + days.iter().take(before).sum::<u64>() + day - 1;
    exists.then(|| ((whole_days * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, value) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:01Z", Some(951_825_601)),
            ("2026-06-01T00:00:00Z", Some(1_780_272_000)),
            ("2024-12-31T23:59:59Z", Some(1_735_689_599)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("1900-02-29T00:00:00Z", None),
            ("2023-02-29T00:00:00Z", None),
            ("2023-00-01T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-01-00T00:00:00Z", None),
            ("2023-01-01T24:00:00Z", None),
            ("2023-01-01T00:60:00Z", None),
            ("2023-01-01T00:00:60Z", None),
            ("2023-01-01T00:00:00+00:00", None),
            ("2023-01-01 00:00:00Z", None),
            ("+023-01-01T00:00:00Z", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), value, "{text}");
        }
    }
}
