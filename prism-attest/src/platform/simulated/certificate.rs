//! Certificates and revocation lists in AMD's shape, with the simulator's marks.

use yasna::{DERWriter, Tag, construct_der};

use super::SimulatorError;
use super::der::{BASIC_CONSTRAINTS, Extension, KEY_USAGE, Tbs, wrap, write_name, write_oid, write_time};
use super::keys::{EcKey, Padding, RsaKey};
use super::machine::{SimulatedKey, SimulatedMachine};
use crate::platform::snp::product::{chip_id_len, tcb_bytes, tcb_extensions};
use crate::x509::SIMULATOR_ORGANISATION;

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;
const AMD_ORGANISATION: &str = "Advanced Micro Devices";
const ARK_NAME: &str = "ARK-Simulated";
const AMD: [u64; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];
const ASK_SERIAL: u64 = 0x00ff_0001;
const ARK_SERIAL: u64 = 0x00ff_0000;

const RSASSA_PSS: &[u64] = &[1, 2, 840, 113_549, 1, 1, 10];
const MGF1: &[u64] = &[1, 2, 840, 113_549, 1, 1, 8];
const PKCS1_SHA384: &[u64] = &[1, 2, 840, 113_549, 1, 1, 12];
const SHA384: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 2];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];

/// DER of a BIT STRING with `keyCertSign` and `cRLSign`.
const SIGN_CERTIFICATES_AND_LISTS: &[u8] = &[0x03, 0x02, 0x01, 0x06];
/// DER of basic constraints with `cA` true.
const AUTHORITY: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xff];
/// DER of basic constraints with `cA` left at its default, false.
const NO_AUTHORITY: &[u8] = &[0x30, 0x00];

struct Draft<'a> {
    serial: u64,
    issuer: &'a str,
    subject: &'a str,
    not_before: u64,
    not_after: u64,
    spki: Vec<u8>,
    extensions: Vec<Extension>,
    marked: bool,
    /// Without marks and with AMD's organisation.
    disguised: bool,
    padding: Padding,
}

fn amd(arcs: &[u64], value: impl Into<Vec<u8>>) -> Extension {
    Extension::new(&[&AMD, arcs].concat(), false, value)
}

const fn organisation(disguised: bool) -> &'static str {
    if disguised { AMD_ORGANISATION } else { SIMULATOR_ORGANISATION }
}

/// The root's certificate over `key`.
pub(crate) fn ark(now: u64, key: &RsaKey, disguised: bool) -> Result<Vec<u8>, SimulatorError> {
    AuthorityDraft { serial: ARK_SERIAL, disguised, ..AuthorityDraft::new(now, ARK_NAME) }.build(key, key)
}

/// An authority's certificate in the making.
pub(crate) struct AuthorityDraft<'a> {
    serial: u64,
    name: &'a str,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) is_authority: bool,
    pub(crate) disguised: bool,
}

impl<'a> AuthorityDraft<'a> {
    pub(crate) const fn new(now: u64, name: &'a str) -> Self {
        let (not_before, not_after) = (now.saturating_sub(DAY), now.saturating_add(25 * YEAR));
        Self { serial: ASK_SERIAL, name, not_before, not_after, is_authority: true, disguised: false }
    }

    /// Signs the certificate over `key`.
    pub(crate) fn build(&self, key: &RsaKey, root: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
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
            disguised: self.disguised,
            padding: Padding::Pss,
        };
        draft.build(root)
    }
}

/// The certified security version of the microcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Microcode {
    AsItIs,
    /// 256 more than it is, whose last byte is the same.
    TwoBytes,
    /// 219 without the zero that keeps it positive.
    Negative,
    Missing,
}

/// A machine's certificate in the making.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault that a mutation switches on")]
pub(crate) struct VekDraft {
    pub(crate) key: SimulatedKey,
    pub(crate) product: String,
    pub(crate) tcb: [u8; 8],
    tcb_arcs: [u8; 8],
    /// The chip's identity as it is in the certificate; empty leaves it out.
    pub(crate) chip: Vec<u8>,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) marked: bool,
    pub(crate) disguised: bool,
    pub(crate) padding: Padding,
    pub(crate) p256: bool,
    pub(crate) other_issuer: bool,
    pub(crate) microcode: Microcode,
    pub(crate) repeats_extension: bool,
    pub(crate) unknown_extension: bool,
}

impl VekDraft {
    pub(crate) fn new(created: u64, machine: &SimulatedMachine, chip: [u8; 64]) -> Self {
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
            disguised: false,
            padding: Padding::Pss,
            p256: false,
            other_issuer: false,
            microcode: Microcode::AsItIs,
            repeats_extension: false,
            unknown_extension: false,
        }
    }

    /// Signs the certificate over `leaf`.
    pub(crate) fn build(&self, leaf: &EcKey, issuer: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
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
            disguised: self.disguised,
            padding: self.padding,
        };
        draft.build(issuer)
    }

    fn extensions(&self) -> Vec<Extension> {
        let integer = |number: u8| construct_der(|writer| writer.write_u8(number));
        let text = |text: &str| construct_der(|writer| writer.write_ia5_string(text));
        let mut extensions = vec![amd(&[1], integer(0)), amd(&[2], text(&self.product))];
        let versions = self.tcb_arcs.into_iter().zip(self.tcb);
        extensions.extend(versions.map(|(arc, number)| amd(&[3, u64::from(arc)], integer(number))));
        match self.key {
            SimulatedKey::Vlek => extensions.push(amd(&[5], text("CN=simulated.invalid"))),
            SimulatedKey::Vcek if self.chip.is_empty() => {}
            SimulatedKey::Vcek => extensions.push(amd(&[4], self.chip.clone())),
        }
        let microcode = extensions.iter().position(|extension| extension.oid.ends_with(&[3, 8]));
        if let Some(extension) = microcode.and_then(|at| extensions.get_mut(at)) {
            match self.microcode {
                Microcode::AsItIs => {}
                Microcode::TwoBytes => extension.value.splice(1..2, [2, 1]).for_each(drop),
                Microcode::Negative => extension.value = vec![0x02, 0x01, 0xdb],
                Microcode::Missing => extensions.retain(|extension| !extension.oid.ends_with(&[3, 8])),
            }
        }
        if self.repeats_extension {
            extensions.push(amd(&[1], integer(0)));
        }
        if self.unknown_extension {
            extensions.push(Extension { critical: true, ..amd(&[99], integer(0)) });
        }
        extensions
    }
}

impl Draft<'_> {
    fn build(&self, signer: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let organisation = organisation(self.disguised);
        let tbs = Tbs {
            serial: self.serial,
            issuer: (organisation, self.issuer),
            subject: (organisation, self.subject),
            not_before: self.not_before,
            not_after: self.not_after,
            spki: &self.spki,
            extensions: &self.extensions,
            marked: self.marked && !self.disguised,
        };
        sign(signer, self.padding, |algorithm| tbs.write(algorithm))
    }
}

/// A revocation list in the making.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault that a mutation switches on")]
pub(crate) struct ListDraft {
    pub(crate) this_update: u64,
    pub(crate) next_update: u64,
    pub(crate) revokes_ask: bool,
    pub(crate) other_key: bool,
    pub(crate) other_issuer: bool,
    pub(crate) disguised: bool,
}

impl ListDraft {
    pub(crate) const fn new(created: u64) -> Self {
        let this_update = created.saturating_sub(DAY);
        Self {
            this_update,
            next_update: created.saturating_add(25 * YEAR),
            revokes_ask: false,
            other_key: false,
            other_issuer: false,
            disguised: false,
        }
    }

    /// Signs the list.
    pub(crate) fn build(&self, root: &RsaKey) -> Result<Vec<u8>, SimulatorError> {
        let issuer = if self.other_issuer { "ARK-Other" } else { ARK_NAME };
        sign(root, Padding::Pss, |algorithm| {
            construct_der(|writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_u8(1);
                    algorithm(writer.next());
                    write_name(writer.next(), (organisation(self.disguised), issuer));
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
            })
        })
    }
}

/// Writes the signed part with this algorithm in it, signs it, and puts the two together.
fn sign(
    signer: &RsaKey,
    padding: Padding,
    write: impl FnOnce(&dyn Fn(DERWriter)) -> Vec<u8>,
) -> Result<Vec<u8>, SimulatorError> {
    let algorithm = |writer: DERWriter| write_algorithm(writer, padding);
    let tbs = write(&algorithm);
    Ok(wrap(&tbs, algorithm, &signer.sign(&tbs, padding)?))
}

fn write_algorithm(writer: DERWriter, padding: Padding) {
    let (hash, salt) = match padding {
        Padding::Pkcs1 => {
            return writer.write_sequence(|writer| {
                write_oid(writer.next(), PKCS1_SHA384);
                writer.next().write_null();
            });
        }
        Padding::Pss => (SHA384, 48),
        Padding::PssSha256 => (SHA256, 32),
        Padding::PssShortSalt => (SHA384, 32),
    };
    writer.write_sequence(|writer| {
        write_oid(writer.next(), RSASSA_PSS);
        writer.next().write_sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), |writer| write_hash(writer, hash));
            writer.next().write_tagged(Tag::context(1), |writer| {
                writer.write_sequence(|writer| {
                    write_oid(writer.next(), MGF1);
                    write_hash(writer.next(), hash);
                });
            });
            writer.next().write_tagged(Tag::context(2), |writer| writer.write_u8(salt));
        });
    });
}

fn write_hash(writer: DERWriter, hash: &[u64]) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), hash);
        writer.next().write_null();
    });
}
