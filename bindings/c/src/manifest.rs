//! Manifests: the terms of a computation, with the approvals that were given so far.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;

use prism_agent::files::{read_limited, write_new};
use prism_core::envelope::{ENVELOPE_MAX, Envelope};
use prism_core::manifest::{SignedManifest, Terms};

use crate::error::{Fault, PrismError};
use crate::guard::{Lazy, borrowed, bytes, c_text, call, fact, free, given, handles, make, path};
use crate::keys::PrismKey;

/// The terms of a computation, approved by nobody, by some or by everybody.
pub struct PrismManifest {
    pub(crate) terms: Terms,
    /// The file as it was read: terms, or an envelope with approvals around them.
    file: Vec<u8>,
    digest: CString,
    names: Vec<CString>,
    words: Lazy,
    json: Lazy,
    card: Lazy,
}

impl PrismManifest {
    fn read(file: &[u8]) -> Result<Self, Fault> {
        let terms = Terms::read(file)?;
        let names = terms.manifest().participants.iter().map(|participant| c_text(participant.name.as_str())).collect();
        Ok(Self {
            digest: c_text(terms.digest().to_string()),
            terms,
            file: file.to_vec(),
            names,
            words: Lazy::default(),
            json: Lazy::default(),
            card: Lazy::default(),
        })
    }

    /// With everybody's approval.
    pub(crate) fn signed(&self) -> Result<SignedManifest, Fault> {
        Ok(SignedManifest::read(&self.file)?)
    }

    fn approved(&self, index: usize) -> bool {
        let participant = self.terms.manifest().participants.get(index);
        participant.is_some_and(|participant| self.terms.approved_by().contains(&&participant.name))
    }
}

/// Reads a manifest, one participant's approval of one, or a manifest with everybody's approval.
///
/// Ownership: `*out` is yours, until `prism_manifest_free`. Threads: any. Errors: `file.missing`, `manifest.malformed`,
/// `envelope.malformed`, `file.io`.
/// Example: `if (prism_manifest_read("covid19.prism", &terms, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_read(
    file: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismManifest>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || PrismManifest::read(&read_limited(&path(file)?, ENVELOPE_MAX as u64)?))
}

/// As `prism_manifest_read`, from memory.
///
/// Ownership: `*out` is yours, until `prism_manifest_free`; the buffer stays yours. Threads: any. Errors:
/// `manifest.malformed`, `envelope.malformed`.
/// Example: `if (prism_manifest_from_buffer(data, size, &terms, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_from_buffer(
    data: *const u8,
    size: usize,
    out: Option<&mut MaybeUninit<*mut PrismManifest>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || bytes((data, size), "a manifest", PrismManifest::read))
}

/// Writes a new file: what was read, approved or assembled. A file that is there already is never overwritten.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`,
/// `file.missing`.
/// Example: `if (prism_manifest_save(approval, "hospital-1.approval", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_save(
    manifest: Option<&PrismManifest>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || Ok(write_new(&path(file)?, &given(manifest, "a manifest")?.file)?))
}

/// Everything that a participant has to know before approving, in plain words.
///
/// Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_manifest_words(terms));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_words(manifest: Option<&PrismManifest>) -> *const c_char {
    borrowed(manifest, |manifest| Some(manifest.words.get(|| manifest.terms.words().to_string())))
}

/// The exact text that participants approve: JSON.
///
/// Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_manifest_json(terms), stdout);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_json(manifest: Option<&PrismManifest>) -> *const c_char {
    borrowed(manifest, |manifest| {
        Some(manifest.json.get(|| String::from_utf8_lossy(manifest.terms.bytes()).into_owned()))
    })
}

/// The terms as a card in HTML, without scripts and without references to anything elsewhere.
///
/// Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_manifest_card(terms), page);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_card(manifest: Option<&PrismManifest>) -> *const c_char {
    borrowed(manifest, |manifest| Some(manifest.card.get(|| manifest.terms.card().to_html())))
}

/// The digest of the exact text, "sha256:" and 64 hex digits: the computation's name.
///
/// Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_manifest_digest(terms));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_digest(manifest: Option<&PrismManifest>) -> *const c_char {
    borrowed(manifest, |manifest| Some(manifest.digest.as_c_str()))
}

/// Whether the terms accept a machine that is simulated and protects nothing.
///
/// Ownership: nothing. Threads: any. Errors: true for NULL.
/// Example: `if (prism_manifest_simulated(terms)) puts("SIMULATED: not for data of people");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_simulated(manifest: Option<&PrismManifest>) -> bool {
    fact(manifest, true, |manifest| manifest.terms.manifest().accepts_simulation())
}

/// The number of participants, each of whom has to approve.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `for (i = 0; i < prism_manifest_participants(terms); i++) puts(prism_manifest_participant(terms, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_participants(manifest: Option<&PrismManifest>) -> usize {
    fact(manifest, 0, |manifest| manifest.names.len())
}

/// The name of participant `index`, counted from 0 in the manifest's order.
///
/// Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL
/// and beyond the last.
/// Example: `puts(prism_manifest_participant(terms, 0));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_participant(manifest: Option<&PrismManifest>, index: usize) -> *const c_char {
    borrowed(manifest, |manifest| manifest.names.get(index).map(CString::as_c_str))
}

/// Whether the approval of participant `index` is there and holds.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
/// Example: `if (!prism_manifest_approved(terms, 0)) puts("not yet");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_approved(manifest: Option<&PrismManifest>, index: usize) -> bool {
    fact(manifest, false, |manifest| manifest.approved(index))
}

/// Succeeds only if every participant's approval is there and holds, and nobody else's.
///
/// Ownership: nothing changes. Threads: any. Errors: `manifest.approval-missing` names
/// who is missing; `manifest.approval-invalid`; `key.unknown` for an approval by somebody whom the manifest does not name.
/// Example: `if (prism_manifest_require_approved(terms, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_require_approved(
    manifest: Option<&PrismManifest>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || given(manifest, "a manifest")?.signed().map(drop))
}

/// One participant's approval of the exact text: a manifest with this one approval, to be saved and sent to the owner.
/// Approvals that `manifest` holds already stay there and are not copied.
///
/// Ownership: `*out` is yours, until `prism_manifest_free`; manifest and key stay yours. Threads: any. Errors: `key.unknown` when the key is no participant's.
/// Example: `if (prism_manifest_approve(terms, key, &approval, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_approve(
    manifest: Option<&PrismManifest>,
    key: Option<&PrismKey>,
    out: Option<&mut MaybeUninit<*mut PrismManifest>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (manifest, key) = (given(manifest, "a manifest")?, given(key, "a key")?);
        let approval = SignedManifest::approve(manifest.terms.bytes(), &key.key)?;
        PrismManifest::read(&approval.to_json())
    })
}

/// Puts every participant's approval of the manifest's exact text together.
///
/// Ownership: `*out` is yours, until `prism_manifest_free`; manifest, array and approvals stay yours. Threads: any. Errors: `manifest.approval-missing`, `manifest.approval-invalid`, `key.unknown`,
/// `envelope.malformed` for terms without an approval.
/// Example: `if (prism_manifest_assemble(terms, approvals, 5, &signed_terms, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_assemble(
    manifest: Option<&PrismManifest>,
    approvals: *const Option<&PrismManifest>,
    count: usize,
    out: Option<&mut MaybeUninit<*mut PrismManifest>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let manifest = given(manifest, "a manifest")?;
        let envelopes = handles((approvals, count), "approvals", |approvals| {
            approvals.iter().map(|approval| Ok(Envelope::read(&approval.file)?)).collect::<Result<Vec<_>, Fault>>()
        })?;
        let signed = SignedManifest::assemble(manifest.terms.bytes(), &envelopes)?;
        PrismManifest::read(&signed.to_bytes())
    })
}

/// Ends a manifest; NULL is taken.
///
/// Ownership: the manifest is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_manifest_free(terms);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_manifest_free(manifest: Option<Box<PrismManifest>>) {
    free(manifest);
}
