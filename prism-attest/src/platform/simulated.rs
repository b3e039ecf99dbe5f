//! A pretend AMD: for tests and demonstrations. It protects nothing.
//!
//! Its keys are made at first use and kept by the caller; no key is in this crate. Reports are byte-exact, and the same
//! code verifies them. It cannot be mistaken for hardware: its root is accepted only where a policy pins it by digest,
//! every certificate carries a critical extension and the organisation "PRISM SIMULATOR - NOT A TEE", every report a
//! family id, and each of these marks is refused under any other root.
//!
//! ```no_run
//! # use prism_attest::{AgentBinding, ExpectedBinding, ReportData, SessionBinding, judge};
//! # use prism_attest::platform::simulated::{Mutations, SimulatedMachine, SimulatedVendor};
//! # use prism_core::entropy::SystemEntropy;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = 1_800_000_000;
//! let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), now)?;
//! let agent = AgentBinding::new([1; 16], vec![2], "log.key".to_owned(), None)?;
//! let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
//! let report_data = ReportData::compose(&session.leaf(), &agent);
//! let (evidence, endorsements) = vendor.attest(&report_data, &Mutations::none())?;
//!
//! let policy = vendor.policy_for(&SimulatedMachine::default());
//! let expected = ExpectedBinding::recorded(agent.encode());
//! let verdict = judge(&evidence, &endorsements, &policy, &expected, now);
//! assert!(verdict.is_good() && verdict.is_simulated(), "{verdict}");
//! # Ok(()) }
//! ```

mod certificate;
mod der;
mod keys;
mod machine;
mod mutation;
mod tdx;
mod vendor_file;

use std::fmt;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::{Entropy, EntropyError, draw};
use prism_core::manifest::platform::{PlatformPolicy, Profile, SimulatedPolicy};
use prism_core::strict::JsonError;
use zeroize::Zeroizing;

use self::certificate::{AuthorityDraft, ListDraft, VekDraft};
use self::keys::{EcKey, RsaKey};
pub use self::machine::{ReportVersion, SimulatedKey, SimulatedMachine};
use self::mutation::{Draft, IssuerDraft};
pub use self::mutation::{Expectation, Mutation, Mutations, TdxMutation, TdxMutations, UnknownMutation};
pub use self::tdx::{PckAuthority, QuoteVersion, SimulatedTd, SimulatedTdxVendor};
use crate::binding::ReportData;
use crate::endorsements::{Endorsements, SnpEndorsements};
use crate::evidence::{Evidence, Platform};

/// Why the simulator could not be made, read or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The random source ran dry.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The crypto provider refused to make or use a key.
    #[error("expected the crypto provider to make and use the simulator's keys, found a failure; try again")]
    Crypto,
    /// The kept bytes are not a simulator's.
    #[error("expected a simulator's kept state, found something else ({0}); delete the file to make a new simulator")]
    Json(#[from] JsonError),
    /// The kept keys and certificates do not belong together, or are of another version.
    #[error("expected a simulator's keys of version 1, found others; delete the file to make a new simulator")]
    Malformed,
}

impl Coded for SimulatorError {
    fn code(&self) -> Code {
        match self {
            Self::Entropy(_) | Self::Crypto => Code::Internal,
            Self::Json(_) | Self::Malformed => Code::FileMalformed,
        }
    }
}

/// The pretend vendor: root, intermediate and machine keys with their certificates.
pub struct SimulatedVendor {
    ark: Authority,
    ask: Authority,
    asvk: Authority,
    vcek: EcKey,
    vlek: EcKey,
    chip: [u8; 64],
    /// Unix seconds.
    created: u64,
}

struct Authority {
    key: RsaKey,
    der: Vec<u8>,
}

impl Authority {
    fn root(now: u64) -> Result<Self, SimulatorError> {
        let key = RsaKey::generate()?;
        Ok(Self { der: certificate::ark(now, &key, false)?, key })
    }

    fn under(root: &Self, now: u64, name: &str) -> Result<Self, SimulatorError> {
        let key = RsaKey::generate()?;
        Ok(Self { der: AuthorityDraft::new(now, name).build(&key, &root.key)?, key })
    }
}

impl SimulatedVendor {
    /// Makes a new vendor whose certificates begin a day before `now` (Unix seconds). Takes seconds: three RSA keys of
    /// 4,096 bits. Keep it with [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`SimulatorError::Entropy`] and [`SimulatorError::Crypto`].
    pub fn generate(entropy: &mut dyn Entropy, now: u64) -> Result<Self, SimulatorError> {
        let ark = Authority::root(now)?;
        Ok(Self {
            ask: Authority::under(&ark, now, "SEV-Simulated")?,
            asvk: Authority::under(&ark, now, "SEV-VLEK-Simulated")?,
            ark,
            vcek: EcKey::generate()?,
            vlek: EcKey::generate()?,
            chip: draw(entropy)?,
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
        Digest::sha256(&self.ark.der)
    }

    /// A policy that accepts this vendor's machines that look like `machine`, and nothing else.
    #[must_use]
    pub fn policy_for(&self, machine: &SimulatedMachine) -> PlatformPolicy {
        let profile = SimulatedPolicy::new(self.root_digest(), machine.policy());
        PlatformPolicy::only(Profile::Simulated(profile))
    }

    /// Evidence of the default machine, with mutations.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn attest(
        &self,
        report_data: &ReportData,
        mutations: &Mutations,
    ) -> Result<(Evidence, Endorsements), SimulatorError> {
        self.attest_as(&SimulatedMachine::default(), report_data, mutations)
    }

    /// Evidence of a machine of your making, with mutations.
    ///
    /// # Errors
    /// [`SimulatorError::Crypto`].
    pub fn attest_as(
        &self,
        machine: &SimulatedMachine,
        report_data: &ReportData,
        mutations: &Mutations,
    ) -> Result<(Evidence, Endorsements), SimulatorError> {
        let machine = mutations.reshape(machine);
        let mut draft = Draft::new(self, &machine, report_data);
        mutations.apply(&mut draft);
        self.sign(&draft)
    }

    fn sign(&self, draft: &Draft) -> Result<(Evidence, Endorsements), SimulatorError> {
        let by_provider = draft.vek.key == SimulatedKey::Vlek;
        let (leaf, stranger) = if by_provider { (&self.vlek, &self.vcek) } else { (&self.vcek, &self.vlek) };
        let mut report = draft.report.write();
        let signer = if draft.signed_by_stranger { stranger } else { leaf };
        signer.sign_report(&mut report)?;
        for change in &draft.after_signing {
            change(&mut report);
        }
        let (ask, issuer_key) = self.issuer(draft, by_provider)?;
        let issuer_key = issuer_key.as_ref().unwrap_or(&self.authority(by_provider).key);
        let root_key = if draft.other_root { &self.asvk.key } else { &self.ark.key };
        let parts = SnpEndorsements {
            vek: draft.vek.build(leaf, if draft.vek_by_root { &self.ark.key } else { issuer_key })?,
            ask,
            ark: if draft.other_root || draft.disguised {
                certificate::ark(self.created, root_key, draft.disguised)?
            } else {
                self.ark.der.clone()
            },
            crl: draft.list.as_ref().map(|list| self.list(list)).transpose()?,
        };
        let evidence = Evidence::new(Platform::Simulated, report).map_err(|_| SimulatorError::Crypto)?;
        let endorsements = Endorsements::snp(parts).map_err(|_| SimulatorError::Crypto)?;
        Ok((evidence, endorsements))
    }

    const fn authority(&self, by_provider: bool) -> &Authority {
        if by_provider { &self.asvk } else { &self.ask }
    }

    /// The intermediate certificate, and its key if that is not the kept one.
    fn issuer(&self, draft: &Draft, by_provider: bool) -> Result<(Vec<u8>, Option<RsaKey>), SimulatorError> {
        let kept = self.authority(by_provider);
        let name = if by_provider { "SEV-VLEK-Simulated" } else { "SEV-Simulated" };
        let mut certificate = AuthorityDraft::new(self.created, name);
        certificate.disguised = draft.disguised;
        match draft.issuer {
            IssuerDraft::AsKept if draft.disguised => {}
            IssuerDraft::AsKept => return Ok((kept.der.clone(), None)),
            IssuerDraft::UnderOtherRoot => return Ok((certificate.build(&kept.key, &self.asvk.key)?, None)),
            IssuerDraft::NotAuthority => certificate.is_authority = false,
            IssuerDraft::Expired => certificate.not_after = certificate.not_before,
            IssuerDraft::Weak => {
                let weak = RsaKey::weak()?;
                return Ok((certificate.build(&weak, &self.ark.key)?, Some(weak)));
            }
        }
        Ok((certificate.build(&kept.key, &self.ark.key)?, None))
    }

    fn list(&self, draft: &ListDraft) -> Result<Vec<u8>, SimulatorError> {
        draft.build(if draft.other_key { &self.asvk.key } else { &self.ark.key })
    }

    fn vek_draft(&self, machine: &SimulatedMachine) -> VekDraft {
        VekDraft::new(self.created, machine, self.chip)
    }

    const fn list_draft(&self) -> ListDraft {
        ListDraft::new(self.created)
    }
}

impl fmt::Debug for SimulatedVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedVendor").field("root", &self.root_digest()).finish_non_exhaustive()
    }
}
