use prism_attest::endorsements::bundle::{AmdSigner, PckCa, parse_chip, parse_tcb};
use prism_core::hexadecimal::HexBytes;

use super::*;

fn asked(key: &EndorsementKey, config: &EndorserConfig) -> String {
    Question::about(key, config).unwrap().address.to_string()
}

fn vcek(product: Product, chip: &str, tcb: &str) -> EndorsementKey {
    let (chip, tcb) = (parse_chip(product, chip).unwrap(), parse_tcb(product, tcb).unwrap());
    EndorsementKey::Vcek { product, chip, tcb }
}

#[test]
fn amds_addresses_are_those_of_publication_57230() {
    let config = EndorserConfig::vendors().unwrap();
    let chip = "ab".repeat(64);
    assert_eq!(
        asked(&vcek(Product::Milan, &chip, "bl=3,tee=0,snp=8,ucode=115"), &config),
        format!("https://kdsintf.amd.com/vcek/v1/Milan/{chip}?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115")
    );
    assert_eq!(
        asked(&vcek(Product::Turin, &"0f".repeat(8), "fmc=1,bl=1,tee=1,snp=4,ucode=72"), &config),
        "https://kdsintf.amd.com/vcek/v1/Turin/0f0f0f0f0f0f0f0f?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=72"
    );
    let (product, signer) = (Product::Genoa, AmdSigner::Vlek);
    assert_eq!(
        asked(&EndorsementKey::AmdChain { product, signer }, &config),
        "https://kdsintf.amd.com/vlek/v1/Genoa/cert_chain"
    );
    assert_eq!(
        asked(&EndorsementKey::AmdCrl { product, signer }, &config),
        "https://kdsintf.amd.com/vlek/v1/Genoa/crl"
    );
}

#[test]
fn intels_addresses_are_those_of_version_4() {
    let mut config = EndorserConfig::vendors().unwrap();
    let fmspc = EndorsementKey::TcbInfo { fmspc: HexBytes::new([0x00, 0x80, 0x6f, 5, 0, 0]) };
    let service = "https://api.trustedservices.intel.com";
    assert_eq!(
        asked(&fmspc, &config),
        format!("{service}/tdx/certification/v4/tcb?fmspc=00806F050000&update=standard")
    );
    config.update = super::super::Update::Early;
    assert_eq!(
        asked(&EndorsementKey::QeIdentity, &config),
        format!("{service}/tdx/certification/v4/qe/identity?update=early")
    );
    assert_eq!(
        asked(&EndorsementKey::PckCrl { ca: PckCa::Platform }, &config),
        format!("{service}/sgx/certification/v4/pckcrl?ca=platform&encoding=der")
    );
    assert_eq!(
        asked(&EndorsementKey::RootCrl, &config),
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
    );
}

#[test]
fn a_mirror_stands_in_for_both_vendors_at_their_paths() {
    let config = EndorserConfig::mirror("https://Mirror.example:8081/amd-and-intel/".parse().unwrap());
    assert_eq!(
        asked(&EndorsementKey::RootCrl, &config),
        "https://mirror.example:8081/amd-and-intel/sgx/certification/v4/rootcacrl"
    );
    let chain = EndorsementKey::AmdChain { product: Product::Milan, signer: AmdSigner::Vcek };
    assert_eq!(asked(&chain, &config), "https://mirror.example:8081/amd-and-intel/vcek/v1/Milan/cert_chain");
}

#[test]
fn what_vendors_do_not_offer_to_everybody_is_not_asked_for() {
    let config = EndorserConfig::vendors().unwrap();
    let tcb = parse_tcb(Product::Milan, "bl=3,tee=0,snp=8,ucode=115").unwrap();
    for key in [
        EndorsementKey::Vlek { product: Product::Milan, tcb },
        EndorsementKey::Vcek { product: Product::Milan, chip: HexBytes::new([0; 64]), tcb },
        EndorsementKey::PckChain { platform: HexBytes::new([1; 16]) },
    ] {
        assert!(matches!(Question::about(&key, &config), Err(FetchError::NotOffered { .. })), "{key}");
    }
}

#[test]
fn plain_http_is_for_this_machine_unless_it_is_allowed_in_so_many_words() {
    for text in ["http://127.0.0.1:8081", "http://localhost", "http://[::1]:1", "https://mirror.example"] {
        assert!(text.parse::<BaseUrl>().is_ok(), "{text}");
    }
    for text in ["http://mirror.example", "http://127.0.0.1.example", "http://localhost.example"] {
        assert!(matches!(text.parse::<BaseUrl>(), Err(FetchError::PlainHttp { .. })), "{text}");
        assert!(BaseUrl::allow_plain_http(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "mirror.example",
        "ftp://a",
        "https://u:p@a",
        "https://a/?b",
        "https://a/#b",
        "https://",
        "/a",
        "https://a:99999",
        "https://a:",
    ] {
        assert!(matches!(text.parse::<BaseUrl>(), Err(FetchError::Address { .. })), "{text}");
    }
}

#[test]
fn percent_encoding_is_undone_strictly() {
    assert_eq!(percent_decoded(b"a%20b%0A+").as_deref(), Some(&b"a b\n+"[..]));
    for text in [&b"%"[..], b"%2", b"%2g", b"a%zz"] {
        assert_eq!(percent_decoded(text), None);
    }
    assert_eq!(der_of(b"30820a\n".to_vec()), [0x30, 0x82, 0x0a]);
    assert_eq!(der_of(vec![0x30, 0x82]), [0x30, 0x82]);
}
