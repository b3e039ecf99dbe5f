//! Whom the endorser asks, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

use prism_attest::endorsements::bundle::Authorities;

use super::address::BaseUrl;
use super::error::FetchError;

/// Largest answer in bytes.
pub(super) const ANSWER_MAX: usize = 1024 * 1024;

/// How often one host may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two numbers of a rate")]
pub struct Pace {
    /// How many questions may come at once.
    pub at_once: u32,
    /// The pause after each further one.
    pub every: Duration,
}

/// Which of Intel's judgements is asked for while a new one is being rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update {
    /// The one that platforms have had time to follow.
    #[default]
    Standard,
    /// The newest.
    Early,
}

impl Update {
    /// Intel's word for it in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
        }
    }
}

/// Whom the endorser asks, and its bounds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndorserConfig {
    /// AMD's key distribution service.
    pub(super) amd: BaseUrl,
    /// Intel's provisioning certification service.
    pub(super) intel: BaseUrl,
    /// Where Intel's root publishes its revocation list; a mirror has it with the rest.
    pub(super) intel_root: Option<BaseUrl>,
    /// How long one question may take, from the connection to the last byte.
    pub deadline: Duration,
    /// How often AMD's service is asked: it wants about 10 seconds between questions for one thing.
    pub amd_pace: Pace,
    /// How often Intel's service is asked.
    pub intel_pace: Pace,
    /// Where answers are kept.
    pub cache: Option<PathBuf>,
    /// When a kept list or judgement is asked for again, although it is current.
    pub renew_after: Duration,
    /// Which of Intel's judgements is asked for.
    pub update: Update,
    /// Whose endorsements are taken: the vendors', and those of laboratories that are added.
    pub authorities: Authorities,
    /// Certificates (DER) that may vouch for a host, besides those that this machine trusts.
    pub extra_roots: Vec<Vec<u8>>,
}

impl EndorserConfig {
    /// The vendors' own services and nobody else.
    ///
    /// # Errors
    /// Never, as long as the built-in addresses are well-formed.
    pub fn vendors() -> Result<Self, FetchError> {
        let (amd, intel) = ("https://kdsintf.amd.com".parse()?, "https://api.trustedservices.intel.com".parse()?);
        let root = "https://certificates.trustedservices.intel.com".parse()?;
        Ok(Self::with(amd, intel, Some(root)))
    }

    /// A mirror that answers in the vendors' place, at the vendors' paths below its address: a cache of AMD's service, a
    /// PCCS for Intel's. Nobody else is asked.
    #[must_use]
    pub fn mirror(base: BaseUrl) -> Self {
        let pace = Pace { at_once: u32::MAX, every: Duration::ZERO };
        Self { amd_pace: pace, intel_pace: pace, ..Self::with(base.clone(), base, None) }
    }

    /// Keeps answers in this directory.
    #[must_use]
    pub fn with_cache(mut self, directory: PathBuf) -> Self {
        self.cache = Some(directory);
        self
    }

    fn with(amd: BaseUrl, intel: BaseUrl, intel_root: Option<BaseUrl>) -> Self {
        Self {
            amd,
            intel,
            intel_root,
            deadline: Duration::from_secs(30),
            amd_pace: Pace { at_once: 4, every: Duration::from_secs(10) },
            intel_pace: Pace { at_once: 16, every: Duration::from_secs(1) },
            cache: None,
            renew_after: Duration::from_hours(24),
            update: Update::default(),
            authorities: Authorities::built_in(),
            extra_roots: Vec::new(),
        }
    }

    /// The hosts that may be asked.
    pub(super) fn hosts(&self) -> Vec<&BaseUrl> {
        [Some(&self.amd), Some(&self.intel), self.intel_root.as_ref()].into_iter().flatten().collect()
    }
}
