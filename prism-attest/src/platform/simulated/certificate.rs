//! Certificates and revocation lists in AMD's shape, with the simulator's marks.

use time::OffsetDateTime;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, TagClass, construct_der};

use super::SimulatorError;
use super::keys::{EcKey, RsaKey};
use super::machine::{SimulatedKey, SimulatedMachine};
use crate::platform::snp::product::{chip_id_len, tcb_bytes, tcb_extensions};
use crate::x509::{SIMULATOR_MARK, SIMULATOR_ORGANISATION};

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;
const ARK_NAME: &str = "ARK-Simulated";
const AMD: [u64; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];
const ASK_SERIAL: u64 = 0x00ff_0001;
const ARK_SERIAL: u64 = 0x00ff_0000;

const RSASSA_PSS: &[u64] = &[1, 2, 840, 113_549, 1, 1, 10];
const MGF1: &[u64] = &[1, 2, 840, 113_549, 1, 1, 8];
const PKCS1_SHA384: &[u64] = &[1, 2, 840, 113_549, 1, 1, 12];
const SHA384: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 2];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const ORGANISATION: &[u64] = &[2, 5, 4, 10];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];

/// DER of a BIT STRING with `keyCertSign` and `cRLSign`.
const SIGN_CERTIFICATES_AND_LISTS: &[u8] = &[0x03, 0x02, 0x01, 0x06];
/// DER of basic constraints with `cA` true.
const AUTHORITY: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xff];
/// DER of basic constraints with `cA` left at its default, false.
const NO_AUTHORITY: &[u8] = &[0x30, 0x00];
/// DER of NULL.
const NULL: &[u8] = &[0x05, 0x00];
const UTC_TIME: u64 = 23;
const GENERALIZED_TIME: u64 = 24;

struct Draft<'a> {
    serial: u64,
    issuer: &'a str,
    subject: &'a str,
    not_before: u64,
    not_after: u64,
    spki: Vec<u8>,
    extensions: Vec<Extension>,
    marked: bool,
    pkcs1: bool,
}

struct Extension {
    oid: Vec<u64>,
    critical: bool,
    value: Vec<u8>,
}

impl Extension {
    fn new(oid: &[u64], critical: bool, value: impl Into<Vec<u8>>) -> Self {
        Self { oid: oid.to_vec(), critical, value: value.into() }
    }

    fn amd(arcs: &[u64], value: impl Into<Vec<u8>>) -> Self {
        Self::new(&[&AMD, arcs].concat(), false, value)
    }
}

/// The root's certificate over `key`.
pub(super) fn ark(now: u64, key: &RsaKey, signer: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
    AuthorityDraft { serial: ARK_SERIAL, ..AuthorityDraft::new(now, ARK_NAME) }.build(key, signer)
}

/// An authority's certificate in the making.
pub(super) struct AuthorityDraft<'a> {
    serial: u64,
    name: &'a str,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    pub(super) is_authority: bool,
}

impl<'a> AuthorityDraft<'a> {
    pub(super) const fn new(now: u64, name: &'a str) -> Self {
        let (not_before, not_after) = (now.saturating_sub(DAY), now.saturating_add(25 * YEAR));
        Self { serial: ASK_SERIAL, name, not_before, not_after, is_authority: true }
    }

    /// Signs the certificate over `key`.
    pub(super) fn build(&self, key: &RsaKey, root: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let constraints = if self.is_authority { AUTHORITY } else { NO_AUTHORITY };
        let draft = Draft {
            serial: self.serial,
            issuer: ARK_NAME,
            subject: self.name,
            not_before: self.not_before,
            not_after: self.not_after,
            spki: key.spki()?,
            extensions: vec![
                Extension::new(BASIC_CONSTRAINTS, true, constraints),
                Extension::new(KEY_USAGE, true, SIGN_CERTIFICATES_AND_LISTS),
            ],
            marked: true,
            pkcs1: false,
        };
        draft.build(root)
    }
}

/// A machine's certificate in the making.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault that a mutation switches on")]
pub(super) struct VekDraft {
    pub(super) key: SimulatedKey,
    pub(super) product: String,
    pub(super) tcb: [u8; 8],
    tcb_arcs: [u8; 8],
    /// The chip's identity as it is in the certificate; empty leaves it out.
    pub(super) chip: Vec<u8>,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    pub(super) marked: bool,
    pub(super) pkcs1: bool,
    pub(super) p256: bool,
    pub(super) other_issuer: bool,
    pub(super) leaves_out_tcb: bool,
    pub(super) repeats_extension: bool,
    pub(super) unknown_extension: bool,
}

impl VekDraft {
    pub(super) fn new(created: u64, machine: &SimulatedMachine, chip: [u8; 64]) -> Self {
        let years = if machine.key == SimulatedKey::Vlek { 1 } else { 7 };
        Self {
            key: machine.key,
            product: machine.product.name().to_owned(),
            tcb: tcb_bytes(machine.product, machine.tcb),
            tcb_arcs: tcb_extensions(machine.product),
            chip: chip.iter().take(chip_id_len(machine.product)).copied().collect(),
            not_before: created.saturating_sub(DAY),
            not_after: created.saturating_add(years * YEAR),
            marked: true,
            pkcs1: false,
            p256: false,
            other_issuer: false,
            leaves_out_tcb: false,
            repeats_extension: false,
            unknown_extension: false,
        }
    }

    /// Signs the certificate over `leaf`.
    pub(super) fn build(&self, leaf: &EcKey, issuer: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let (issuer_name, subject) = match self.key {
            SimulatedKey::Vcek => ("SEV-Simulated", "SEV-VCEK"),
            SimulatedKey::Vlek => ("SEV-VLEK-Simulated", "SEV-VLEK"),
        };
        let draft = Draft {
            serial: 0,
            issuer: if self.other_issuer { "SEV-Other" } else { issuer_name },
            subject,
            not_before: self.not_before,
            not_after: self.not_after,
            spki: if self.p256 { EcKey::p256_spki()? } else { leaf.spki()? },
            extensions: self.extensions(),
            marked: self.marked,
            pkcs1: self.pkcs1,
        };
        draft.build(issuer)
    }

    fn extensions(&self) -> Vec<Extension> {
        let integer = |number: u8| construct_der(|writer| writer.write_u8(number));
        let text = |text: &str| construct_der(|writer| writer.write_ia5_string(text));
        let mut extensions = vec![Extension::amd(&[1], integer(0)), Extension::amd(&[2], text(&self.product))];
        let versions = self.tcb_arcs.into_iter().zip(self.tcb);
        extensions.extend(versions.map(|(arc, number)| Extension::amd(&[3, u64::from(arc)], integer(number))));
        match self.key {
            SimulatedKey::Vlek => extensions.push(Extension::amd(&[5], text("CN=simulated.invalid"))),
            SimulatedKey::Vcek if self.chip.is_empty() => {}
            SimulatedKey::Vcek => extensions.push(Extension::amd(&[4], self.chip.clone())),
        }
        if self.leaves_out_tcb {
            extensions.retain(|extension| !extension.oid.ends_with(&[3, 8]));
        }
        if self.repeats_extension {
            extensions.push(Extension::amd(&[1], integer(0)));
        }
        if self.unknown_extension {
            extensions.push(Extension { critical: true, ..Extension::amd(&[99], integer(0)) });
        }
        extensions
    }
}

impl Draft<'_> {
    fn build(&self, signer: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let tbs = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
                writer.next().write_u64(self.serial);
                write_algorithm(writer.next(), self.pkcs1);
                write_name(writer.next(), self.issuer);
                writer.next().write_sequence(|writer| {
                    write_time(writer.next(), self.not_before);
                    write_time(writer.next(), self.not_after);
                });
                write_name(writer.next(), self.subject);
                writer.next().write_der(&self.spki);
                writer.next().write_tagged(Tag::context(3), |writer| self.write_extensions(writer));
            });
        });
        let signature = signer.sign(&tbs, self.pkcs1)?;
        Ok(wrap(&tbs, &signature, self.pkcs1))
    }

    fn write_extensions(&self, writer: DERWriter) {
        let mark = Extension::new(SIMULATOR_MARK, true, NULL);
        let mark = Some(&mark).filter(|_| self.marked);
        writer.write_sequence(|writer| {
            for extension in self.extensions.iter().chain(mark) {
                writer.next().write_sequence(|writer| {
                    write_oid(writer.next(), &extension.oid);
                    if extension.critical {
                        writer.next().write_bool(true);
                    }
                    writer.next().write_bytes(&extension.value);
                });
            }
        });
    }
}

/// A revocation list in the making.
pub(super) struct ListDraft {
    pub(super) this_update: u64,
    pub(super) next_update: u64,
    pub(super) revokes_ask: bool,
    pub(super) other_key: bool,
    pub(super) other_issuer: bool,
}

impl ListDraft {
    pub(super) const fn new(created: u64) -> Self {
        let this_update = created.saturating_sub(DAY);
        Self {
            this_update,
            next_update: created.saturating_add(25 * YEAR),
            revokes_ask: false,
            other_key: false,
            other_issuer: false,
        }
    }

    /// Signs the list.
    pub(super) fn build(&self, root: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let tbs = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(1);
                write_algorithm(writer.next(), false);
                write_name(writer.next(), if self.other_issuer { "ARK-Other" } else { ARK_NAME });
                write_time(writer.next(), self.this_update);
                write_time(writer.next(), self.next_update);
                if self.revokes_ask {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_sequence(|writer| {
                            writer.next().write_u64(ASK_SERIAL);
                            write_time(writer.next(), self.this_update);
                        });
                    });
                }
            });
        });
        let signature = root.sign(&tbs, false)?;
        Ok(wrap(&tbs, &signature, false))
    }
}

fn wrap(tbs: &[u8], signature: &[u8], pkcs1: bool) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(tbs);
            write_algorithm(writer.next(), pkcs1);
            writer.next().write_bitvec_bytes(signature, signature.len().saturating_mul(8));
        });
    })
}

fn write_algorithm(writer: DERWriter, pkcs1: bool) {
    writer.write_sequence(|writer| {
        if pkcs1 {
            write_oid(writer.next(), PKCS1_SHA384);
            writer.next().write_null();
            return;
        }
        write_oid(writer.next(), RSASSA_PSS);
        writer.next().write_sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), write_sha384);
            writer.next().write_tagged(Tag::context(1), |writer| {
                writer.write_sequence(|writer| {
                    write_oid(writer.next(), MGF1);
                    write_sha384(writer.next());
                });
            });
            writer.next().write_tagged(Tag::context(2), |writer| writer.write_u8(48));
        });
    });
}

fn write_sha384(writer: DERWriter) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), SHA384);
        writer.next().write_null();
    });
}

fn write_name(writer: DERWriter, common_name: &str) {
    writer.write_sequence(|writer| {
        for (oid, text) in [(ORGANISATION, SIMULATOR_ORGANISATION), (COMMON_NAME, common_name)] {
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
fn write_time(writer: DERWriter, seconds: u64) {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
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

fn write_oid(writer: DERWriter, arcs: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(arcs));
}
