//! What a genuine machine on Azure said.

use prism_core::manifest::platform::HexBytes;
use serde::{Serialize, Serializer};

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
    #[serde(skip)]
    bound: Vec<u8>,
}

impl VtpmClaims {
    pub(super) fn new(attest: &Attest, registers: Registers, vm: AzureVm, bound: Vec<u8>) -> Self {
        let (clock, firmware, nonce) = (attest.clock(), attest.firmware(), attest.nonce().to_vec());
        Self { registers, clock, firmware, vm, nonce, bound }
    }

    /// The registers of the bank SHA-256 by number: every one that was quoted, and no other.
    #[must_use]
    pub const fn registers(&self) -> &std::collections::BTreeMap<u8, HexBytes<32>> {
        &self.registers
    }

    /// What the TPM signed for the program inside: the report data whose digest is its nonce, else the nonce itself.
    pub(crate) fn bound(&self) -> &[u8] {
        &self.bound
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
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:#x}"))
}
