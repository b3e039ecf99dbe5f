//! What a machine said, by its kind.

use std::fmt;

use serde::Serialize;

use crate::evidence::{Evidence, Platform};
use crate::finding::{Notes, Stop};
use crate::platform::azure::{self, AzureSnpClaims, AzureTdxClaims, VtpmClaims};
use crate::platform::snp::SnpClaims;
use crate::platform::tdx::TdxClaims;

/// What the machine itself said, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Facts {
    /// An SEV-SNP machine's; a simulated one says the same.
    Snp(Box<SnpClaims>),
    /// A TDX machine's; a simulated one says the same.
    Tdx(Box<TdxClaims>),
    /// An SEV-SNP machine's on Azure, and its virtual TPM's.
    AzureSnp(Box<AzureSnpClaims>),
    /// A TDX machine's on Azure, and its virtual TPM's.
    AzureTdx(Box<AzureTdxClaims>),
}

impl Facts {
    /// What SEV-SNP evidence says, on Azure or not. `verify` verifies the processor's report, and may say more than it.
    pub(crate) fn of_snp<T>(
        evidence: &Evidence,
        verify: impl FnOnce(&[u8], &mut Notes) -> Result<(SnpClaims, T), Stop>,
        notes: &mut Notes,
    ) -> Result<(Self, T), Stop> {
        if evidence.platform() == Platform::AzureSnp {
            let (claims, more) = azure::verify_snp(evidence.bytes(), verify, notes)?;
            return Ok((Self::AzureSnp(Box::new(claims)), more));
        }
        let (claims, more) = verify(evidence.bytes(), notes)?;
        Ok((Self::Snp(Box::new(claims)), more))
    }

    /// What TDX evidence says, on Azure or not. `verify` verifies the processor's quote, and may say more than it.
    pub(crate) fn of_tdx<T>(
        evidence: &Evidence,
        verify: impl FnOnce(&[u8], &mut Notes) -> Result<(TdxClaims, T), Stop>,
        notes: &mut Notes,
    ) -> Result<(Self, T), Stop> {
        if evidence.platform() == Platform::AzureTdx {
            let (claims, more) = azure::verify_tdx(evidence.bytes(), verify, notes)?;
            return Ok((Self::AzureTdx(Box::new(claims)), more));
        }
        let (claims, more) = verify(evidence.bytes(), notes)?;
        Ok((Self::Tdx(Box::new(claims)), more))
    }

    /// The bytes that the machine signed for the program inside: 64, or whatever a TPM was given.
    pub(crate) fn report_data(&self) -> &[u8] {
        match self {
            Self::Snp(claims) => claims.report_data(),
            Self::Tdx(claims) => claims.report_data(),
            Self::AzureSnp(claims) => claims.vtpm().report_data(),
            Self::AzureTdx(claims) => claims.vtpm().report_data(),
        }
    }

    /// What an SEV-SNP processor said.
    pub(crate) fn snp(&self) -> Option<&SnpClaims> {
        match self {
            Self::Snp(claims) => Some(claims),
            Self::AzureSnp(claims) => Some(claims.snp()),
            Self::Tdx(_) | Self::AzureTdx(_) => None,
        }
    }

    /// What a TDX processor said.
    pub(crate) fn tdx(&self) -> Option<&TdxClaims> {
        match self {
            Self::Tdx(claims) => Some(claims),
            Self::AzureTdx(claims) => Some(claims.tdx()),
            Self::Snp(_) | Self::AzureSnp(_) => None,
        }
    }

    /// What a virtual TPM said.
    pub(crate) fn vtpm(&self) -> Option<&VtpmClaims> {
        match self {
            Self::AzureSnp(claims) => Some(claims.vtpm()),
            Self::AzureTdx(claims) => Some(claims.vtpm()),
            Self::Snp(_) | Self::Tdx(_) => None,
        }
    }

    /// What people look at first, a line each.
    pub(crate) fn write_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = if self.vtpm().is_some() { "paravisor" } else { "measured " };
        if let Some(claims) = self.snp() {
            writeln!(f, "  product   {}", claims.product())?;
            writeln!(f, "  {measured} {}", claims.measurement())?;
        }
        if let Some(claims) = self.tdx() {
            writeln!(f, "  status    {}", claims.tcb().status)?;
            writeln!(f, "  {measured} {}", claims.mrtd())?;
        }
        self.vtpm().map_or(Ok(()), |claims| writeln!(f, "  machine   {}", claims.vm().id))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(claims) = self.snp() {
            let (product, chip) = (claims.product(), claims.chip_id());
            write!(f, "SEV-SNP {product}, chip {chip}, measurement {}", claims.measurement())?;
        }
        if let Some(claims) = self.tdx() {
            let (kind, status) = (claims.fmspc(), claims.tcb().status);
            write!(f, "TDX {kind}, {status}, processor {}, MRTD {}", claims.ppid(), claims.mrtd())?;
        }
        self.vtpm().map_or(Ok(()), |claims| write!(f, ", on Azure, machine {}", claims.vm().id))
    }
}
