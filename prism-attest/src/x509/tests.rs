//! Certificates and lists of the pretend Intel with a few bytes changed: each condition on their form by itself.

use std::sync::OnceLock;

use x509_parser::asn1_rs::{Any, Tag};

use super::*;
use crate::binding::{AgentBinding, ReportData, SessionBinding};
use crate::endorsements::TdxEndorsements;
use crate::platform::simulated::{SimulatedTdxVendor, TdxMutation, TdxMutations};

const NOW: u64 = 1_800_000_000;

fn attested(mutations: &[TdxMutation]) -> TdxEndorsements {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    let vendor = VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap());
    let agent = AgentBinding::new([1; 16], vec![2], "log.key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    let report_data = ReportData::compose(&session.leaf(), &agent);
    let (_, endorsements) = vendor.attest(&report_data, &TdxMutations::new(mutations.to_vec())).unwrap();
    endorsements.as_tdx().unwrap().clone()
}

/// The authority for machines, and the root.
fn authorities() -> [Vec<u8>; 2] {
    pem::certificates(&attested(&[]).pck_crl_chain, 8).unwrap().try_into().unwrap()
}

fn signer() -> Vec<u8> {
    pem::certificates(&attested(&[]).tcb_info_chain, 8).unwrap().swap_remove(0)
}

fn places(der: &[u8], wanted: &[u8]) -> Vec<usize> {
    (0..=der.len() - wanted.len()).filter(|at| der[*at..].starts_with(wanted)).collect()
}

/// The bytes with the `number`th occurrence of something replaced by as much of something else.
fn with(der: &[u8], number: usize, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (at, mut der) = (places(der, from)[number], der.to_vec());
    der[at..at + to.len()].copy_from_slice(to);
    der
}

const SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

#[test]
fn the_algorithm_is_named_inside_and_outside() {
    let [ca, _] = authorities();
    let signed = |der: &[u8]| Certificate::parse(der).unwrap().is_signed_with(Scheme::Ecdsa);
    assert!(signed(&ca) && places(&ca, SHA256).len() == 2);
    assert!(!signed(&with(&ca, 0, SHA256, SHA384)) && !signed(&with(&ca, 1, SHA256, SHA384)));
    assert!(!Certificate::parse(&ca).unwrap().is_signed_with(Scheme::Pss));
    let list = attested(&[]).pck_crl;
    assert!(RevocationList::parse(&list, Scheme::Ecdsa).is_ok());
    for number in [0, 1] {
        assert!(RevocationList::parse(&with(&list, number, SHA256, SHA384), Scheme::Ecdsa).is_err());
    }
}

fn identifier(oid: Oid<'static>, parameters: Option<Any<'static>>) -> AlgorithmIdentifier<'static> {
    AlgorithmIdentifier::new(oid, parameters)
}

#[test]
fn ecdsa_is_named_twice_and_without_parameters() {
    let null = Some(Any::from_tag_and_data(Tag::Null, &[]));
    let right = identifier(oid!(1.2.840.10045.4.3.2), None);
    let other = identifier(oid!(1.2.840.10045.4.3.3), None);
    let more = identifier(oid!(1.2.840.10045.4.3.2), null);
    assert!(ecdsa::is_ecdsa(&right, &right));
    for (inner, outer) in [(&right, &other), (&other, &right), (&other, &other), (&right, &more), (&more, &more)] {
        assert!(!ecdsa::is_ecdsa(inner, outer));
    }
}

/// The parameters that AMD writes, with a salt of this many bytes, and what follows them.
fn pss_parameters(salt: u8, trailer: &[u8]) -> &'static [u8] {
    let sha384 = [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00];
    let mgf1 = [0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
    let salt = [0xa2, 0x03, 0x02, 0x01, salt];
    [&[0xa0, 0x0f][..], &sha384, &[0xa1, 0x1c], &mgf1, &sha384, &salt, trailer].concat().leak()
}

#[test]
fn pss_is_named_twice_with_these_parameters_only() {
    let pss = |parameters| identifier(oid!(1.2.840.113549.1.1.10), Some(parameters));
    let sequence = |data: &'static [u8]| Any::from_tag_and_data(Tag::Sequence, data);
    let right = pss(sequence(pss_parameters(48, &[])));
    let spelled_out = pss(sequence(pss_parameters(48, &[0xa3, 0x03, 0x02, 0x01, 0x01])));
    assert!(pss::is_pss(&right, &right) && pss::is_pss(&spelled_out, &spelled_out));
    let others = [
        pss(sequence(pss_parameters(32, &[]))),
        pss(sequence(pss_parameters(48, &[0xa3, 0x03, 0x02, 0x01, 0x02]))),
        pss(sequence(pss_parameters(48, &[0]))),
        pss(Any::from_tag_and_data(Tag::Set, pss_parameters(48, &[]))),
        identifier(oid!(1.2.840.113549.1.1.10), None),
        identifier(oid!(1.2.840.113549.1.1.11), Some(sequence(pss_parameters(48, &[])))),
        spelled_out,
    ];
    for other in &others {
        assert!(!pss::is_pss(&right, other) && !pss::is_pss(other, &right));
    }
    for other in others.split_last().unwrap().1 {
        assert!(!pss::is_pss(other, other));
    }
}

#[test]
fn the_signed_part_is_wrapped_in_one_way_only() {
    let [ca, _] = authorities();
    let certificate = Certificate::parse(&ca).unwrap();
    let (tbs, signature) = (certificate.tbs(), certificate.signature());
    assert!(ecdsa::is_plainly_wrapped(&ca, tbs, signature));
    assert!(
        !ecdsa::is_plainly_wrapped(&ca, tbs, &signature[1..]) && !ecdsa::is_plainly_wrapped(&ca, &tbs[1..], signature)
    );
    assert!(!ecdsa::is_plainly_wrapped(&[&ca[..], &[0]].concat(), tbs, signature));
    let signature = [7; 512];
    for trailer in [&[][..], &[0xa3, 0x03, 0x02, 0x01, 0x01]] {
        let parameters = pss_parameters(48, trailer);
        let length = u8::try_from(parameters.len()).unwrap();
        let oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
        let algorithm = [&[0x30, length + 13][..], &oid, &[0x30, length], parameters].concat();
        let body = [&[0x30, 0x01, 0x00][..], &algorithm, &[0x03, 0x82, 0x02, 0x01, 0x00], &signature].concat();
        let der = [&[0x30, 0x82][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat();
        assert!(pss::is_plainly_wrapped(&der, &[0x30, 0x01, 0x00], &signature));
        assert!(!pss::is_plainly_wrapped(&der, &[0x30, 0x01, 0x01], &signature));
        assert!(!pss::is_plainly_wrapped(&[&der[..], &[0]].concat(), &[0x30, 0x01, 0x00], &signature));
        assert!(!pss::is_plainly_wrapped(
            &with(&der, 0, &[0x05, 0x00], &[0x04, 0x00]),
            &[0x30, 0x01, 0x00],
            &signature
        ));
    }
}

#[test]
fn certificates_are_of_version_3_and_lists_of_version_2() {
    let [ca, _] = authorities();
    for version in [0, 1, 3] {
        assert!(Certificate::parse(&with(&ca, 0, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, version])).is_err());
    }
    let list = attested(&[]).pck_crl;
    for version in [0, 2] {
        assert!(RevocationList::parse(&with(&list, 0, &[2, 1, 1], &[2, 1, version]), Scheme::Ecdsa).is_err());
    }
}

#[test]
fn keys_are_for_what_their_certificate_says() {
    let ([ca, root], leaf) = (authorities(), signer());
    let uses = |der: &[u8]| {
        let certificate = Certificate::parse(der).unwrap();
        [certificate.may_sign_certificates(), certificate.may_sign_lists(), certificate.is_authority()]
    };
    assert_eq!((uses(&ca), uses(&root), uses(&leaf)), ([true; 3], [true; 3], [false; 3]));
    let usage = [0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x01, 0x06];
    let only = |bits| [&usage[..10], &[0x01, bits]].concat();
    assert_eq!(uses(&with(&ca, 0, &usage, &only(0x04))), [true, false, true]);
    assert_eq!(uses(&with(&ca, 0, &usage, &only(0x02))), [false, true, true]);
    let lax = [&usage[..5], &[0x00], &usage[6..]].concat();
    assert!(!Certificate::parse(&with(&ca, 0, &usage, &lax)).is_ok_and(|ca| ca.may_sign_lists()));
}

#[test]
fn one_mark_of_the_simulator_is_a_mark() {
    let [ca, _] = authorities();
    let (organisation, other) = (SIMULATOR_ORGANISATION.as_bytes(), &[b'x'; 27][..]);
    assert_eq!(places(&ca, organisation).len(), 2);
    let critical = [SIMULATOR_MARK_DER, &[0x01, 0x01, 0xff]].concat();
    let lax = [&[0x2a; 11][..], &[0x01, 0x01, 0x00]].concat();
    let marks = |der: &[u8]| {
        let certificate = Certificate::parse(der).unwrap();
        [certificate.has_a_simulator_mark(), certificate.has_every_simulator_mark()]
    };
    let unnamed = |number, der: &[u8]| with(der, number, organisation, other);
    assert_eq!(marks(&ca), [true, true]);
    assert_eq!(marks(&unnamed(0, &ca)), [true, true]);
    assert_eq!(marks(&unnamed(0, &unnamed(0, &ca))), [true, false]);
    let plain = with(&ca, 0, &critical, &lax);
    assert_eq!(marks(&unnamed(0, &plain)), [true, false]);
    assert_eq!(marks(&unnamed(1, &plain)), [true, false]);
    assert_eq!(marks(&unnamed(0, &unnamed(0, &plain))), [false, false]);
}

/// A name (RFC 5280 section 4.1.2.4) of these attributes: the last byte of the type, and the text.
fn name_of(attributes: &[(u8, &str)]) -> Vec<u8> {
    let wrapped = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let attribute = |(kind, text): &(u8, &str)| {
        let pair = [&[0x06, 0x03, 0x55, 0x04, *kind][..], &wrapped(0x0c, text.as_bytes())].concat();
        wrapped(0x31, &wrapped(0x30, &pair))
    };
    wrapped(0x30, &attributes.iter().flat_map(attribute).collect::<Vec<_>>())
}

#[test]
fn a_name_has_one_organisation_and_one_common_name() {
    const ORGANISATION: u8 = 10;
    const COMMON: u8 = 3;
    let read = |attributes: &[(u8, &str)]| {
        let der = name_of(attributes);
        let (_, parsed) = X509Name::from_der(&der).unwrap();
        name(&parsed).map(|(organisation, common)| (organisation.to_owned(), common.to_owned()))
    };
    let one = [(ORGANISATION, "o"), (COMMON, "c")];
    assert_eq!(read(&one), Some(("o".to_owned(), "c".to_owned())));
    assert_eq!(read(&[one[0]]), None);
    assert_eq!(read(&[one[1]]), None);
    assert_eq!(read(&[one[0], one[1], (COMMON, "d")]), None);
    assert_eq!(read(&[one[0], one[1], (ORGANISATION, "p")]), None);
}

#[test]
fn names_and_dates_are_shown_as_they_are() {
    let [ca, _] = authorities();
    let certificate = Certificate::parse(&ca).unwrap();
    assert_eq!(certificate.issuer_name(), Some("Intel SGX Root CA"));
    assert_eq!(certificate.dates(), certificate.window().to_string());
    let list = attested(&[]).pck_crl;
    let list = RevocationList::parse(&list, Scheme::Ecdsa).unwrap();
    assert_eq!(Some(list.dates()), list.window().map(|window| window.to_string()));
}

#[test]
fn a_list_is_current_between_its_dates_and_names_serial_numbers() {
    let bytes = attested(&[TdxMutation::RootRevoked, TdxMutation::TcbSigningRevoked]).root_crl;
    let list = RevocationList::parse(&bytes, Scheme::Ecdsa).unwrap();
    let window = list.window().unwrap();
    assert!(list.is_current(window.not_before) && list.is_current(window.not_after));
    assert!(!list.is_current(window.not_before - 1) && !list.is_current(window.not_after + 1));
    let (signer, [ca, root]) = (signer(), authorities());
    let serial = |der: &[u8]| Certificate::parse(der).unwrap().serial();
    assert!(list.revokes(&serial(&signer)) && list.revokes(&serial(&root)) && !list.revokes(&serial(&ca)));
}

fn extensions(number: u64) -> Vec<X509Extension<'static>> {
    let named = |last| Oid::from(&[1, 3, 6, 1, 4, 1, last]).unwrap();
    let absent = || ParsedExtension::UnsupportedExtension { oid: named(0) };
    (1..=number).map(|last| X509Extension::new(named(last), false, &[], absent())).collect()
}

#[test]
fn nobody_can_make_us_compare_thousands_of_extensions() {
    assert_eq!(check_extensions(&extensions(64)), Ok(()));
    assert_eq!(check_extensions(&extensions(65)), Err("more extensions than there are"));
    let mut twice = extensions(63);
    twice.extend(extensions(1));
    assert_eq!(check_extensions(&twice), Err("an extension twice"));
}
