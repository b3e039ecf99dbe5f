//! Files sealed and opened, without an agent: the age format.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::str::FromStr;

use prism_agent::files::{Measured, Source, read_private, write_new_private};
use prism_agent::seal::blocking::{self, Opening, Watcher};
use prism_agent::seal::{Effort, OpenKey, OpenWith, SealFileError, SealTo};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity, Recipient, RecipientKind};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::asset::{PrismAsset, PrismProgress};
use crate::error::{Fault, PrismError};
use crate::guard::{borrowed, c_text, call, free, given, make, path, text, texts};
use crate::waiting::{Tell, aside};

/// What opens sealed files: an identity of the age format.
pub struct PrismIdentity {
    secret: Zeroizing<String>,
    recipient: CString,
}

impl PrismIdentity {
    fn of(identity: &Identity) -> Self {
        Self { secret: identity.to_text(), recipient: c_text(identity.recipient().to_string()) }
    }

    fn file(&self) -> Zeroizing<String> {
        let recipient = self.recipient.to_string_lossy();
        Zeroizing::new(format!("# public key: {recipient}\n{}\n", *self.secret))
    }
}

/// Makes a new identity in memory: "hybrid" (X25519 and ML-KEM-768, also against quantum computers) or "x25519".
///
/// Ownership: `*out` is yours, until `prism_identity_free`. Threads: any. Errors: `usage` for another kind, `internal` when
/// the system gives no random bytes.
/// Example: `if (prism_identity_generate("hybrid", &identity, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_identity_generate(
    kind: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismIdentity>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let kind = match &*text(kind, "the kind of identity")? {
            "hybrid" => RecipientKind::Hybrid,
            "x25519" => RecipientKind::X25519,
            _ => return Err(Fault::usage("expected hybrid or x25519 as the kind of identity, found another text")),
        };
        Ok(PrismIdentity::of(&Identity::generate(kind, &mut SystemEntropy::default())?))
    })
}

/// Reads an identity from a file that only its owner can read, as `prism_identity_save` and the `age-keygen` tool write it.
///
/// Ownership: `*out` is yours, until `prism_identity_free`. Threads: any. Errors: `file.missing`, `key.exposed` when others
/// can read the file, `key.malformed`, `file.io`.
/// Example: `if (prism_identity_load("hospital-1.identity", &identity, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_identity_load(
    file: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismIdentity>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismIdentity::of(&Identity::from_file(&read_private(&path(file)?)?)?)))
}

/// Writes a new file that only its owner can read (mode 0600). A file that is there already is never overwritten.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing` when there is no such folder.
/// Example: `if (prism_identity_save(identity, "hospital-1.identity", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_identity_save(
    identity: Option<&PrismIdentity>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || Ok(write_new_private(&path(file)?, given(identity, "an identity")?.file().as_bytes())?))
}

/// Whom files are sealed to that this identity opens: "age1" and more.
///
/// Ownership: borrowed until `prism_identity_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_identity_recipient(identity));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_identity_recipient(identity: Option<&PrismIdentity>) -> *const c_char {
    borrowed(identity, |identity| Some(identity.recipient.as_c_str()))
}

/// Ends an identity and wipes it from memory; NULL is taken.
///
/// Ownership: the identity is gone, and with it the text that was borrowed from it. Threads: any. Errors: none.
/// Example: `prism_identity_free(identity);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_identity_free(identity: Option<Box<PrismIdentity>>) {
    free(identity);
}

/// Works on a file while this thread hears how far it is, until it has had enough.
fn watched(
    (progress, user): (PrismProgress, *mut c_void),
    total: u64,
    work: impl FnOnce(Watcher<'_>) -> Result<Measured, SealFileError> + Send,
) -> Result<PrismAsset, Fault> {
    let token = CancellationToken::new();
    let work = |tell: Tell<u64, Result<Measured, Fault>>| {
        let mut told = |done| {
            tell.tell(done);
        };
        Ok(work(Watcher { tell: &mut told, cancel: &token })?)
    };
    let hear = |done| {
        if progress.is_some_and(|progress| progress(user, done, total) != 0) {
            token.cancel();
        }
    };
    Ok(PrismAsset::of(aside(work, hear, || {})?))
}

/// Seals a file, or a folder as its canonical archive, into the new file `to`, for whoever has the identity of one of
/// `count` recipients. `*out` is digest and size of the sealed file.
///
/// Ownership: `*out` is yours, until `prism_asset_free`; the array and its texts stay yours. Threads: any; `progress`, which
/// may be NULL, is called on this thread with bytes read. Errors: `usage` for no recipient or text that is none,
/// `file.exists`, `file.missing`, `file.changed`, `file.io`, `cancelled` when `progress` says so; there is no file `to` then.
/// Example: `if (prism_seal("h1.zip", &recipient, 1, "h1.zip.age", tick, NULL, &sealed, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_seal(
    file: *const c_char,
    recipients: *const *const c_char,
    count: usize,
    to: *const c_char,
    progress: PrismProgress,
    user: *mut c_void,
    out: Option<&mut MaybeUninit<*mut PrismAsset>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (file, to) = (path(file)?, path(to)?);
        let recipients = texts((recipients, count), "a recipient")?;
        if recipients.is_empty() {
            return Err(Fault::usage("expected at least one recipient, found none; nobody could open the file"));
        }
        let recipients = recipients.iter().map(|text| Recipient::from_str(text)).collect::<Result<_, _>>()?;
        let (source, lock) = (Source::open(&file)?, SealTo::Recipients(recipients));
        watched((progress, user), source.length().unwrap_or(0), |watcher| {
            blocking::seal(&source, &lock, &to, Effort::default(), watcher).map(|sealed| sealed.sealed)
        })
    })
}

/// Opens a sealed file into the new file `to`. `*out` is digest and size of what was in it.
///
/// Ownership: `*out` is yours, until `prism_asset_free`. Threads: any; `progress`, which may be NULL, is called on this
/// thread with sealed bytes read. Errors: `seal.not-for-you`, `seal.broken` when a byte was changed or the end is missing,
/// `file.exists`, `file.missing`, `file.io`, `cancelled` when `progress` says so; there is no file `to` then.
/// Example: `if (prism_open("h1.zip.age", identity, "h1.zip", tick, NULL, &opened, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_open(
    sealed: *const c_char,
    identity: Option<&PrismIdentity>,
    to: *const c_char,
    progress: PrismProgress,
    user: *mut c_void,
    out: Option<&mut MaybeUninit<*mut PrismAsset>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (sealed, to, identity) = (path(sealed)?, path(to)?, given(identity, "an identity")?);
        let with = OpenWith::Keys(vec![OpenKey::Identity(Identity::from_file(&identity.secret)?)]);
        let total = Source::open(&sealed)?.length().unwrap_or(0);
        watched((progress, user), total, |watcher| {
            let opening = Opening { sealed: &sealed, with: &with, expected: None, effort: Effort::default() };
            blocking::open(&opening, &to, watcher)
        })
    })
}
