//! What a machine signed: a platform's name and raw bytes. Nothing in it is believed yet.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use serde::{Serialize, Serializer};

use crate::platform::azure::AzureEvidence;
use crate::platform::snp::SIMULATOR_FAMILY;
use crate::platform::snp::report::REPORT_LEN;
use crate::platform::tdx::quote::SIMULATOR_USER_DATA;
use crate::replay::EVENT_LOG_MAX;

/// Longest evidence in bytes. An SEV-SNP report has 1,184, a TDX quote with its certificates about 8 KiB.
pub const EVIDENCE_MAX: usize = 64 * 1024;

/// The kind of machine that signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// AMD SEV-SNP in Azure, whose virtual TPM stands between the processor and the guest.
    AzureSnp,
    /// Intel TDX in Azure, whose virtual TPM stands between the processor and the guest.
    AzureTdx,
    /// A pretend SEV-SNP machine under a pretend AMD: protects nothing.
    Simulated,
    /// A pretend TDX machine under a pretend Intel: protects nothing.
    SimulatedTdx,
}

impl Platform {
    /// Every platform that has a name.
    pub const ALL: [Self; 6] =
        [Self::Snp, Self::Tdx, Self::AzureSnp, Self::AzureTdx, Self::Simulated, Self::SimulatedTdx];

    /// The word for it in manifests, on the wire and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::AzureSnp => "azure-snp",
            Self::AzureTdx => "azure-tdx",
            Self::Simulated => "simulated",
            Self::SimulatedTdx => "simulated-tdx",
        }
    }

    /// What bytes look like that nobody named: an SEV-SNP report by its length, a TDX quote by its header, simulated ones
    /// by the mark that the simulator puts in, evidence from Azure by its form and whether a TDX quote is in it. A guess
    /// for convenience; verification believes nothing of it.
    #[must_use]
    pub fn guess(bytes: &[u8]) -> Option<Self> {
        let marked = |mark: &[u8], at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
        match bytes {
            _ if bytes.len() == REPORT_LEN && marked(SIMULATOR_FAMILY, 0x10) => Some(Self::Simulated),
            _ if bytes.len() == REPORT_LEN => Some(Self::Snp),
            [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..] if marked(SIMULATOR_USER_DATA, 28) => Some(Self::SimulatedTdx),
            [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..] => Some(Self::Tdx),
            [b'{', ..] => {
                let quote = AzureEvidence::read(bytes).ok()?.td_quote;
                Some(if quote.is_some() { Self::AzureTdx } else { Self::AzureSnp })
            }
            _ => None,
        }
    }

    /// Whether such machines are pretended and protect nothing.
    #[must_use]
    pub const fn is_simulated(self) -> bool {
        matches!(self, Self::Simulated | Self::SimulatedTdx)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Platform {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        Self::ALL.into_iter().find(|platform| platform.name() == text).ok_or(EvidenceError::UnknownPlatform)
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why something is not evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The platform's name is none of [`Platform`].
    #[error("expected a platform such as snp or tdx, found another word; the other side may be newer")]
    UnknownPlatform,
    /// No bytes, or more than [`EVIDENCE_MAX`].
    #[error("expected 1 to {EVIDENCE_MAX} bytes of evidence, found {found}; this cannot be a report or quote")]
    Size {
        /// The number of bytes found.
        found: usize,
    },
    /// No bytes of event log, or more than [`EVENT_LOG_MAX`].
    #[error("expected 1 to {EVENT_LOG_MAX} bytes of event log, found {found}; this cannot be one")]
    EventLogSize {
        /// The number of bytes found.
        found: usize,
    },
    /// An event log beside evidence that has no register which could prove it.
    #[error("expected no event log beside evidence of {platform}, found one; only TDX and virtual TPMs measure events")]
    EventLogUseless {
        /// The kind of machine that signed.
        platform: Platform,
    },
}

impl Coded for EvidenceError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownPlatform => Code::PlatformUnsupported,
            Self::Size { .. } | Self::EventLogSize { .. } | Self::EventLogUseless { .. } => Code::EvidenceRefused,
        }
    }
}

/// A platform's name and the bytes exactly as the machine gave them, with its event log if there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    platform: Platform,
    bytes: Vec<u8>,
    event_log: Option<Arc<[u8]>>,
}

impl Evidence {
    /// Takes the bytes as they came, unless there are none or too many.
    ///
    /// # Errors
    /// [`EvidenceError::Size`].
    pub fn new(platform: Platform, bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        if bytes.is_empty() || bytes.len() > EVIDENCE_MAX {
            return Err(EvidenceError::Size { found: bytes.len() });
        }
        Ok(Self { platform, bytes, event_log: None })
    }

    /// Also takes the log of what was measured into the registers that the machine signs: CCEL of TDX, or a TPM's.
    ///
    /// Nobody signs a log; the registers prove it. So one that is at hand always has to lead to their values, whatever
    /// the policy says of its absence.
    ///
    /// # Errors
    /// [`EvidenceError::EventLogSize`], or [`EvidenceError::EventLogUseless`] if this kind of evidence has no such
    /// registers.
    pub fn with_event_log(self, log: &[u8]) -> Result<Self, EvidenceError> {
        self.check_event_log(log)?;
        Ok(Self { event_log: Some(log.into()), ..self })
    }

    /// The same with a log that many pieces of evidence share, as those of one boot do.
    ///
    /// # Errors
    /// As [`with_event_log`](Self::with_event_log).
    pub fn with_shared_event_log(self, log: Arc<[u8]>) -> Result<Self, EvidenceError> {
        self.check_event_log(&log)?;
        Ok(Self { event_log: Some(log), ..self })
    }

    fn check_event_log(&self, log: &[u8]) -> Result<(), EvidenceError> {
        if log.is_empty() || log.len() > EVENT_LOG_MAX {
            return Err(EvidenceError::EventLogSize { found: log.len() });
        }
        match self.platform {
            platform @ (Platform::Snp | Platform::Simulated) => Err(EvidenceError::EventLogUseless { platform }),
            _ => Ok(()),
        }
    }

    /// What the sender says the bytes are. Verification checks it.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The event log as it came, if there is one.
    #[must_use]
    pub fn event_log(&self) -> Option<&[u8]> {
        self.event_log.as_deref()
    }

    pub(crate) fn shared_event_log(&self) -> Option<Arc<[u8]>> {
        self.event_log.clone()
    }

    /// SHA-256 of the bytes: what logs and verdicts name. Not an identity: an ECDSA signature has a second valid form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("platform", &self.platform)
            .field("digest", &self.digest())
            .field("event_log", &self.event_log.as_deref().map(Digest::sha256))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::platform::azure::AzureQuote;

    #[test]
    fn evidence_without_bytes_or_beyond_the_limit_is_refused() {
        for length in [0, EVIDENCE_MAX + 1] {
            let evidence = Evidence::new(Platform::Snp, vec![0; length]);
            assert_eq!(evidence, Err(EvidenceError::Size { found: length }));
        }
        assert!(Evidence::new(Platform::Snp, vec![0; EVIDENCE_MAX]).is_ok());
    }

    #[test]
    fn an_event_log_that_nothing_can_prove_is_refused() {
        let evidence = |platform| Evidence::new(platform, vec![0; 9]).unwrap();
        for platform in [Platform::Snp, Platform::Simulated] {
            let log = evidence(platform).with_event_log(b"log");
            assert_eq!(log, Err(EvidenceError::EventLogUseless { platform }));
            let log = evidence(platform).with_shared_event_log(b"log"[..].into());
            assert_eq!(log, Err(EvidenceError::EventLogUseless { platform }));
        }
        for length in [0, EVENT_LOG_MAX + 1] {
            let log = evidence(Platform::Tdx).with_event_log(&vec![0; length]);
            assert_eq!(log, Err(EvidenceError::EventLogSize { found: length }));
        }
        for platform in [Platform::Tdx, Platform::AzureSnp, Platform::AzureTdx, Platform::SimulatedTdx] {
            assert_eq!(evidence(platform).with_event_log(b"log").unwrap().event_log(), Some(&b"log"[..]));
            let shared: Arc<[u8]> = b"log"[..].into();
            let evidence = evidence(platform).with_shared_event_log(Arc::clone(&shared)).unwrap();
            assert_eq!(evidence.event_log(), Some(&*shared));
        }
    }

    #[test]
    fn a_platform_is_guessed_from_the_layout_only() {
        let mut report = vec![0; 1184];
        assert_eq!(Platform::guess(&report), Some(Platform::Snp));
        report[0x10..0x20].copy_from_slice(b"PRISM-SIMULATED\0");
        assert_eq!(Platform::guess(&report), Some(Platform::Simulated));
        assert_eq!(Platform::guess(&[4, 0, 2, 0, 0x81, 0, 0, 0, 9]), Some(Platform::Tdx));
        assert_eq!(Platform::guess(&[5, 0, 2, 0, 0x81, 0, 0, 0]), Some(Platform::Tdx));
        for other in [&[][..], &[3, 0, 2, 0, 0x81, 0, 0, 0], &[4, 0, 2, 0, 0, 0, 0, 0], &[0; 1183], b"{}", b"{"] {
            assert_eq!(Platform::guess(other), None);
        }
    }

    #[test]
    fn a_quote_with_the_simulator_s_mark_is_guessed_simulated_and_only_with_the_whole_of_it() {
        let mut quote = vec![0; 700];
        quote[..8].copy_from_slice(&[4, 0, 2, 0, 0x81, 0, 0, 0]);
        quote[28..48].copy_from_slice(b"PRISM-SIMULATED-TDX\0");
        assert_eq!(Platform::guess(&quote), Some(Platform::SimulatedTdx));
        for at in 28..48 {
            let mut other = quote.clone();
            other[at] ^= 1;
            assert_eq!(Platform::guess(&other), Some(Platform::Tdx), "{at}");
        }
    }

    #[test]
    fn evidence_from_azure_is_guessed_by_its_form_and_its_quote() {
        let quote = AzureQuote { message: vec![1], signature: vec![2], registers: BTreeMap::new() };
        let mut parts = AzureEvidence { report_data: None, hcl_report: vec![3], quote, td_quote: None };
        assert_eq!(Platform::guess(&parts.to_json()), Some(Platform::AzureSnp));
        parts.td_quote = Some(vec![4]);
        let json = parts.to_json();
        assert_eq!(Platform::guess(&json), Some(Platform::AzureTdx));
        assert_eq!(Platform::guess(&json[..json.len() - 1]), None);
    }

    #[test]
    fn a_platform_reads_back_and_another_word_is_refused() {
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse(), Ok(platform));
        }
        assert_eq!("SNP".parse::<Platform>(), Err(EvidenceError::UnknownPlatform));
        assert_eq!("".parse::<Platform>(), Err(EvidenceError::UnknownPlatform));
    }
}
