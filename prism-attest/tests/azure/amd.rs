//! A private laboratory's processor: certificates in AMD's shape, and reports of version 3, under a root of our own.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA384};
use prism_attest::{Endorsements, SnpEndorsements};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, TagClass, construct_der};

/// 2027-01-15, within the certificates' dates.
pub(crate) const NOW: u64 = 1_800_000_000;

const AMD: [u64; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];
const TCB: [u8; 8] = [10, 0, 0, 0, 0, 0, 23, 84];
const CHIP: [u8; 64] = [0xc4; 64];

/// Root, intermediate and machine keys.
pub(crate) struct Processor {
    leaf: EcdsaKeyPair,
    endorsements: Endorsements,
}

impl Processor {
    pub(crate) fn new() -> Self {
        let root = RsaKeyPair::generate(KeySize::Rsa4096).unwrap();
        let ask = RsaKeyPair::generate(KeySize::Rsa4096).unwrap();
        let leaf = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let leaf_spki: PublicKeyX509Der = leaf.public_key().as_der().unwrap();
        let parts = SnpEndorsements {
            vek: certificate(("SEV-Genoa", "SEV-VCEK"), leaf_spki.as_ref(), &leaf_extensions(), &ask),
            ask: certificate(("ARK-Genoa", "SEV-Genoa"), &spki(&ask), &authority(), &root),
            ark: certificate(("ARK-Genoa", "ARK-Genoa"), &spki(&root), &authority(), &root),
            crl: None,
        };
        Self { leaf, endorsements: Endorsements::snp(parts).unwrap() }
    }

    pub(crate) const fn endorsements(&self) -> &Endorsements {
        &self.endorsements
    }

    pub(crate) fn root(&self) -> &[u8] {
        &self.endorsements.as_snp().unwrap().ark
    }

    /// A signed report (publication 56860, table 23).
    pub(crate) fn report(&self, report_data: [u8; 64], vmpl: u8) -> Vec<u8> {
        let mut report = vec![0; 1184];
        let fields: [(usize, &[u8]); 14] = [
            (0x00, &[3]),
            (0x08, &0x0003_001f_u64.to_le_bytes()),
            (0x30, &[vmpl]),
            (0x34, &[1]),
            (0x38, &TCB),
            (0x40, &[0x21]),
            (0x50, &report_data),
            (0x90, &[0x5f; 48]),
            (0x180, &TCB),
            (0x188, &[0x19, 0x11, 0x01]),
            (0x1a0, &CHIP),
            (0x1e0, &TCB),
            (0x1e8, &[1, 55, 1, 0, 1, 55, 1, 0]),
            (0x1f0, &TCB),
        ];
        for (at, bytes) in fields {
            report[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let signature = self.leaf.sign(&SystemRandom::new(), &report[..0x2a0]).unwrap();
        for (at, number) in [0x2a0, 0x2e8].into_iter().zip(signature.as_ref().chunks(48)) {
            report[at..at + 48].copy_from_slice(&number.iter().rev().copied().collect::<Vec<_>>());
        }
        report
    }
}

fn spki(key: &RsaKeyPair) -> Vec<u8> {
    let der: PublicKeyX509Der = key.public_key().as_der().unwrap();
    der.as_ref().to_vec()
}

type Extension = (Vec<u64>, bool, Vec<u8>);

fn authority() -> Vec<Extension> {
    vec![
        (vec![2, 5, 29, 19], true, vec![0x30, 0x03, 0x01, 0x01, 0xff]),
        (vec![2, 5, 29, 15], true, vec![0x03, 0x02, 0x01, 0x06]),
    ]
}

fn leaf_extensions() -> Vec<Extension> {
    let amd = |arcs: &[u64], value: Vec<u8>| ([&AMD, arcs].concat(), false, value);
    let integer = |number: u8| construct_der(|writer| writer.write_u8(number));
    let mut extensions = vec![
        amd(&[1], integer(0)),
        amd(&[2], construct_der(|writer| writer.write_ia5_string("Genoa"))),
        amd(&[4], CHIP.to_vec()),
    ];
    extensions.extend([1, 2, 4, 5, 6, 7, 3, 8].into_iter().zip(TCB).map(|(arc, value)| amd(&[3, arc], integer(value))));
    extensions
}

fn certificate((issuer, subject): (&str, &str), spki: &[u8], extensions: &[Extension], signer: &RsaKeyPair) -> Vec<u8> {
    let tbs = construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
            writer.next().write_u8(1);
            write_pss(writer.next());
            write_name(writer.next(), issuer);
            writer.next().write_sequence(|writer| {
                for time in ["260101000000Z", "460101000000Z"] {
                    let tag = Tag { tag_class: TagClass::Universal, tag_number: 23 };
                    writer.next().write_tagged_implicit(tag, |writer| writer.write_bytes(time.as_bytes()));
                }
            });
            write_name(writer.next(), subject);
            writer.next().write_der(spki);
            writer.next().write_tagged(Tag::context(3), |writer| write_extensions(writer, extensions));
        });
    });
    let mut signature = vec![0; signer.public_modulus_len()];
    signer.sign(&RSA_PSS_SHA384, &SystemRandom::new(), &tbs, &mut signature).unwrap();
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&tbs);
            write_pss(writer.next());
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    })
}

fn write_extensions(writer: DERWriter, extensions: &[Extension]) {
    writer.write_sequence(|writer| {
        for (oid, critical, value) in extensions {
            writer.next().write_sequence(|writer| {
                write_oid(writer.next(), oid);
                if *critical {
                    writer.next().write_bool(true);
                }
                writer.next().write_bytes(value);
            });
        }
    });
}

fn write_pss(writer: DERWriter) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), &[1, 2, 840, 113_549, 1, 1, 10]);
        writer.next().write_sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), write_sha384);
            writer.next().write_tagged(Tag::context(1), |writer| {
                writer.write_sequence(|writer| {
                    write_oid(writer.next(), &[1, 2, 840, 113_549, 1, 1, 8]);
                    write_sha384(writer.next());
                });
            });
            writer.next().write_tagged(Tag::context(2), |writer| writer.write_u8(48));
        });
    });
}

fn write_sha384(writer: DERWriter) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), &[2, 16, 840, 1, 101, 3, 4, 2, 2]);
        writer.next().write_null();
    });
}

fn write_name(writer: DERWriter, common_name: &str) {
    writer.write_sequence(|writer| {
        for (arc, text) in [(10, "Advanced Micro Devices"), (3, common_name)] {
            writer.next().write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    write_oid(writer.next(), &[2, 5, 4, arc]);
                    writer.next().write_utf8_string(text);
                });
            });
        }
    });
}

fn write_oid(writer: DERWriter, arcs: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(arcs));
}
