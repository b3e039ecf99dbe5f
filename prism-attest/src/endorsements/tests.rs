use super::*;

fn parts() -> SnpEndorsements {
    SnpEndorsements { vek: vec![1], ask: vec![2], ark: vec![3], crl: Some(vec![4]) }
}

#[test]
fn endorsements_read_back_as_they_were_written() {
    for crl in [None, Some(vec![4])] {
        let endorsements = Endorsements::snp(SnpEndorsements { crl, ..parts() }).unwrap();
        assert_eq!(Endorsements::read(&endorsements.to_json()).unwrap(), endorsements);
    }
}

fn tdx_parts() -> TdxEndorsements {
    let signed = |byte| SignedJson { json: vec![byte], signature: [byte; 64] };
    TdxEndorsements {
        tcb_info: signed(1),
        tcb_info_chain: vec![2],
        qe_identity: signed(3),
        qe_identity_chain: vec![4],
        pck_crl: vec![5],
        pck_crl_chain: vec![6],
        root_crl: vec![7],
        pck_chain: None,
    }
}

#[test]
fn endorsements_of_tdx_read_back_as_they_were_written() {
    for pck_chain in [None, Some(vec![8])] {
        let endorsements = Endorsements::tdx(TdxEndorsements { pck_chain, ..tdx_parts() }).unwrap();
        assert_eq!(Endorsements::read(&endorsements.to_json()).unwrap(), endorsements);
        assert!(endorsements.as_snp().is_none() && endorsements.as_tdx().is_some());
    }
}

#[test]
fn a_part_of_tdx_that_is_empty_or_too_large_is_refused() {
    for length in [0, COLLATERAL_MAX + 1] {
        let bad = vec![0; length];
        let signed = SignedJson { json: bad.clone(), signature: [0; 64] };
        for parts in [
            TdxEndorsements { tcb_info: signed.clone(), ..tdx_parts() },
            TdxEndorsements { tcb_info_chain: bad.clone(), ..tdx_parts() },
            TdxEndorsements { qe_identity: signed.clone(), ..tdx_parts() },
            TdxEndorsements { qe_identity_chain: bad.clone(), ..tdx_parts() },
            TdxEndorsements { pck_crl: bad.clone(), ..tdx_parts() },
            TdxEndorsements { pck_crl_chain: bad.clone(), ..tdx_parts() },
            TdxEndorsements { root_crl: bad.clone(), ..tdx_parts() },
            TdxEndorsements { pck_chain: Some(bad.clone()), ..tdx_parts() },
        ] {
            assert!(matches!(Endorsements::tdx(parts), Err(EndorsementsError::Size { found, .. }) if found == length));
        }
    }
}

#[test]
fn a_part_that_is_empty_or_too_large_is_refused() {
    for length in [0, ENDORSEMENT_MAX + 1] {
        let bad = vec![0; length];
        for parts in [
            SnpEndorsements { vek: bad.clone(), ..parts() },
            SnpEndorsements { ask: bad.clone(), ..parts() },
            SnpEndorsements { ark: bad.clone(), ..parts() },
            SnpEndorsements { crl: Some(bad.clone()), ..parts() },
        ] {
            assert!(matches!(Endorsements::snp(parts), Err(EndorsementsError::Size { found, .. }) if found == length));
        }
    }
}

#[test]
fn a_file_of_another_form_is_refused() {
    for text in [
        r#"{"v":2,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[]}}}"#,
        r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ=="}}}"#,
        r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":["AQ==","AQ=="]}}}"#,
        r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ","crls":[]}}}"#,
        r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[],"x":1}}}"#,
        r#"{"v":1,"endorsements":{"tdx":{}}}"#,
        r#"{"v":1,"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[]}}}"#,
    ] {
        assert!(Endorsements::read(text.as_bytes()).is_err(), "{text}");
    }
}
