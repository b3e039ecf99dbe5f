//! What can be read in an endorsement without believing it: its form, its dates, its number and what it is about.

use prism_core::UnixSeconds;
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::draft::Moment;
use prism_core::manifest::platform::{Product, Tcb};
use serde::Deserialize;
use x509_parser::asn1_rs::FromDer;
use x509_parser::pem::Pem;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::X509Name;

use super::entry::Answer;
use super::key::{AmdSigner, EndorsementKey};
use crate::endorsements::collateral::{self, Signed};
use crate::platform::snp::{self, product};
use crate::window::Window;
use crate::x509::Certificate;

/// How the simulator's issuers name their line of products.
const SIMULATED_LINE: &str = "Simulated";

/// Most certificates in a chain.
const CHAIN_MAX: usize = 4;

/// Dates and number of an endorsement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// When it may be believed, with its signer's certificates.
    pub(super) window: Window,
    /// When it was made, as it says itself.
    pub(super) issued: UnixSeconds,
    /// The number that only grows.
    pub(super) number: Option<u64>,
}

impl Content {
    const fn of(window: Window) -> Self {
        Self { window, issued: window.not_before, number: None }
    }
}

type Read<T> = Result<T, &'static str>;

/// Reads what is needed for keeping an endorsement, or says what was found instead.
pub(super) fn read(key: &EndorsementKey, answer: &Answer) -> Read<Content> {
    if answer.issuers.is_some() != key.has_issuers() {
        return Err("the signer's certificates beside it, or none, against its kind");
    }
    let bytes = answer.bytes.as_slice();
    let mut content = match key {
        EndorsementKey::AmdChain { product, signer } => amd_chain(bytes, *product, *signer)?,
        EndorsementKey::Vcek { product, chip, tcb } => {
            vek(bytes, |vek| snp::chip_and_tcb(vek, *product) == Some((*chip.as_bytes(), *tcb)))?
        }
        EndorsementKey::Vlek { product, tcb } => vek(bytes, |vek| snp::provider_tcb(vek, *product) == Some(*tcb))?,
        EndorsementKey::AmdCrl { product, .. } => list(bytes, |name| is_of_line(name, "ARK-", *product))?,
        EndorsementKey::TcbInfo { fmspc } => tcb_info(bytes, *fmspc)?,
        EndorsementKey::QeIdentity => qe_identity(bytes)?,
        EndorsementKey::PckCrl { ca } => list(bytes, |name| name.ends_with(ca.ending()))?,
        EndorsementKey::RootCrl => list(bytes, |name| name.ends_with("Root CA"))?,
        EndorsementKey::PckChain { .. } => Content::of(chain_window(bytes)?),
    };
    if let Some(issuers) = &answer.issuers {
        content.window = content.window.intersect(chain_window(issuers)?);
    }
    Ok(content)
}

/// The certificates (DER) of a PEM text, leaf first.
pub(super) fn certificates(pem: &[u8]) -> Read<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.ok().filter(|block| block.label == "CERTIFICATE").ok_or("bytes that are no PEM")?;
        found.push(block.contents);
        if found.len() > CHAIN_MAX {
            return Err("more certificates than a chain has");
        }
    }
    if found.is_empty() { Err("no certificate") } else { Ok(found) }
}

/// What a TCB info is about.
pub(super) fn fmspc_of(json: &[u8]) -> Option<HexBytes<6>> {
    let head: TcbInfoHead = serde_json::from_slice(json).ok()?;
    head.fmspc.to_ascii_lowercase().parse().ok()
}

/// The common name of a list's issuer.
pub(super) fn issuer_of_list(der: &[u8]) -> Option<String> {
    let (_, list) = CertificateRevocationList::from_der(der).ok()?;
    common_name(list.issuer()).map(str::to_owned)
}

/// Product, identity and versions of a chip's certificate.
pub(super) fn vcek_of(der: &[u8]) -> Option<(Product, [u8; 64], Tcb)> {
    let vek = Certificate::parse(der).ok()?;
    let product = snp::certified_product(&vek)?;
    snp::chip_and_tcb(&vek, product).map(|(chip, tcb)| (product, chip, tcb))
}

/// Product and versions of a provider's certificate.
pub(super) fn vlek_of(der: &[u8]) -> Option<(Product, Tcb)> {
    let vek = Certificate::parse(der).ok()?;
    let product = snp::certified_product(&vek)?;
    snp::provider_tcb(&vek, product).map(|tcb| (product, tcb))
}

fn vek(der: &[u8], is_wanted: impl Fn(&Certificate) -> bool) -> Read<Content> {
    let vek = Certificate::parse(der)?;
    if is_wanted(&vek) { Ok(Content::of(vek.window())) } else { Err("a certificate of another chip or firmware") }
}

fn amd_chain(pem: &[u8], product: Product, signer: AmdSigner) -> Read<Content> {
    let chain = certificates(pem)?;
    let [ask, ark] = chain.as_slice() else { return Err("another number of certificates than two") };
    let (ask, ark) = (Certificate::parse(ask)?, Certificate::parse(ark)?);
    let linked = ask.issuer_der() == ark.subject_der() && ark.issuer_der() == ark.subject_der();
    let prefix = match signer {
        AmdSigner::Vcek => "SEV-",
        AmdSigner::Vlek => "SEV-VLEK-",
    };
    let named = |certificate: &Certificate, prefix| {
        certificate.subject().is_some_and(|(_, name)| is_of_line(name, prefix, product))
    };
    if linked && named(&ask, prefix) && named(&ark, "ARK-") {
        return Ok(Content::of(ask.window().intersect(ark.window())));
    }
    Err("certificates of another product or kind of key")
}

/// Whether a name is the prefix and the product, or a simulator's.
fn is_of_line(name: &str, prefix: &str, product: Product) -> bool {
    name.strip_prefix(prefix).is_some_and(|line| line == product.name() || line == SIMULATED_LINE)
}

fn chain_window(pem: &[u8]) -> Read<Window> {
    let mut window = Window::ALWAYS;
    for der in certificates(pem)? {
        window = window.intersect(Certificate::parse(&der)?.window());
    }
    Ok(window)
}

fn list(der: &[u8], is_issuer: impl Fn(&str) -> bool) -> Read<Content> {
    let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| "bytes that are no revocation list")?;
    if !rest.is_empty() {
        return Err("trailing bytes");
    }
    if !common_name(list.issuer()).is_some_and(is_issuer) {
        return Err("another authority's revocation list");
    }
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or_default();
    let issued = seconds(list.last_update());
    let until = list.next_update().map(seconds).ok_or("a revocation list without an end")?;
    let number = match list.crl_number() {
        Some(number) => Some(u64::try_from(number.clone()).map_err(|_| "a list's number beyond 64 bits")?),
        None => None,
    };
    Ok(Content { window: Window::new(issued, until), issued, number })
}

fn common_name<'n>(name: &'n X509Name) -> Option<&'n str> {
    name.iter_common_name().next().and_then(|attribute| attribute.as_str().ok())
}

/// The few members of `tcbInfo` that are read here; verification reads all of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TcbInfoHead {
    id: String,
    issue_date: String,
    next_update: String,
    fmspc: String,
    tcb_evaluation_data_number: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QeIdentityHead {
    id: String,
    issue_date: String,
    next_update: String,
    tcb_evaluation_data_number: u64,
}

fn tcb_info(body: &[u8], fmspc: HexBytes<6>) -> Read<Content> {
    let signed = collateral::read_signed(Signed::TcbInfo, body).map_err(|_| "an answer of another form")?;
    let head: TcbInfoHead = serde_json::from_slice(&signed.json).map_err(|_| "a TCB info without what it needs")?;
    if head.id != "TDX" || fmspc_of(&signed.json) != Some(fmspc) {
        return Err("a TCB info of another kind of platform");
    }
    dated(&head.issue_date, &head.next_update, head.tcb_evaluation_data_number)
}

fn qe_identity(body: &[u8]) -> Read<Content> {
    let signed = collateral::read_signed(Signed::QeIdentity, body).map_err(|_| "an answer of another form")?;
    let head: QeIdentityHead = serde_json::from_slice(&signed.json).map_err(|_| "an identity without what it needs")?;
    if head.id != "TD_QE" {
        return Err("the identity of another enclave");
    }
    dated(&head.issue_date, &head.next_update, head.tcb_evaluation_data_number)
}

fn dated(from: &str, until: &str, number: u64) -> Read<Content> {
    let moment = |text: &str| text.parse().map(|Moment(seconds)| seconds).map_err(|_| "a date of another form");
    let (issued, until) = (moment(from)?, moment(until)?);
    Ok(Content { window: Window::new(issued, until), issued, number: Some(number) })
}

/// The parts of a `TCB_VERSION` in the product's layout.
pub(super) const fn tcb(product: Product, bytes: [u8; 8]) -> Tcb {
    product::tcb(product, bytes).0
}
