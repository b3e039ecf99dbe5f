//! What a genuine machine on Azure said.

use prism_core::manifest::platform::HexBytes;
use serde::{Serialize, Serializer};

use super::evidence::AzureQuote;
use super::runtime::AzureVm;
use crate::platform::snp::SnpClaims;
use crate::platform::tdx::TdxClaims;
use crate::tpm::{Attest, ClockInfo, Registers};

/// Verified facts about an SEV-SNP machine on Azure. Whether they are wanted is for a policy to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AzureSnpClaims {
    pub(super) snp: SnpClaims,
    pub(super) vtpm: VtpmClaims,
}

impl AzureSnpClaims {
    /// What the processor said, of the paravisor.
    #[must_use]
    pub const fn snp(&self) -> &SnpClaims {
        &self.snp
    }

    /// What the virtual TPM said, of the guest.
    #[must_use]
    pub const fn vtpm(&self) -> &VtpmClaims {
        &self.vtpm
    }
}

/// Verified facts about a TDX machine on Azure. Whether they are wanted is for a policy to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AzureTdxClaims {
    pub(super) tdx: TdxClaims,
    pub(super) vtpm: VtpmClaims,
}

impl AzureTdxClaims {
    /// What the processor said, of the paravisor.
    #[must_use]
    pub const fn tdx(&self) -> &TdxClaims {
        &self.tdx
    }

    /// What the virtual TPM said, of the guest.
    #[must_use]
    pub const fn vtpm(&self) -> &VtpmClaims {
        &self.vtpm
    }
}

/// Verified facts from a virtual TPM. Whether they are wanted is for a policy to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VtpmClaims {
    /// Bank SHA-256: every register that was quoted, and no other.
    #[serde(rename = "pcrs")]
    registers: Registers,
    clock: ClockInfo,
    #[serde(serialize_with = "hexadecimal")]
    firmware: u64,
    vm: AzureVm,
    #[serde(skip)]
    nonce: Vec<u8>,
    /// What the nonce is the digest of, if it stands for something else.
    #[serde(skip)]
    report_data: Option<[u8; 64]>,
}

impl VtpmClaims {
    pub(super) fn new(attest: &Attest, quote: &AzureQuote, report_data: Option<[u8; 64]>, vm: AzureVm) -> Self {
        let (registers, nonce) = (quote.registers.clone(), attest.nonce().to_vec());
        Self { registers, clock: attest.clock(), firmware: attest.firmware(), vm, nonce, report_data }
    }

    /// The registers of the bank SHA-256 by number: every one that was quoted, and no other.
    #[must_use]
    pub const fn registers(&self) -> &std::collections::BTreeMap<u8, HexBytes<32>> {
        &self.registers
    }

    /// The TPM's clock when it signed.
    #[must_use]
    pub const fn clock(&self) -> ClockInfo {
        self.clock
    }

    /// How the paravisor says that the machine is configured.
    #[must_use]
    pub const fn vm(&self) -> &AzureVm {
        &self.vm
    }

    /// The bytes that the guest gave for this quote.
    #[must_use]
    pub fn nonce(&self) -> &[u8] {
        &self.nonce
    }

    /// What the quote is bound to: the bytes whose digest the nonce is, or the nonce itself.
    #[must_use]
    pub fn report_data(&self) -> &[u8] {
        self.report_data.as_ref().map_or(self.nonce.as_slice(), |bytes| bytes)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:#x}"))
}
