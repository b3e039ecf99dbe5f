//! Quotes that are cut, stretched or scrambled where nobody signed: refused, never a panic.

use prism_attest::{Check, Evidence, Platform, Prepared, Roots, Stage, VerifyError};
use proptest::prelude::*;

use crate::{real, support};

fn prepared() -> Option<(Evidence, Prepared)> {
    let folder = support::vectors("real")?;
    let (evidence, endorsements) = real::up_to_date(&folder);
    let prepared = Prepared::new(Platform::Tdx, &endorsements, &Roots::built_in(), real::UP_TO_DATE_AT).unwrap();
    Some((evidence, prepared))
}

fn look(prepared: &Prepared, bytes: Vec<u8>) -> Result<(), VerifyError> {
    let evidence = Evidence::new(Platform::Tdx, bytes).unwrap();
    prepared.verify(&evidence, real::UP_TO_DATE_AT).map(drop)
}

fn check(result: Result<(), VerifyError>) -> Check {
    result.unwrap_err().findings().last().unwrap().check
}

#[test]
fn every_cut_quote_is_refused_for_its_form() {
    let Some((evidence, prepared)) = prepared() else { return };
    // After 4936 bytes there are only zeros.
    for length in 1..4936 {
        let found = check(look(&prepared, evidence.bytes()[..length].to_vec()));
        assert_eq!(found.stage(), Stage::Format, "{length} bytes: {found}");
    }
    assert!(look(&prepared, evidence.bytes()[..4936].to_vec()).is_ok());
}

#[test]
fn every_header_field_has_its_own_check() {
    let Some((evidence, prepared)) = prepared() else { return };
    for (at, expected) in [
        (0, Check::QuoteVersion),
        (2, Check::QuoteKeyType),
        (4, Check::QuoteTee),
        (8, Check::QuoteSignature),
        (12, Check::QuoteVendor),
        (28, Check::QuoteSignature),
        (48 + 121, Check::QuoteAttributes),
        (48 + 128, Check::QuoteXfam),
        (48 + 135, Check::QuoteXfam),
        (632, Check::QuoteLength),
        (764, Check::QuoteCertification),
        (766, Check::QuoteLength),
        (4936, Check::QuoteTrailing),
        (5005, Check::QuoteTrailing),
    ] {
        let mut bytes = evidence.bytes().to_vec();
        bytes[at] ^= 0x02;
        assert_eq!(check(look(&prepared, bytes)), expected, "byte {at}");
    }
}

#[test]
fn a_body_of_another_version_is_refused() {
    let Some((evidence, prepared)) = prepared() else { return };
    let mut bytes = evidence.bytes().to_vec();
    bytes[0] = 5;
    assert_eq!(check(look(&prepared, bytes)), Check::QuoteBody);
    for (kind, length) in [(1, 384), (2, 648), (3, 584), (4, 648), (0, 584)] {
        let mut bytes = evidence.bytes().to_vec();
        bytes[0] = 5;
        bytes[48..50].copy_from_slice(&u16::to_le_bytes(kind));
        bytes[50..54].copy_from_slice(&u32::to_le_bytes(length));
        assert_eq!(check(look(&prepared, bytes)), Check::QuoteBody, "type {kind} with {length} bytes");
    }
}

#[test]
fn other_certification_data_need_the_chain_from_elsewhere() {
    let Some((evidence, prepared)) = prepared() else { return };
    let admitted = prepared.admit(&evidence, real::UP_TO_DATE_AT).unwrap();
    for kind in [1, 2, 3, 4, 7] {
        let mut bytes = evidence.bytes().to_vec();
        bytes[1252] = kind;
        assert_eq!(check(look(&prepared, bytes.clone())), Check::QuoteCertification, "type {kind}");
        look(&admitted, bytes).unwrap();
    }
}

#[test]
fn more_certificates_than_a_chain_has_are_not_looked_at() {
    let Some((evidence, prepared)) = prepared() else { return };
    let bytes = evidence.bytes();
    let (start, chain) = (1258, &bytes[1258..4936]);
    let end = chain.windows(27).rposition(|window| window == b"-----BEGIN CERTIFICATE-----").unwrap();
    for (copies, expected) in [(1, Check::CertificateChain), (5, Check::CertificateChain), (6, Check::CertificatesMax)]
    {
        let more = chain[end..chain.len() - 1].repeat(copies);
        let longer = [&bytes[..start], &more, &bytes[start..4936]].concat();
        let mut longer = longer;
        for at in [632, 766, 1254] {
            let size = u32::from_le_bytes(longer[at..at + 4].try_into().unwrap());
            let size = size + u32::try_from(more.len()).unwrap();
            longer[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
        assert_eq!(check(look(&prepared, longer)), expected, "{copies} more");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_scrambled_chain_is_refused(at in 1258_usize..4935, value: u8) {
        if let Some((evidence, prepared)) = prepared() {
            let mut bytes = evidence.bytes().to_vec();
            prop_assume!(bytes[at] != value && !matches!((bytes[at], value), (b'\n', b'\r') | (b'\r', b'\n')));
            bytes[at] = value;
            // The certificates are signed, and their text has one form but for its line ends.
            let result = look(&prepared, bytes);
            prop_assert!(result.is_err() || matches!(value, b'\n' | b'\r'));
        }
    }

    #[test]
    fn bytes_of_any_kind_are_refused(bytes in prop::collection::vec(any::<u8>(), 1..6000)) {
        if let Some((_, prepared)) = prepared() {
            prop_assert!(look(&prepared, bytes).is_err());
        }
    }
}
