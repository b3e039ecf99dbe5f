//! Evidence judged offline, without an agent.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prism_agent::files::read_limited;
use prism_attest::endorsements::Offered;
use prism_attest::endorsements::bundle::BUNDLE_MAX;
use prism_attest::evidence::EVIDENCE_MAX;
use prism_attest::{Case, Endorsements, Evidence, ExpectedBinding, Platform, Prepared, Roots};
use prism_core::manifest::platform::{POLICY_MAX, PlatformPolicy, PolicyDocument};

use crate::error::{Fault, PrismError};
use crate::guard::{bytes, call, free, given, make, path, text};
use crate::verdict::PrismVerdict;

/// What a verdict needs: evidence, endorsements, a policy and what the signed bytes have to stand for.
#[derive(Default)]
pub struct PrismVerifier(Mutex<Material>);

#[derive(Default)]
struct Material {
    evidence: Option<Evidence>,
    endorsements: Option<Offered>,
    policy: Option<PlatformPolicy>,
    expected: Option<ExpectedBinding>,
    /// Endorsements that held under this policy, verified once for all evidence of their machine.
    prepared: Option<(Platform, Endorsements, Prepared)>,
}

impl PrismVerifier {
    /// What was given so far, for one thread at a time. A panic leaves each part as it was or replaced.
    fn material(&self) -> MutexGuard<'_, Material> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Material {
    fn take_evidence(&mut self, platform: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.evidence = Some(Evidence::new(Platform::from_str(platform)?, bytes.to_vec())?);
        Ok(())
    }

    fn take_endorsements(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.endorsements = Some(Offered::read(bytes)?);
        self.prepared = None;
        Ok(())
    }

    fn take_policy(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.policy = Some(PolicyDocument::read(bytes).and_then(PolicyDocument::into_policy)?);
        self.prepared = None;
        Ok(())
    }

    fn judge(&mut self, at: u64) -> Result<PrismVerdict, Fault> {
        let missing =
            |what: &str, how: &str| Fault::usage(format!("expected {what}, found none so far; call {how} first"));
        let evidence = self.evidence.as_ref().ok_or_else(|| missing("evidence", "prism_verifier_evidence"))?;
        let offered =
            self.endorsements.as_ref().ok_or_else(|| missing("endorsements", "prism_verifier_endorsements"))?;
        let policy = self.policy.as_ref().ok_or_else(|| missing("a policy", "prism_verifier_policy"))?;
        let expected = self.expected.as_ref().ok_or_else(|| {
            missing("what the signed bytes stand for", "prism_verifier_report_data or prism_verifier_unbound")
        })?;
        let endorsements = offered.for_evidence(evidence)?;
        let case = Case { evidence, endorsements: &endorsements, policy, expected, now: at };
        if let Some((platform, same, prepared)) = &self.prepared
            && (*platform, same) == (evidence.platform(), &endorsements)
        {
            return Ok(PrismVerdict::of(prepared.judge(evidence, policy, expected, at)));
        }
        let prepared = case.prepare_under(&Roots::built_in());
        let verdict = case.judge_under(&Roots::built_in());
        self.prepared = prepared.ok().map(|prepared| (evidence.platform(), endorsements, prepared));
        Ok(PrismVerdict::of(verdict))
    }
}

/// Makes an empty verifier. Give it evidence, endorsements, a policy and report data, in any order; each can be given anew,
/// and the others stay for the next verdict.
///
/// Ownership: `*out` is yours, until `prism_verifier_free`. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_verifier_new(&verifier, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_new(
    out: Option<&mut MaybeUninit<*mut PrismVerifier>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismVerifier::default()))
}

/// Takes what the machine signed, from memory. `platform` is "snp", "tdx", "azure-snp", "azure-tdx", "simulated" or
/// "simulated-tdx".
///
/// Ownership: the bytes are copied and stay yours. Threads: any. Errors:
/// `platform.unsupported`, `evidence.refused` or `usage` for bytes that cannot be evidence; what was given before stays.
/// Example: `if (prism_verifier_evidence(verifier, "snp", report, 1184, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_evidence(
    verifier: Option<&PrismVerifier>,
    platform: *const c_char,
    data: *const u8,
    size: usize,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (verifier, platform) = (given(verifier, "a verifier")?, text(platform, "a platform")?);
        bytes((data, size), "evidence", |bytes| verifier.material().take_evidence(&platform, bytes))
    })
}

/// As `prism_verifier_evidence`, from a file.
///
/// Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
/// `file.malformed` for a file that is too long, `file.io`.
/// Example: `if (prism_verifier_evidence_file(verifier, "snp", "report.bin", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_evidence_file(
    verifier: Option<&PrismVerifier>,
    platform: *const c_char,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (verifier, platform) = (given(verifier, "a verifier")?, text(platform, "a platform")?);
        verifier.material().take_evidence(&platform, &read_limited(&path(file)?, EVIDENCE_MAX as u64)?)
    })
}

/// Takes what the vendor vouches for, from memory: one machine's endorsements, a bundle for many, or the certificate (DER)
/// of an AMD machine's key.
///
/// Ownership: the bytes are copied and stay yours. Threads: any. Errors: the code of
/// what is wrong with their form; what was given before stays.
/// Example: `if (prism_verifier_endorsements(verifier, bundle, size, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_endorsements(
    verifier: Option<&PrismVerifier>,
    data: *const u8,
    size: usize,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let verifier = given(verifier, "a verifier")?;
        bytes((data, size), "endorsements", |bytes| verifier.material().take_endorsements(bytes))
    })
}

/// As `prism_verifier_endorsements`, from a file.
///
/// Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
/// `file.malformed`, `file.io`.
/// Example: `if (prism_verifier_endorsements_file(verifier, "bundle.json", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_endorsements_file(
    verifier: Option<&PrismVerifier>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let verifier = given(verifier, "a verifier")?;
        verifier.material().take_endorsements(&read_limited(&path(file)?, BUNDLE_MAX as u64)?)
    })
}

/// Takes what is accepted, from memory: a policy in TOML or JSON, confirmed by a person.
///
/// Ownership: the bytes are copied and stay yours. Threads: any. Errors:
/// `policy.malformed`, `policy.unconfirmed`; what was given before stays.
/// Example: `if (prism_verifier_policy(verifier, policy, size, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_policy(
    verifier: Option<&PrismVerifier>,
    data: *const u8,
    size: usize,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let verifier = given(verifier, "a verifier")?;
        bytes((data, size), "a policy", |bytes| verifier.material().take_policy(bytes))
    })
}

/// As `prism_verifier_policy`, from a file.
///
/// Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
/// `file.malformed`, `file.io`.
/// Example: `if (prism_verifier_policy_file(verifier, "policy.toml", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_policy_file(
    verifier: Option<&PrismVerifier>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let verifier = given(verifier, "a verifier")?;
        verifier.material().take_policy(&read_limited(&path(file)?, POLICY_MAX as u64)?)
    })
}

/// Requires that the machine signed for exactly these 64 bytes.
///
/// Ownership: the bytes are copied and stay yours. Threads: any. Errors: `usage` for
/// another length.
/// Example: `if (prism_verifier_report_data(verifier, data, 64, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_report_data(
    verifier: Option<&PrismVerifier>,
    data: *const u8,
    size: usize,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let verifier = given(verifier, "a verifier")?;
        bytes((data, size), "report data", |bytes| {
            let other = |_| Fault::usage(format!("expected report data of 64 bytes, found {}", bytes.len()));
            verifier.material().expected = Some(ExpectedBinding::foreign(bytes.try_into().map_err(other)?));
            Ok(())
        })
    })
}

/// Says that it is not known what the signed bytes stand for: the verdict is about the machine alone, and says so.
///
/// Ownership: nothing changes. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_verifier_unbound(verifier, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_unbound(
    verifier: Option<&PrismVerifier>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        given(verifier, "a verifier")?.material().expected = Some(ExpectedBinding::unbound());
        Ok(())
    })
}

/// Judges as of the time `at`, in seconds since 1970 UTC. It succeeds also when the machine is refused: ask
/// `prism_verdict_good`, or let `prism_verdict_require_good` fail.
///
/// Ownership: `*out` is yours, until `prism_verdict_free`, also after the verifier is freed. Threads: any. Errors: `usage` when something was not given, `endorsements.missing` when a bundle has none for
/// this evidence.
/// Example: `if (prism_verifier_judge(verifier, (uint64_t)time(NULL), &verdict, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_judge(
    verifier: Option<&PrismVerifier>,
    at: u64,
    out: Option<&mut MaybeUninit<*mut PrismVerdict>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || given(verifier, "a verifier")?.material().judge(at))
}

/// Ends a verifier; NULL is taken.
///
/// Ownership: the verifier is gone; verdicts stay. Threads: any. Errors: none.
/// Example: `prism_verifier_free(verifier);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verifier_free(verifier: Option<Box<PrismVerifier>>) {
    free(verifier);
}
