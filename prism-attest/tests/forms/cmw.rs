use prism_attest::cmw::{CMW_MAX, CmwError, RecordType, media_type, records};
use prism_attest::{Evidence, Platform};
use proptest::prelude::*;

const SNP: &str = "application/vnd.amd.sev-snp.attestation-report";

fn evidence(bytes: &[u8]) -> Evidence {
    Evidence::new(Platform::Snp, bytes.to_vec()).unwrap()
}

/// A CBOR text or byte string of at most 255 bytes.
fn string(major: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    let head = if length < 24 { vec![major << 5 | length] } else { vec![major << 5 | 0x18, length] };
    [head, bytes.to_vec()].concat()
}

fn record(kind: &[u8], value: &[u8], indicator: &[u8]) -> Vec<u8> {
    let parts = if indicator.is_empty() { 0x82 } else { 0x83 };
    [&[parts], kind, &string(2, value), indicator].concat()
}

#[test]
fn evidence_of_every_platform_reads_back_from_both_forms() {
    for platform in Platform::ALL {
        let evidence = Evidence::new(platform, vec![0xfb; 70]).unwrap();
        assert_eq!(Evidence::from_cmw(evidence.to_cmw_json().as_bytes()).unwrap(), evidence);
        assert_eq!(Evidence::from_cmw(&evidence.to_cmw_cbor()).unwrap(), evidence);
    }
}

#[test]
fn a_record_is_written_as_the_draft_shows_it() {
    assert_eq!(evidence(&[0xfb, 0xff]).to_cmw_json(), format!(r#"["{SNP}","-_8",4]"#));
    assert_eq!(evidence(&[1]).to_cmw_cbor(), record(&string(3, SNP.as_bytes()), &[1], &[4]));
}

#[test]
fn another_type_is_refused() {
    for text in [r#"["application/eat+cwt","AQ"]"#, r#"["APPLICATION/vnd.intel.tdx.quote","AQ"]"#, r#"["","AQ"]"#] {
        assert_eq!(Evidence::from_cmw(text.as_bytes()), Err(CmwError::UnknownType), "{text}");
    }
    assert_eq!(Evidence::from_cmw(&record(&[0x18, 60], &[1], &[])), Err(CmwError::UnknownType));
    let tagged = hex::decode("da63740101").unwrap();
    let tagged = [tagged, string(2, &[1])].concat();
    assert_eq!(records(&tagged).unwrap()[0].kind, RecordType::ContentFormat(0));
    assert_eq!(Evidence::from_cmw(&tagged), Err(CmwError::UnknownType));
}

#[test]
fn what_says_that_it_is_no_evidence_is_refused() {
    for indicator in [1, 2, 5, 8, 12, 15, 16, 20] {
        let text = format!(r#"["{SNP}","AQ",{indicator}]"#);
        assert_eq!(Evidence::from_cmw(text.as_bytes()), Err(CmwError::NotEvidence { found: indicator }), "{text}");
        let indicator = u8::try_from(indicator).unwrap();
        let binary = record(&string(3, SNP.as_bytes()), &[1], &[indicator]);
        assert_eq!(Evidence::from_cmw(&binary), Err(CmwError::NotEvidence { found: indicator.into() }));
    }
    assert!(Evidence::from_cmw(format!(r#"["{SNP}","AQ",0]"#).as_bytes()).is_err());
}

#[test]
fn a_wrapper_in_another_form_is_refused() {
    for text in [
        format!(r#"["{SNP}","AQ",4] "#) + "x",
        format!(r#"["{SNP}","AQ==",4]"#),
        format!(r#"["{SNP}","A+/=",4]"#),
        format!(r#"["{SNP}","AR",4]"#),
        format!(r#"["{SNP}","AQ",4,4]"#),
        format!(r#"["{SNP}","AQ",4.0]"#),
        format!(r#"["{SNP}"]"#),
        r#"[10571,"AQ"]"#.to_owned(),
        "{}".to_owned(),
        r#"{"__cmwc_t":"tag:example.org,2026:x"}"#.to_owned(),
        format!(r#"{{"a":["{SNP}","AQ"],"a":["{SNP}","AQ"]}}"#),
    ] {
        assert_eq!(Evidence::from_cmw(text.as_bytes()), Err(CmwError::Malformed), "{text}");
    }
    assert!(matches!(Evidence::from_cmw(format!(r#"["{SNP}",""]"#).as_bytes()), Err(CmwError::Evidence(_))));
    let good = record(&string(3, SNP.as_bytes()), &[1], &[4]);
    let trailing = [good.clone(), vec![0]].concat();
    let indefinite = [&[0x9f], &good[1..], &[0xff]].concat();
    let streamed = [vec![0x82], string(3, SNP.as_bytes()), vec![0x5f, 0x41, 1, 0xff]].concat();
    for bytes in [trailing, indefinite, streamed, vec![0xa0], vec![], good[..good.len() - 1].to_vec()] {
        assert_eq!(Evidence::from_cmw(&bytes), Err(CmwError::Malformed), "{}", hex::encode(bytes));
    }
    assert_eq!(Evidence::from_cmw(&vec![b'['; CMW_MAX + 1]), Err(CmwError::Size { found: CMW_MAX + 1 }));
}

#[test]
fn a_collection_is_read_and_only_one_record_of_it_is_evidence_by_itself() {
    let one = format!(r#"{{"__cmwc_t":"tag:example.org,2026:x","cpu":{{"vm":["{SNP}","AQ",4]}}}}"#);
    assert_eq!(Evidence::from_cmw(one.as_bytes()).unwrap(), evidence(&[1]));
    assert_eq!(records(one.as_bytes()).unwrap()[0].labels, ["cpu", "vm"]);
    let two = format!(r#"{{"a":["{SNP}","AQ"],"b":["application/x","AQ"]}}"#);
    assert_eq!(records(two.as_bytes()).unwrap().len(), 2);
    assert_eq!(Evidence::from_cmw(two.as_bytes()), Err(CmwError::Records { found: 2 }));
    let entry = record(&string(3, SNP.as_bytes()), &[1], &[]);
    let binary = [vec![0xa2], string(3, b"a"), entry.clone(), vec![7], entry.clone()].concat();
    assert_eq!(records(&binary).unwrap().len(), 2);
    let twice = [vec![0xa2], string(3, b"a"), entry.clone(), string(3, b"a"), entry.clone()].concat();
    assert_eq!(records(&twice), Err(CmwError::DuplicateLabel));
    // The text "7" and the number 7 are two labels.
    let both = [vec![0xa2], string(3, b"7"), entry.clone(), vec![7], entry].concat();
    assert_eq!(records(&both).unwrap().len(), 2);
}

#[test]
fn a_deep_or_wide_collection_is_refused() {
    let nested = |levels: usize| format!(r#"{}["{SNP}","AQ"]{}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert!(records(nested(4).as_bytes()).is_ok());
    assert_eq!(records(nested(5).as_bytes()), Err(CmwError::Limits));
    let entry = record(&string(3, SNP.as_bytes()), &[1], &[]);
    let deep = |levels: usize| [[0xa1, 0x61, b'a'].repeat(levels), entry.clone()].concat();
    assert!(records(&deep(4)).is_ok());
    assert_eq!(records(&deep(5)), Err(CmwError::Limits));
    assert_eq!(records(&[0xa1, 0x61, b'a'].repeat(10_000)), Err(CmwError::Limits));
    let wide = |entries: usize| {
        let all: Vec<_> = (0..entries).map(|at| format!(r#""{at}":["{SNP}","AQ"]"#)).collect();
        format!("{{{}}}", all.join(","))
    };
    assert!(records(wide(63).as_bytes()).is_ok());
    assert_eq!(records(wide(64).as_bytes()), Err(CmwError::Limits));
}

#[test]
fn every_platform_has_its_own_media_type() {
    let types: std::collections::BTreeSet<_> = Platform::ALL.into_iter().map(media_type).collect();
    assert_eq!(types.len(), Platform::ALL.len());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = records(&bytes);
        let _ = Evidence::from_cmw(&bytes);
    }

    #[test]
    fn a_damaged_wrapper_never_reads_as_it_was(at in 0usize..100, bit in 0u8..8, json: bool) {
        let whole = evidence(&[7; 40]);
        let mut bytes = if json { whole.to_cmw_json().into_bytes() } else { whole.to_cmw_cbor() };
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert_ne!(Evidence::from_cmw(&bytes).ok(), Some(whole));
    }
}
