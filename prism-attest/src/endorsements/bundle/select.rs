//! What one evidence needs. Evidence is read here without verification, and only to choose.

use std::borrow::Cow;

use prism_core::code::{Code, Coded};
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::{Product, Tcb};

use super::Bundle;
use super::content;
use super::key::{AmdSigner, EndorsementKey, PckCa};
use crate::endorsements::collateral::{Signed, read_signed};
use crate::endorsements::{Endorsements, EndorsementsError, SnpEndorsements, TdxEndorsements};
use crate::evidence::{Evidence, Platform};
use crate::finding::Notes;
use crate::platform::azure;
use crate::platform::snp::product;
use crate::x509::Certificate;

/// Offsets in a report (publication 56860, table 23).
const KEY_INFO: usize = 0x48;
const REPORTED_TCB: usize = 0x180;
const CPUID: usize = 0x188;
const CHIP_ID: usize = 0x1a0;

/// How a certificate begins that a quote brings along (Intel's quote format, certification data of type 5).
const PEM_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const PEM_END: &[u8] = b"-----END CERTIFICATE-----";

/// DER content of 1.2.840.113741.1.13.1, Intel's extension of machines' certificates.
const SGX_EXTENSION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// The object identifier 1.2.840.113741.1.13.1.4 and the head of an OCTET STRING of 6 bytes: FMSPC.
const FMSPC: &[u8] = &[0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x04, 0x04, 0x06];

/// Where the quoting enclave's id stands in a quote's header: the first half of the user data.
const QE_ID: usize = 28;

/// Endorsements that a bundle lacks. [`EndorsementKey`]s are what the fetcher makes addresses of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected endorsements for this machine, found none of {}; fetch them: prism endorsements fetch", list(.keys))]
#[non_exhaustive]
pub struct MissingEndorsement {
    /// What is missing.
    pub keys: Vec<EndorsementKey>,
}

/// Why nothing could be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The evidence does not say what it needs.
    #[error("expected evidence that names its machine, found {found}; it is not genuine, or newer than this Prism")]
    Unreadable {
        /// What was found instead.
        found: &'static str,
    },
    /// The bundle has not everything.
    #[error(transparent)]
    Missing(#[from] MissingEndorsement),
    /// An entry cannot be taken apart.
    #[error(transparent)]
    Endorsements(#[from] EndorsementsError),
}

impl Coded for SelectError {
    fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } => Code::EvidenceRefused,
            Self::Missing(_) => Code::EndorsementsMissing,
            Self::Endorsements(error) => error.code(),
        }
    }
}

fn list(keys: &[EndorsementKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Bundle {
    /// Chooses what this evidence needs by what it says of itself. A revocation list of AMD's that is not there is left
    /// out: whether there must be one is for a policy to say.
    ///
    /// # Errors
    /// [`SelectError`] when something else is not there.
    pub fn select(&self, evidence: &Evidence) -> Result<Endorsements, SelectError> {
        match Machine::read(evidence)? {
            Machine::Snp(machine) => self.select_snp(&machine),
            Machine::Tdx(quote) => self.select_tdx(&quote),
        }
    }

    /// What this evidence could use and the bundle does not have: what [`select`](Self::select) needs, and AMD's
    /// revocation list. A report of version 2 does not name its product; then each possible certificate is listed, and
    /// the rest once one of them is there.
    ///
    /// # Errors
    /// [`SelectError::Unreadable`].
    pub fn missing(&self, evidence: &Evidence) -> Result<Vec<EndorsementKey>, SelectError> {
        let needed = match Machine::read(evidence)? {
            Machine::Snp(machine) => match self.vek(&machine) {
                Some((key, _)) => {
                    let product = key.product().ok_or(SelectError::Unreadable { found: "no product" })?;
                    let signer = machine.signer;
                    vec![EndorsementKey::AmdChain { product, signer }, EndorsementKey::AmdCrl { product, signer }]
                }
                None => machine.veks(),
            },
            Machine::Tdx(quote) => match self.platform_of(&quote) {
                Ok(platform) => platform.keys().to_vec(),
                Err(SelectError::Missing(missing)) => missing.keys,
                Err(error) => return Err(error),
            },
        };
        Ok(needed.into_iter().filter(|key| self.get(key).is_none()).collect())
    }

    fn bytes(&self, key: &EndorsementKey) -> Option<&[u8]> {
        self.get(key).map(|entry| entry.answer().bytes.as_slice())
    }

    /// The certificate of the machine's key; where the chip does not show itself, the one of its product and versions.
    fn vek(&self, machine: &SnpMachine) -> Option<(EndorsementKey, &[u8])> {
        let wanted = machine.veks();
        // Reports under a provider's key show no chip either, but never name the chip's own key.
        let masked = machine.signer == AmdSigner::Vcek && machine.chip.as_bytes() == &[0; 64];
        let is_wanted = |key: &EndorsementKey| match key {
            EndorsementKey::Vcek { product, tcb, .. } if masked => {
                wanted.iter().any(|wanted| wanted.product() == Some(*product) && wanted.tcb() == Some(*tcb))
            }
            key => wanted.contains(key),
        };
        let entry = self.entries().iter().find(|entry| is_wanted(entry.key()))?;
        Some((entry.key().clone(), &entry.answer().bytes))
    }

    fn select_snp(&self, machine: &SnpMachine) -> Result<Endorsements, SelectError> {
        let missing = |keys| MissingEndorsement { keys };
        let (key, vek) = self.vek(machine).ok_or_else(|| missing(machine.veks()))?;
        let product = key.product().ok_or(SelectError::Unreadable { found: "no product" })?;
        let chain = EndorsementKey::AmdChain { product, signer: machine.signer };
        let pem = self.bytes(&chain).ok_or_else(|| missing(vec![chain]))?;
        let certificates = content::certificates(pem).map_err(|found| SelectError::Unreadable { found })?;
        let [ask, ark] = certificates.as_slice() else {
            return Err(SelectError::Unreadable { found: "another number of certificates than two" });
        };
        let crl = self.bytes(&EndorsementKey::AmdCrl { product, signer: machine.signer }).map(<[u8]>::to_vec);
        Ok(Endorsements::snp(SnpEndorsements { vek: vek.to_vec(), ask: ask.clone(), ark: ark.clone(), crl })?)
    }

    fn select_tdx(&self, quote: &[u8]) -> Result<Endorsements, SelectError> {
        let platform = self.platform_of(quote)?;
        let keys = platform.keys();
        let entries = keys.each_ref().map(|key| self.get(key));
        let [Some(tcb_info), Some(qe_identity), Some(pck_crl), Some(root_crl)] = entries else {
            let keys = keys.into_iter().filter(|key| self.get(key).is_none()).collect();
            return Err(MissingEndorsement { keys }.into());
        };
        let issuers = |entry: &super::Entry| entry.answer().issuers.clone().unwrap_or_default();
        Ok(Endorsements::tdx(TdxEndorsements {
            tcb_info: read_signed(Signed::TcbInfo, &tcb_info.answer().bytes)?,
            tcb_info_chain: issuers(tcb_info),
            qe_identity: read_signed(Signed::QeIdentity, &qe_identity.answer().bytes)?,
            qe_identity_chain: issuers(qe_identity),
            pck_crl: pck_crl.answer().bytes.clone(),
            pck_crl_chain: issuers(pck_crl),
            root_crl: root_crl.answer().bytes.clone(),
            pck_chain: platform.chain,
        })?)
    }

    fn platform_of(&self, quote: &[u8]) -> Result<TdxPlatform, SelectError> {
        let unreadable = |found| SelectError::Unreadable { found };
        if let Some(pem) = leaf_of(quote) {
            return TdxPlatform::read(pem, None).ok_or(unreadable("another certificate in the quote"));
        }
        let id = at::<16>(quote, QE_ID).ok_or(unreadable("a quote without a header"))?;
        let key = EndorsementKey::PckChain { platform: HexBytes::new(id) };
        let chain = self.bytes(&key).ok_or_else(|| MissingEndorsement { keys: vec![key] })?;
        TdxPlatform::read(chain, Some(chain.to_vec())).ok_or(unreadable("another certificate of the platform"))
    }
}

impl EndorsementKey {
    /// The product of AMD that it is about.
    #[must_use]
    pub const fn product(&self) -> Option<Product> {
        match self {
            Self::AmdChain { product, .. }
            | Self::AmdCrl { product, .. }
            | Self::Vcek { product, .. }
            | Self::Vlek { product, .. } => Some(*product),
            _ => None,
        }
    }

    const fn tcb(&self) -> Option<Tcb> {
        match self {
            Self::Vcek { tcb, .. } | Self::Vlek { tcb, .. } => Some(*tcb),
            _ => None,
        }
    }
}

/// What the evidence says of its machine.
enum Machine<'a> {
    Snp(SnpMachine),
    Tdx(Cow<'a, [u8]>),
}

impl<'a> Machine<'a> {
    fn read(evidence: &'a Evidence) -> Result<Self, SelectError> {
        match evidence.platform() {
            Platform::Snp | Platform::Simulated => SnpMachine::read(evidence.bytes()).map(Self::Snp),
            Platform::Tdx | Platform::SimulatedTdx => Ok(Self::Tdx(evidence.bytes().into())),
            Platform::AzureSnp => SnpMachine::read(&processor_quote(evidence)?).map(Self::Snp),
            Platform::AzureTdx => processor_quote(evidence).map(Self::Tdx),
        }
    }
}

/// What the processor signed behind Azure's virtual TPM.
fn processor_quote(evidence: &Evidence) -> Result<Cow<'_, [u8]>, SelectError> {
    azure::processor_quote(evidence, &mut Notes::default())
        .map_err(|_| SelectError::Unreadable { found: "evidence of another form" })
}

struct SnpMachine {
    products: Vec<Product>,
    signer: AmdSigner,
    chip: HexBytes<64>,
    tcb: [u8; 8],
}

impl SnpMachine {
    fn read(report: &[u8]) -> Result<Self, SelectError> {
        Self::parse(report).ok_or(SelectError::Unreadable { found: "a report of another form" })
    }

    fn parse(report: &[u8]) -> Option<Self> {
        let version = u32::from_le_bytes(at(report, 0)?);
        let products = match version {
            0..=1 => return None,
            2 => vec![Product::Milan, Product::Genoa],
            _ => {
                let [family, model] = at(report, CPUID)?;
                vec![product::from_cpuid(family, model)?]
            }
        };
        let signer = match u32::from_le_bytes(at(report, KEY_INFO)?) >> 2 & 7 {
            0 => AmdSigner::Vcek,
            1 => AmdSigner::Vlek,
            _ => return None,
        };
        Some(Self { products, signer, chip: HexBytes::new(at(report, CHIP_ID)?), tcb: at(report, REPORTED_TCB)? })
    }

    /// The certificates that may be the machine's, one for each possible product.
    fn veks(&self) -> Vec<EndorsementKey> {
        let key = |product: &Product| {
            let (product, tcb) = (*product, content::tcb(*product, self.tcb));
            match self.signer {
                AmdSigner::Vcek => EndorsementKey::Vcek { product, chip: self.chip, tcb },
                AmdSigner::Vlek => EndorsementKey::Vlek { product, tcb },
            }
        };
        self.products.iter().map(key).collect()
    }
}

struct TdxPlatform {
    fmspc: HexBytes<6>,
    ca: PckCa,
    /// The chain, if it is the bundle's.
    chain: Option<Vec<u8>>,
}

impl TdxPlatform {
    fn read(pem: &[u8], chain: Option<Vec<u8>>) -> Option<Self> {
        let certificates = content::certificates(pem).ok()?;
        let leaf = Certificate::parse(certificates.first()?).ok()?;
        let extension = leaf.extension(SGX_EXTENSION)?;
        let begin = extension.windows(FMSPC.len()).position(|window| window == FMSPC)? + FMSPC.len();
        let authority = leaf.issuer_name()?;
        let ca = PckCa::ALL.into_iter().find(|ca| authority.ends_with(ca.ending()))?;
        Some(Self { fmspc: HexBytes::new(at(extension, begin)?), ca, chain })
    }

    fn keys(&self) -> [EndorsementKey; 4] {
        [
            EndorsementKey::TcbInfo { fmspc: self.fmspc },
            EndorsementKey::QeIdentity,
            EndorsementKey::PckCrl { ca: self.ca },
            EndorsementKey::RootCrl,
        ]
    }
}

/// The first certificate (PEM) that a quote brings along, which is the machine's.
fn leaf_of(quote: &[u8]) -> Option<&[u8]> {
    let find = |bytes: &[u8], mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
    let (_, pem) = quote.split_at_checked(find(quote, PEM_BEGIN)?)?;
    pem.get(..find(pem, PEM_END)? + PEM_END.len())
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}
