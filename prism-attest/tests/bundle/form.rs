//! The file form: one spelling, and nothing that was damaged.

use prism_attest::endorsements::bundle::{
    AmdSigner, Answer, BUNDLE_ENTRIES_MAX, Bundle, BundleError, EndorsementKey, Entry, EntryError, MergeError, Origin,
    PckCa,
};
use prism_core::code::{Code, Coded};
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::{Product, Tcb};
use proptest::prelude::*;

use crate::made;

#[test]
fn a_bundle_reads_back_as_it_was_written() {
    let bundle = made::bundle();
    assert_eq!(bundle.entries().len(), 3, "certificate, issuers and list");
    assert_eq!(Bundle::read(&bundle.to_bytes()).unwrap(), bundle);
    assert_eq!(Bundle::read(&Bundle::new().to_bytes()).unwrap(), Bundle::new());
}

#[test]
fn equal_bundles_have_equal_bytes_however_they_were_gathered() {
    let (mut one, mut other) = (Bundle::new(), Bundle::new());
    let entries: Vec<Entry> = (0..5).map(|n| made::judgement([n; 6], 1, 0)).collect();
    for (first, last) in entries.iter().zip(entries.iter().rev()) {
        one.add(first.clone()).unwrap();
        other.add(last.clone()).unwrap();
    }
    assert_eq!(one.to_bytes(), other.to_bytes());
}

/// The text of a bundle with one thing replaced, which must be there.
fn altered(bundle: &Bundle, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bundle.to_bytes()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn every_part_that_was_altered_is_named() {
    let mut bundle = Bundle::new();
    bundle.add(made::judgement([1; 6], 7, 0)).unwrap();
    let read = |from: &str, to: &str| Bundle::read(&altered(&bundle, from, to)).unwrap_err();
    assert!(matches!(read(r#""v":1"#, r#""v":2"#), BundleError::Version { found: 2 }));
    assert!(matches!(read(r#""kind":"tcb-info""#, r#""kind":"tcb""#), BundleError::Key { at: 0 }));
    assert!(matches!(read("010101010101", "01010101010A"), BundleError::Key { at: 0 }), "one spelling of a key");
    assert!(matches!(read("010101010101", "010101010102"), BundleError::Entry(EntryError::Content { .. })));
    assert!(matches!(read(r#""bytes":"eyJ0"#, r#""bytes":"eyJ1"#), BundleError::Digest { .. }));
    assert!(matches!(read(r#""bytes":"eyJ0"#, r#""bytes":"!yJ0"#), BundleError::Base64 { .. }));
    assert!(matches!(read(r#""not_before":1"#, r#""not_before":2"#), BundleError::Window { .. }));
    assert!(matches!(read("vendor.example", "vendor.exemple"), BundleError::Damaged));
    assert!(matches!(read(r#""fetched_at":18"#, r#""fetched_at":19"#), BundleError::Damaged));
    assert!(matches!(read(r#"{"v""#, r#"{ "v""#), BundleError::Damaged), "one spelling of a file");
    assert!(matches!(read(r#""v":1"#, r#""v":1,"w":1"#), BundleError::Json(_)));
    assert!(matches!(read(r#","source""#, r#","sauce""#), BundleError::Json(_)));
    assert_eq!(read(r#""v":1"#, r#""v":2"#).code(), Code::FileMalformed);
}

#[test]
fn an_entry_that_is_there_twice_or_out_of_order_is_refused() {
    let mut bundle = Bundle::new();
    for n in [1, 2] {
        bundle.add(made::judgement([n; 6], 7, 0)).unwrap();
    }
    let mut file: serde_json::Value = serde_json::from_slice(&bundle.to_bytes()).unwrap();
    let lines = file["bundle"].as_array_mut().unwrap();
    lines.reverse();
    assert!(matches!(Bundle::read(file.to_string().as_bytes()), Err(BundleError::Order { .. })));
    let lines = file["bundle"].as_array_mut().unwrap();
    lines[1] = lines[0].clone();
    assert!(matches!(Bundle::read(file.to_string().as_bytes()), Err(BundleError::Order { .. })));
}

#[test]
fn an_entry_is_what_its_key_says() {
    let bundle = made::bundle();
    for entry in bundle.entries() {
        for other in bundle.entries().iter().filter(|other| other.key() != entry.key()) {
            let mislabelled = Entry::new(entry.key().clone(), other.answer().clone(), made::origin());
            assert!(matches!(mislabelled, Err(EntryError::Content { .. })), "{} as {}", other.key(), entry.key());
        }
    }
    let vcek = bundle.entries().iter().find(|entry| entry.key().kind() == "vcek").unwrap();
    let EndorsementKey::Vcek { product, chip, tcb } = vcek.key().clone() else { panic!("{}", vcek.key()) };
    let newer = EndorsementKey::Vcek { product, chip, tcb: Tcb { microcode: tcb.microcode + 1, ..tcb } };
    let other = EndorsementKey::Vcek { product, chip: HexBytes::new([7; 64]), tcb };
    for key in [newer, other] {
        let refused = Entry::new(key, vcek.answer().clone(), made::origin());
        assert!(matches!(refused, Err(EntryError::Content { .. })));
    }
}

#[test]
fn what_is_empty_too_large_or_not_printable_is_refused() {
    let key = || EndorsementKey::RootCrl;
    for length in [0, prism_attest::endorsements::COLLATERAL_MAX + 1] {
        let refused = Entry::new(key(), Answer { bytes: vec![0; length], issuers: None }, made::origin());
        assert!(matches!(refused, Err(EntryError::Size { found, .. }) if found == length));
    }
    for source in ["a\n".to_owned(), "ä".to_owned(), "a".repeat(1025)] {
        let origin = Origin { source, fetched_at: 0 };
        let refused = Entry::new(key(), Answer { bytes: vec![1], issuers: None }, origin);
        assert!(matches!(refused, Err(EntryError::Source { .. })));
    }
}

#[test]
fn a_bundle_is_bounded() {
    let mut file: serde_json::Value = serde_json::from_slice(&Bundle::new().to_bytes()).unwrap();
    let mut bundle = Bundle::new();
    bundle.add(made::judgement([1; 6], 7, 0)).unwrap();
    let line = serde_json::from_slice::<serde_json::Value>(&bundle.to_bytes()).unwrap()["bundle"][0].clone();
    let mut short = line;
    for part in ["bytes", "source"] {
        short[part] = "".into();
    }
    short["issuers"] = serde_json::json!([]);
    file["bundle"] = vec![short; BUNDLE_ENTRIES_MAX + 1].into();
    assert!(matches!(Bundle::read(file.to_string().as_bytes()), Err(BundleError::Merge(MergeError::Full))));
}

#[test]
fn every_key_reads_back_and_other_spellings_do_not() {
    let (chip, tcb) = (HexBytes::new([0; 64]), Tcb { fmc: 0, bootloader: 3, tee: 0, snp: 8, microcode: 115 });
    let mut keys = vec![EndorsementKey::QeIdentity, EndorsementKey::RootCrl];
    for product in Product::ALL {
        keys.push(EndorsementKey::Vcek { product, chip, tcb });
        keys.push(EndorsementKey::Vlek { product, tcb });
        for signer in AmdSigner::ALL {
            keys.push(EndorsementKey::AmdChain { product, signer });
            keys.push(EndorsementKey::AmdCrl { product, signer });
        }
    }
    keys.extend(PckCa::ALL.map(|ca| EndorsementKey::PckCrl { ca }));
    keys.push(EndorsementKey::TcbInfo { fmspc: HexBytes::new([0xab; 6]) });
    keys.push(EndorsementKey::PckChain { platform: HexBytes::new([0xab; 16]) });
    for key in &keys {
        assert_eq!(key.to_string().parse::<EndorsementKey>().as_ref(), Ok(key));
        assert!(key.to_string().to_ascii_uppercase().parse::<EndorsementKey>().is_err());
    }
    assert_eq!(keys[3].to_string(), "vlek/milan/bl=3,tee=0,snp=8,ucode=115");
    for text in
        ["", "vlek/milan/bl=03,tee=0,snp=8,ucode=115", "vcek/milan", "tcb-info/00", "qe-identity", "amd-crl/rome/vcek"]
    {
        assert!(text.parse::<EndorsementKey>().is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bundle_reads_back(parts in prop::collection::vec((any::<[u8; 6]>(), any::<u64>(), 0_u64..10), 0..6)) {
        let mut bundle = Bundle::new();
        for (fmspc, number, day) in parts {
            // A lower number for a key that is there is refused, which is not the matter here.
            let _ = bundle.add(made::judgement(fmspc, number, day));
        }
        prop_assert_eq!(Bundle::read(&bundle.to_bytes()).unwrap(), bundle);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bundle = made::bundle();
        bundle.add(made::judgement([9; 6], 3, 1)).unwrap();
        let mut bytes = bundle.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Bundle::read(&bytes).is_err(), "byte {} bit {}", at, bit);
    }
}
