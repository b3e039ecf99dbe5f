//! Certificates and revocation lists in Intel's shape (SGX PCK Certificate and CRL Profile Specification), with the
//! simulator's marks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use yasna::{DERWriter, Tag, construct_der};

use super::keys::P256Key;
use crate::platform::simulated::SimulatorError;
use crate::platform::simulated::der::{
    BASIC_CONSTRAINTS, Extension, KEY_USAGE, Tbs, wrap, write_name, write_oid, write_time,
};
use crate::x509::SIMULATOR_ORGANISATION;

pub(crate) const ROOT: &str = "Intel SGX Root CA";
pub(crate) const PLATFORM_CA: &str = "Intel SGX PCK Platform CA";
pub(crate) const PROCESSOR_CA: &str = "Intel SGX PCK Processor CA";
pub(crate) const TCB_SIGNING: &str = "Intel SGX TCB Signing";
pub(crate) const PCK: &str = "Intel SGX PCK Certificate";

const INTEL: &str = "Intel Corporation";
const ECDSA_SHA256: &[u64] = &[1, 2, 840, 10_045, 4, 3, 2];
const CRL_NUMBER: &[u64] = &[2, 5, 29, 20];
/// DER of a BIT STRING with `keyCertSign` and `cRLSign`.
const SIGN_CERTIFICATES_AND_LISTS: &[u8] = &[0x03, 0x02, 0x01, 0x06];
/// DER of a BIT STRING with `digitalSignature` and `nonRepudiation`.
const SIGN_DATA: &[u8] = &[0x03, 0x02, 0x06, 0xc0];
const NO_AUTHORITY: &[u8] = &[0x30, 0x00];

/// A certificate in the making.
#[derive(Clone, Debug)]
pub(crate) struct CertificateDraft {
    pub(crate) serial: u64,
    pub(crate) issuer: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// How many authorities may follow, if it is one.
    pub(crate) authority: Option<u8>,
    /// The machine's extension, if it is a machine's.
    pub(crate) pck: Option<PckDraft>,
    pub(crate) marked: bool,
    /// With Intel's organisation in place of the simulator's.
    pub(crate) disguised: bool,
}

impl CertificateDraft {
    /// Signs the certificate over `key`.
    pub(crate) fn build(&self, key: &P256Key, signer: &P256Key) -> Result<Vec<u8>, SimulatorError> {
        let organisation = if self.disguised { INTEL } else { SIMULATOR_ORGANISATION };
        let tbs = Tbs {
            serial: self.serial,
            issuer: (organisation, self.issuer),
            subject: (organisation, self.subject),
            not_before: self.not_before,
            not_after: self.not_after,
            spki: &key.spki()?,
            extensions: &self.extensions(),
            marked: self.marked && !self.disguised,
        };
        sign(&tbs.write(write_algorithm), signer)
    }

    fn extensions(&self) -> Vec<Extension> {
        let (usage, constraints) = match self.authority {
            Some(path_len) => (SIGN_CERTIFICATES_AND_LISTS, vec![0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, path_len]),
            None => (SIGN_DATA, NO_AUTHORITY.to_vec()),
        };
        let mut extensions =
            vec![Extension::new(KEY_USAGE, true, usage), Extension::new(BASIC_CONSTRAINTS, true, constraints)];
        extensions.extend(self.pck.as_ref().map(|pck| Extension::new(&PckDraft::ARC, false, pck.write())));
        extensions
    }
}

/// What a machine's certificate says about it (profile specification, section 1.3.5).
#[derive(Clone, Debug)]
pub(crate) struct PckDraft {
    pub(crate) ppid: [u8; 16],
    pub(crate) components: [u8; 16],
    pub(crate) pce_svn: u8,
    pub(crate) pce_id: [u8; 2],
    pub(crate) fmspc: [u8; 6],
    /// Machines of several processors have an instance id, and say whether they are dynamic, keep keys with Intel and
    /// run several threads a core.
    pub(crate) platform: Option<([u8; 16], [bool; 3])>,
    pub(crate) repeats_fmspc: bool,
}

impl PckDraft {
    const ARC: [u64; 7] = [1, 2, 840, 113_741, 1, 13, 1];

    fn write(&self) -> Vec<u8> {
        construct_der(|writer| {
            writer.write_sequence(|writer| {
                field(writer.next(), &[1], |writer| writer.write_bytes(&self.ppid));
                field(writer.next(), &[2], |writer| self.write_tcb(writer));
                field(writer.next(), &[3], |writer| writer.write_bytes(&self.pce_id));
                field(writer.next(), &[4], |writer| writer.write_bytes(&self.fmspc));
                if self.repeats_fmspc {
                    field(writer.next(), &[4], |writer| writer.write_bytes(&self.fmspc));
                }
                let kind = i64::from(self.platform.is_some());
                field(writer.next(), &[5], |writer| writer.write_enum(kind));
                if let Some((instance, flags)) = &self.platform {
                    field(writer.next(), &[6], |writer| writer.write_bytes(instance));
                    field(writer.next(), &[7], |writer| {
                        writer.write_sequence(|writer| {
                            for (arc, flag) in (1..).zip(flags) {
                                field(writer.next(), &[7, arc], |writer| writer.write_bool(*flag));
                            }
                        });
                    });
                }
            });
        })
    }

    fn write_tcb(&self, writer: DERWriter) {
        writer.write_sequence(|writer| {
            for (arc, component) in (1..).zip(self.components) {
                field(writer.next(), &[2, arc], |writer| writer.write_u8(component));
            }
            field(writer.next(), &[2, 17], |writer| writer.write_u8(self.pce_svn));
            field(writer.next(), &[2, 18], |writer| writer.write_bytes(&self.components));
        });
    }
}

/// One named value of Intel's extension.
fn field(writer: DERWriter, arcs: &[u64], value: impl FnOnce(DERWriter)) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), &[&PckDraft::ARC, arcs].concat());
        value(writer.next());
    });
}

/// A revocation list in the making.
#[derive(Clone, Debug)]
pub(crate) struct ListDraft {
    pub(crate) issuer: &'static str,
    pub(crate) this_update: u64,
    pub(crate) next_update: u64,
    /// Serial numbers.
    pub(crate) revoked: Vec<u64>,
    pub(crate) disguised: bool,
}

impl ListDraft {
    /// Signs the list.
    pub(crate) fn build(&self, signer: &P256Key) -> Result<Vec<u8>, SimulatorError> {
        let organisation = if self.disguised { INTEL } else { SIMULATOR_ORGANISATION };
        let number = Extension::new(CRL_NUMBER, false, construct_der(|writer| writer.write_u8(1)));
        let tbs = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(1);
                write_algorithm(writer.next());
                write_name(writer.next(), (organisation, self.issuer));
                write_time(writer.next(), self.this_update);
                write_time(writer.next(), self.next_update);
                if !self.revoked.is_empty() {
                    writer.next().write_sequence(|writer| {
                        for serial in &self.revoked {
                            writer.next().write_sequence(|writer| {
                                writer.next().write_u64(*serial);
                                write_time(writer.next(), self.this_update);
                            });
                        }
                    });
                }
                writer.next().write_tagged(Tag::context(0), |writer| {
                    writer.write_sequence(|writer| number.write(writer.next()));
                });
            });
        });
        sign(&tbs, signer)
    }
}

/// PEM of certificates in this order.
pub(crate) fn pem(chain: &[&[u8]]) -> Vec<u8> {
    let mut text = String::new();
    for der in chain {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(der).as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text.into_bytes()
}

fn sign(tbs: &[u8], signer: &P256Key) -> Result<Vec<u8>, SimulatorError> {
    Ok(wrap(tbs, write_algorithm, &signer.sign_asn1(tbs)?))
}

fn write_algorithm(writer: DERWriter) {
    writer.write_sequence(|writer| write_oid(writer.next(), ECDSA_SHA256));
}
