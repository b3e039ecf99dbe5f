//! DER that both pretend vendors write: names, times, extensions, and what goes around a signed part.

use time::OffsetDateTime;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, TagClass, construct_der};

use crate::x509::SIMULATOR_MARK;

pub(super) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(super) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const ORGANISATION: &[u64] = &[2, 5, 4, 10];
/// DER of NULL.
const NULL: &[u8] = &[0x05, 0x00];
const UTC_TIME: u64 = 23;
const GENERALIZED_TIME: u64 = 24;

/// One extension of a certificate or revocation list.
pub(super) struct Extension {
    pub(super) oid: Vec<u64>,
    pub(super) critical: bool,
    pub(super) value: Vec<u8>,
}

impl Extension {
    pub(super) fn new(oid: &[u64], critical: bool, value: impl Into<Vec<u8>>) -> Self {
        Self { oid: oid.to_vec(), critical, value: value.into() }
    }

    /// The extension that no verifier of real machines knows.
    pub(super) fn mark() -> Self {
        Self::new(SIMULATOR_MARK, true, NULL)
    }

    /// One extension as it stands in the list.
    pub(super) fn write(&self, writer: DERWriter) {
        writer.write_sequence(|writer| {
            write_oid(writer.next(), &self.oid);
            if self.critical {
                writer.next().write_bool(true);
            }
            writer.next().write_bytes(&self.value);
        });
    }
}

/// A certificate's part that is signed.
pub(super) struct Tbs<'a> {
    pub(super) serial: u64,
    /// Organisation and common name.
    pub(super) issuer: (&'a str, &'a str),
    pub(super) subject: (&'a str, &'a str),
    /// Unix seconds.
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    /// The public key as it stands in a certificate.
    pub(super) spki: &'a [u8],
    pub(super) extensions: &'a [Extension],
    pub(super) marked: bool,
}

impl Tbs<'_> {
    pub(super) fn write(&self, write_algorithm: impl FnOnce(DERWriter)) -> Vec<u8> {
        let mark = Some(Extension::mark()).filter(|_| self.marked);
        construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
                writer.next().write_u64(self.serial);
                write_algorithm(writer.next());
                write_name(writer.next(), self.issuer);
                writer.next().write_sequence(|writer| {
                    write_time(writer.next(), self.not_before);
                    write_time(writer.next(), self.not_after);
                });
                write_name(writer.next(), self.subject);
                writer.next().write_der(self.spki);
                writer.next().write_tagged(Tag::context(3), |writer| {
                    writer.write_sequence(|writer| {
                        self.extensions.iter().chain(&mark).for_each(|extension| extension.write(writer.next()));
                    });
                });
            });
        })
    }
}

/// The signed part, the algorithm, the signature.
pub(super) fn wrap(tbs: &[u8], write_algorithm: impl FnOnce(DERWriter), signature: &[u8]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(tbs);
            write_algorithm(writer.next());
            writer.next().write_bitvec_bytes(signature, signature.len().saturating_mul(8));
        });
    })
}

/// Organisation and common name.
pub(super) fn write_name(writer: DERWriter, (organisation, common_name): (&str, &str)) {
    writer.write_sequence(|writer| {
        for (oid, text) in [(ORGANISATION, organisation), (COMMON_NAME, common_name)] {
            writer.next().write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    write_oid(writer.next(), oid);
                    writer.next().write_utf8_string(text);
                });
            });
        }
    });
}

/// `UTCTime` until 2049, `GeneralizedTime` after (RFC 5280, section 4.1.2.5).
pub(super) fn write_time(writer: DERWriter, seconds: u64) {
    let time = moment(seconds);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let rest = format!("{:02}{day:02}{hour:02}{minute:02}{second:02}Z", u8::from(month));
    let (tag, text) = match year {
        1950..=2049 => (UTC_TIME, format!("{:02}{rest}", year % 100)),
        _ => (GENERALIZED_TIME, format!("{year:04}{rest}")),
    };
    writer.write_tagged_implicit(Tag { tag_class: TagClass::Universal, tag_number: tag }, |writer| {
        writer.write_bytes(text.as_bytes());
    });
}

/// Unix seconds as a date; beyond its years, 1970.
pub(super) fn moment(seconds: u64) -> OffsetDateTime {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(super) fn write_oid(writer: DERWriter, arcs: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(arcs));
}
