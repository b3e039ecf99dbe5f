//! What an endorsement is about, and hence where the vendor keeps it.

use std::fmt;
use std::str::FromStr;

use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::{Product, Tcb};

use crate::platform::snp::product;

/// Which of AMD's keys sign a product's reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmdSigner {
    /// The chip's own key, under the ASK.
    Vcek,
    /// A cloud provider's key, under the ASVK.
    Vlek,
}

impl AmdSigner {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Vcek, Self::Vlek];

    /// AMD's word for it in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "vcek",
            Self::Vlek => "vlek",
        }
    }
}

/// Which of Intel's authorities certified a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PckCa {
    /// The one for single processors.
    Processor,
    /// The one for platforms of several processors.
    Platform,
}

impl PckCa {
    /// Both authorities.
    pub const ALL: [Self; 2] = [Self::Processor, Self::Platform];

    /// Intel's word for it in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }

    /// How the authority's common name ends.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Processor => "PCK Processor CA",
            Self::Platform => "PCK Platform CA",
        }
    }
}

/// What one endorsement is about: everything that its address at the vendor is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndorsementKey {
    /// AMD's issuers of one kind of key: ASK or ASVK, and ARK.
    AmdChain {
        /// The product.
        product: Product,
        /// Whose issuers.
        signer: AmdSigner,
    },
    /// The certificate of one chip at one state of its firmware.
    Vcek {
        /// The product.
        product: Product,
        /// `CHIP_ID` as reports have it; Turin's chips use the first 8 bytes.
        chip: HexBytes<64>,
        /// `REPORTED_TCB`.
        tcb: Tcb,
    },
    /// The certificate of a cloud provider's key at one state of the firmware. A bundle keeps one provider's.
    Vlek {
        /// The product.
        product: Product,
        /// `REPORTED_TCB`.
        tcb: Tcb,
    },
    /// The revocation list of a product's root.
    AmdCrl {
        /// The product.
        product: Product,
        /// Whose issuer it may revoke.
        signer: AmdSigner,
    },
    /// Intel's judgement of the security versions of one kind of platform.
    TcbInfo {
        /// Family, model, stepping, platform type and custom SKU.
        fmspc: HexBytes<6>,
    },
    /// The identity of Intel's quoting enclave for TDX.
    QeIdentity,
    /// The revocation list of one of Intel's authorities.
    PckCrl {
        /// Which authority.
        ca: PckCa,
    },
    /// The revocation list of Intel's root.
    RootCrl,
    /// The certificates of one Intel platform, for quotes that do not bring them.
    PckChain {
        /// The quoting enclave's id in the quote's header.
        platform: HexBytes<16>,
    },
}

impl EndorsementKey {
    /// The word for the kind of endorsement.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AmdChain { .. } => "amd-chain",
            Self::Vcek { .. } => "vcek",
            Self::Vlek { .. } => "vlek",
            Self::AmdCrl { .. } => "amd-crl",
            Self::TcbInfo { .. } => "tcb-info",
            Self::QeIdentity => "qe-identity",
            Self::PckCrl { .. } => "pck-crl",
            Self::RootCrl => "root-crl",
            Self::PckChain { .. } => "pck-chain",
        }
    }

    /// What tells it from others of its kind; empty where there is one only.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AmdChain { product, signer } | Self::AmdCrl { product, signer } => {
                format!("{}/{}", word(*product), signer.name())
            }
            Self::Vcek { product, chip, tcb } => {
                let chip = chip_text(*product, chip);
                format!("{}/{chip}/{}", word(*product), tcb_text(*product, *tcb))
            }
            Self::Vlek { product, tcb } => format!("{}/{}", word(*product), tcb_text(*product, *tcb)),
            Self::TcbInfo { fmspc } => fmspc.to_string(),
            Self::QeIdentity => "td".to_owned(),
            Self::PckCrl { ca } => ca.name().to_owned(),
            Self::RootCrl => "intel".to_owned(),
            Self::PckChain { platform } => platform.to_string(),
        }
    }

    /// Whether newer ones replace it again and again: revocation lists and judgements, but not certificates.
    #[must_use]
    pub const fn is_renewed(&self) -> bool {
        matches!(
            self,
            Self::AmdCrl { .. } | Self::TcbInfo { .. } | Self::QeIdentity | Self::PckCrl { .. } | Self::RootCrl
        )
    }

    /// Whether the vendor sends the signer's certificates beside it.
    pub(super) const fn has_issuers(&self) -> bool {
        matches!(self, Self::TcbInfo { .. } | Self::QeIdentity | Self::PckCrl { .. })
    }
}

impl fmt::Display for EndorsementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.subject())
    }
}

/// A text names no endorsement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a kind of endorsement and what it is about, such as amd-crl/milan/vcek, found another text")]
#[non_exhaustive]
pub struct KeyTextError;

impl FromStr for EndorsementKey {
    type Err = KeyTextError;

    /// Reads the one spelling that [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let parts: Vec<&str> = text.split('/').collect();
        parse(&parts).filter(|key| key.to_string() == text).ok_or(KeyTextError)
    }
}

fn parse(parts: &[&str]) -> Option<EndorsementKey> {
    Some(match parts {
        ["amd-chain", product, by] => EndorsementKey::AmdChain { product: product.parse().ok()?, signer: signer(by)? },
        ["amd-crl", product, by] => EndorsementKey::AmdCrl { product: product.parse().ok()?, signer: signer(by)? },
        ["vcek", product, chip, tcb] => {
            let product = product.parse().ok()?;
            EndorsementKey::Vcek { product, chip: parse_chip(product, chip)?, tcb: parse_tcb(product, tcb)? }
        }
        ["vlek", product, tcb] => {
            let product = product.parse().ok()?;
            EndorsementKey::Vlek { product, tcb: parse_tcb(product, tcb)? }
        }
        ["tcb-info", fmspc] => EndorsementKey::TcbInfo { fmspc: fmspc.parse().ok()? },
        ["qe-identity", "td"] => EndorsementKey::QeIdentity,
        ["pck-crl", ca] => EndorsementKey::PckCrl { ca: PckCa::ALL.into_iter().find(|known| known.name() == *ca)? },
        ["root-crl", "intel"] => EndorsementKey::RootCrl,
        ["pck-chain", platform] => EndorsementKey::PckChain { platform: platform.parse().ok()? },
        _ => return None,
    })
}

fn signer(word: &str) -> Option<AmdSigner> {
    AmdSigner::ALL.into_iter().find(|known| known.name() == word)
}

fn word(product: Product) -> String {
    product.name().to_ascii_lowercase()
}

/// A chip's identity in as many hexadecimal digits as the product's chips have.
#[must_use]
pub fn chip_text(product: Product, chip: &HexBytes<64>) -> String {
    hex::encode(chip.as_bytes().get(..product::chip_id_len(product)).unwrap_or_default())
}

/// Reads a chip's identity: 128 lower-case hexadecimal digits, or 16 for Turin.
#[must_use]
pub fn parse_chip(product: Product, text: &str) -> Option<HexBytes<64>> {
    let length = product::chip_id_len(product);
    let raw = hex::decode(text).ok().filter(|raw| raw.len() == length && hex::encode(raw) == text)?;
    let mut chip = [0; 64];
    chip.get_mut(..length)?.copy_from_slice(&raw);
    Some(HexBytes::new(chip))
}

/// Security versions as keys name them: `bl=3,tee=0,snp=8,ucode=115`; Turin's begin with `fmc=`.
#[must_use]
pub fn tcb_text(product: Product, tcb: Tcb) -> String {
    let Tcb { fmc, bootloader, tee, snp, microcode } = tcb;
    let rest = format!("bl={bootloader},tee={tee},snp={snp},ucode={microcode}");
    if product == Product::Turin { format!("fmc={fmc},{rest}") } else { rest }
}

/// Reads what [`tcb_text`] writes.
#[must_use]
pub fn parse_tcb(product: Product, text: &str) -> Option<Tcb> {
    let mut numbers = text.split(',').map(|part| part.split_once('='));
    let mut next = |name: &str| match numbers.next()?? {
        (found, number) if found == name => number.parse::<u8>().ok(),
        _ => None,
    };
    let fmc = if product == Product::Turin { next("fmc")? } else { 0 };
    let (bootloader, tee, snp, microcode) = (next("bl")?, next("tee")?, next("snp")?, next("ucode")?);
    let tcb = Tcb { fmc, bootloader, tee, snp, microcode };
    (tcb_text(product, tcb) == text).then_some(tcb)
}
