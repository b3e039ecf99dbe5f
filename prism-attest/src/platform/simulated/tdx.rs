//! A pretend Intel: for tests and demonstrations. It protects nothing.
//!
//! Its keys are made at first use and kept by the caller; no key is in this crate. Quotes and everything that Intel's
//! provisioning certification service would answer about them are byte-exact, and the same code verifies them. It cannot
//! be mistaken for hardware: its root is accepted only where a policy pins it by digest, every certificate carries a
//! critical extension and the organisation "PRISM SIMULATOR - NOT A TEE", every quote the words "PRISM-SIMULATED-TDX" as
//! user data of its header, and each of these marks is refused under any other root.
//!
//! ```
//! use prism_attest::ReportData;
//! use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutations};
//! # use prism_attest::{AgentBinding, SessionBinding};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let agent = AgentBinding::new([1; 16], vec![2], "log.key".to_owned(), None)?;
//! # let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
//! # let report_data = ReportData::compose(&session.leaf(), &agent);
//! let vendor = SimulatedTdxVendor::generate(1_800_000_000)?;
//! let (evidence, endorsements) = vendor.attest(&report_data, &TdxMutations::none())?;
//! assert!(evidence.bytes().windows(19).any(|bytes| bytes == b"PRISM-SIMULATED-TDX"));
//! assert!(endorsements.as_tdx().is_some());
//! # Ok(()) }
//! ```

pub(crate) mod certificate;
pub(crate) mod collateral;
pub(crate) mod draft;
mod keys;
pub(crate) mod quote;
pub(crate) mod td;
mod vendor_file;

use std::fmt;

use prism_core::digest::Digest;
use prism_core::manifest::platform::{PlatformPolicy, Profile, SimulatedTdxPolicy};
use zeroize::Zeroizing;

use self::draft::Draft;
use self::keys::P256Key;
pub use self::td::{PckAuthority, QuoteVersion, SimulatedTd};
use super::SimulatorError;
use super::mutation::TdxMutations;
use crate::binding::ReportData;
use crate::endorsements::{Endorsements, SignedJson};
use crate::evidence::Evidence;

/// The pretend vendor: keys of its root, its authorities for machines, its TCB information, one machine and that
/// machine's quoting enclave.
pub struct SimulatedTdxVendor {
    root: P256Key,
    /// The root's certificate, which policies pin.
    root_der: Vec<u8>,
    platform_ca: P256Key,
    processor_ca: P256Key,
    tcb_signing: P256Key,
    pck: P256Key,
    attestation: P256Key,
    /// Unix seconds.
    created: u64,
}

impl SimulatedTdxVendor {
    /// Makes a new vendor whose certificates begin a day before `now` (Unix seconds). Keep it with
    /// [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn generate(now: u64) -> Result<Self, SimulatorError> {
        let root = P256Key::generate()?;
        let certificate = Draft::new(now, &SimulatedTd::default(), [0; 64]).root;
        Ok(Self {
            root_der: certificate.build(&root, &root)?,
            root,
            platform_ca: P256Key::generate()?,
            processor_ca: P256Key::generate()?,
            tcb_signing: P256Key::generate()?,
            pck: P256Key::generate()?,
            attestation: P256Key::generate()?,
            created: now,
        })
    }

    /// The whole vendor, keys included, for the caller to keep in a private file.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`] if a key cannot be written.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        vendor_file::write(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`SimulatorError::Json`] and [`SimulatorError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SimulatorError> {
        vendor_file::read(bytes)
    }

    /// SHA-256 of the root's certificate: what a policy pins.
    #[must_use]
    pub fn root_digest(&self) -> Digest {
        Digest::sha256(&self.root_der)
    }

    /// A policy that accepts this vendor's machines that look like `td`, and nothing else.
    #[must_use]
    pub fn policy_for(&self, td: &SimulatedTd) -> PlatformPolicy {
        let profile = SimulatedTdxPolicy::new(self.root_digest(), td.policy());
        PlatformPolicy::only(Profile::SimulatedTdx(profile))
    }

    /// Evidence of the default machine, with mutations.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn attest(
        &self,
        report_data: &ReportData,
        mutations: &TdxMutations,
    ) -> Result<(Evidence, Endorsements), SimulatorError> {
        self.attest_as(&SimulatedTd::default(), report_data, mutations)
    }

    /// Evidence of a machine of your making, with mutations.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn attest_as(
        &self,
        td: &SimulatedTd,
        report_data: &ReportData,
        mutations: &TdxMutations,
    ) -> Result<(Evidence, Endorsements), SimulatorError> {
        let td = mutations.reshape(td);
        let mut draft = Draft::new(self.created, &td, *report_data.as_bytes());
        mutations.apply(&mut draft);
        draft.sign(self)
    }

    /// Signs a TCB info or an identity of your making, as the pretend Intel: whatever the document says.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn sign_document(&self, json: &[u8]) -> Result<SignedJson, SimulatorError> {
        collateral::sign(json.to_vec(), &self.tcb_signing)
    }

    const fn authority(&self, authority: PckAuthority) -> &P256Key {
        match authority {
            PckAuthority::Platform => &self.platform_ca,
            PckAuthority::Processor => &self.processor_ca,
        }
    }
}

impl fmt::Debug for SimulatedTdxVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedTdxVendor").field("root", &self.root_digest()).finish_non_exhaustive()
    }
}
