//! Evidence from this machine: the kernel's configfs-tsm, the SNP guest device, Intel's library, Azure's virtual TPM, or
//! the simulator. [`probe()`] says which of them this machine has.
//!
//! Everything here blocks: hardware takes its time. No function takes raw report data; only what
//! [`ReportData::compose`] made can be signed.

mod azure;
mod busy;
mod cert_table;
mod content;
mod error;
mod event_log;
mod find;
mod probe;
mod sev_guest;
#[cfg(feature = "simulator")]
mod simulated;
mod tdx_attest;
mod tpm;
mod tsm;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use prism_attest::binding::ReportData;
use prism_attest::endorsements::{Endorsements, Offered};
use prism_attest::evidence::{Evidence, Platform};
use prism_core::manifest::platform::PlatformPolicy;

use self::busy::Patience;
use self::content::Content;
use self::error::io_error;
use crate::server::PlatformChoice;

pub use self::azure::{AzureError, HttpError, ImdsError};
pub use self::error::AttesterError;
pub use self::event_log::EVENT_LOG_SENT_MAX;
pub use self::probe::{Interface, ProbeLine, ProbePaths, probe};
#[cfg(feature = "simulator")]
pub use self::simulated::{VendorError, simulated_root, simulated_tdx_vendor, simulated_vendor};
pub use self::tdx_attest::TdxAttestError;
pub use self::tpm::TpmError;

/// What signs this machine's evidence.
pub(crate) struct Attester {
    machine: Machine,
    platform: Platform,
    endorsements: Option<Offered>,
    /// One log, shared by all evidence of this boot.
    event_log: Option<Arc<[u8]>>,
}

/// The way to the signature.
enum Machine {
    /// The kernel's configfs-tsm.
    Tsm(tsm::Tsm),
    /// The SNP guest device.
    SevGuest(sev_guest::SevGuest),
    /// Intel's library.
    TdxAttest(tdx_attest::TdxAttest),
    /// Azure's virtual TPM.
    Azure(Box<azure::Azure>),
    /// A pretend vendor.
    #[cfg(feature = "simulator")]
    Simulated(Box<simulated::Simulated>),
}

impl Attester {
    /// Finds what the configuration asks for.
    pub(crate) fn open(choice: &PlatformChoice, now: u64) -> Result<Self, AttesterError> {
        Self::open_at(choice, now, &ProbePaths::default())
    }

    /// Also shows the machine's event log from now on, if the policy demands one of such machines.
    pub(crate) fn prepare_for(self, policy: &PlatformPolicy) -> Result<Self, AttesterError> {
        self.prepare_at(policy, &ProbePaths::default())
    }

    fn prepare_at(mut self, policy: &PlatformPolicy, paths: &ProbePaths) -> Result<Self, AttesterError> {
        if event_log::is_demanded(policy, self.platform) {
            self.event_log = Some(event_log::read(self.platform, &paths.ccel, &paths.tpm_log)?.into());
        }
        Ok(self)
    }

    #[cfg_attr(not(feature = "simulator"), expect(unused_variables, reason = "only a pretend vendor is made here"))]
    fn open_at(choice: &PlatformChoice, now: u64, paths: &ProbePaths) -> Result<Self, AttesterError> {
        let found = match choice {
            PlatformChoice::Snp { vmpl, .. } => find::snp(paths, *vmpl)?,
            PlatformChoice::Tdx { .. } => find::tdx(paths)?,
            PlatformChoice::AzureSnp { .. } => find::azure(paths, Some(Platform::AzureSnp))?,
            PlatformChoice::AzureTdx { .. } => find::azure(paths, Some(Platform::AzureTdx))?,
            PlatformChoice::Auto { .. } => find::any(paths)?,
            #[cfg(feature = "simulator")]
            PlatformChoice::Simulated { vendor } => {
                return Ok(Self::pretend(simulated::Simulated::Snp(simulated_vendor(vendor, now)?)));
            }
            #[cfg(feature = "simulator")]
            PlatformChoice::SimulatedTdx { vendor } => {
                return Ok(Self::pretend(simulated::Simulated::Tdx(simulated_tdx_vendor(vendor, now)?)));
            }
        };
        let (machine, platform) = found;
        let endorsements = choice.endorsements().map(|path| read_endorsements(path, platform)).transpose()?;
        let host_vouches = matches!((&machine, platform), (Machine::Tsm(_), Platform::Snp));
        if endorsements.is_none() && !host_vouches {
            return Err(AttesterError::NoEndorsements);
        }
        Ok(Self { machine, platform, endorsements, event_log: None })
    }

    #[cfg(feature = "simulator")]
    fn pretend(machine: simulated::Simulated) -> Self {
        let platform = machine.platform();
        Self { machine: Machine::Simulated(Box::new(machine)), platform, endorsements: None, event_log: None }
    }

    /// The kind of machine.
    pub(crate) fn platform(&self) -> Platform {
        self.platform
    }

    /// Has the machine sign; takes milliseconds to seconds.
    pub(crate) fn attest(&mut self, data: &ReportData) -> Result<(Evidence, Endorsements), AttesterError> {
        let (bytes, table) = match &mut self.machine {
            Machine::Tsm(tsm) => {
                let report = tsm.report(data)?;
                (report.evidence, report.auxiliary)
            }
            Machine::SevGuest(device) => (device.report(data)?, Vec::new()),
            Machine::TdxAttest(library) => (library.quote_with(Patience::STANDARD, data)?, Vec::new()),
            Machine::Azure(azure) => (azure.attest(data)?, Vec::new()),
            #[cfg(feature = "simulator")]
            Machine::Simulated(simulated) => return Ok(simulated.attest(data)?),
        };
        self.check_content(&bytes)?;
        let evidence = self.with_event_log(Evidence::new(self.platform, bytes)?)?;
        let endorsements = self.endorsements(&table, &evidence)?;
        Ok((evidence, endorsements))
    }

    fn with_event_log(&self, evidence: Evidence) -> Result<Evidence, AttesterError> {
        match &self.event_log {
            Some(log) => Ok(evidence.with_shared_event_log(Arc::clone(log))?),
            None => Ok(evidence),
        }
    }

    /// Evidence is named by what it is, not by the interface that it came from.
    fn check_content(&self, bytes: &[u8]) -> Result<(), AttesterError> {
        let expected = self.platform;
        if !matches!(expected, Platform::Snp | Platform::Tdx) {
            return Ok(());
        }
        match Content::of(bytes) {
            content if content.platform() == Some(expected) => Ok(()),
            content => Err(AttesterError::OtherEvidence { expected, found: content.words() }),
        }
    }

    fn endorsements(&self, table: &[u8], evidence: &Evidence) -> Result<Endorsements, AttesterError> {
        let chosen = self.endorsements.as_ref().map(|offered| offered.for_evidence(evidence)).transpose()?;
        if self.platform == Platform::Snp {
            let file = chosen.as_ref().and_then(Endorsements::as_snp);
            return cert_table::endorsements(table, evidence.bytes(), file);
        }
        chosen.ok_or(AttesterError::NoEndorsements)
    }
}

/// The configured file, which has to be the machine's vendor's, or a bundle.
fn read_endorsements(path: &Path, expected: Platform) -> Result<Offered, AttesterError> {
    let offered = Offered::read(&fs::read(path).map_err(io_error("read", path))?)?;
    let Offered::Machine(endorsements) = &offered else { return Ok(offered) };
    let fits = match expected {
        Platform::Snp | Platform::AzureSnp => endorsements.as_snp().is_some(),
        Platform::Tdx | Platform::AzureTdx => endorsements.as_tdx().is_some(),
        _ => false,
    };
    if fits { Ok(offered) } else { Err(AttesterError::OtherEndorsements { expected }) }
}

#[cfg(test)]
mod tests;
