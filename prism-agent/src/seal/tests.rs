//! Sealed files on disk: nothing but whole ones, and nothing left behind.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use prism_core::code::{Code, Coded as _};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{CobblestoneKey, Context, Identity, Passphrase, RecipientKind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::blocking::Watcher;
use super::{Effort, OpenKey, OpenWith, SealFileError, SealTo, blocking, open, rewrap, seal};
use crate::files::{Draft, FileError, Source};

fn identity() -> Identity {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap()
}

fn copy(identity: &Identity) -> Identity {
    identity.to_text().parse().unwrap()
}

fn keys(identity: &Identity) -> OpenWith {
    OpenWith::Keys(vec![OpenKey::Identity(copy(identity))])
}

fn to(identity: &Identity) -> SealTo {
    SealTo::Recipients(vec![identity.recipient().clone()])
}

/// A folder with a file `plain` of some chunks.
fn scene() -> (TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = (dir.path().join("plain"), (0..=250).cycle().take(700_000).collect::<Vec<u8>>());
    fs::write(&path, &bytes).unwrap();
    (dir, path, bytes)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_that_was_sealed_opens_again_and_both_are_measured() {
    let (dir, path, bytes) = scene();
    let (owner, sealed, opened) = (identity(), dir.path().join("plain.age"), dir.path().join("opened"));
    let mut told = 0;
    let made =
        seal(Source::open(&path).unwrap(), to(&owner), &sealed, Effort::default(), |done| told = done).await.unwrap();
    assert_eq!(told, bytes.len() as u64);
    assert_eq!((made.plain.digest, made.plain.size), (Digest::sha256(&bytes), bytes.len() as u64));
    let file = fs::read(&sealed).unwrap();
    assert_eq!((made.sealed.digest, made.sealed.size), (Digest::sha256(&file), file.len() as u64));
    let found = open(&sealed, keys(&owner), &opened, Some(made.plain.digest), |done| told = done).await.unwrap();
    assert_eq!((found, told), (made.plain, made.sealed.size));
    assert!(fs::read(opened).unwrap() == bytes);
}

#[tokio::test]
async fn a_folder_is_sealed_as_its_canonical_archive() {
    let (dir, _, _) = scene();
    let (folder, owner) = (dir.path().join("h1"), identity());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.csv"), "1\n").unwrap();
    let source = Source::open(&folder).unwrap();
    let agreed = source.measure(prism_core::digest::Hasher::sha256(), &mut |_| ()).unwrap();
    let made = seal(source, to(&owner), &dir.path().join("h1.age"), Effort::default(), |_| ()).await.unwrap();
    assert_eq!(made.plain, agreed);
}

#[tokio::test]
async fn a_file_that_is_altered_or_not_the_expected_one_is_never_there() {
    let (dir, path, bytes) = scene();
    let (owner, sealed, opened) = (identity(), dir.path().join("plain.age"), dir.path().join("opened"));
    seal(Source::open(&path).unwrap(), to(&owner), &sealed, Effort::default(), |_| ()).await.unwrap();
    let other = Digest::sha256(b"another file");
    let error = open(&sealed, keys(&owner), &opened, Some(other), |_| ()).await.unwrap_err();
    assert!(matches!(&error, SealFileError::Differs { found, .. } if *found == Digest::sha256(&bytes)), "{error:?}");
    let salted = Digest::from_bytes(prism_core::digest::DigestAlgorithm::Sha256Salted, [1; 32]);
    let error = open(&sealed, keys(&owner), &opened, Some(salted), |_| ()).await.unwrap_err();
    assert!(matches!(error, SealFileError::Salted), "{error:?}");
    let stranger = open(&sealed, keys(&identity()), &opened, None, |_| ()).await.unwrap_err();
    assert_eq!(stranger.code(), Code::SealNotForYou);
    let mut altered = fs::read(&sealed).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&sealed, altered).unwrap();
    let error = open(&sealed, keys(&owner), &opened, None, |_| ()).await.unwrap_err();
    assert_eq!(error.code(), Code::SealBroken);
    assert_eq!(names(dir.path()), ["plain", "plain.age"]);
}

#[tokio::test]
async fn what_exists_is_never_overwritten() {
    let (dir, path, bytes) = scene();
    let owner = identity();
    let error = seal(Source::open(&path).unwrap(), to(&owner), &path, Effort::default(), |_| ()).await.unwrap_err();
    assert_eq!(error.code(), Code::FileExists);
    let sealed = dir.path().join("plain.age");
    seal(Source::open(&path).unwrap(), to(&owner), &sealed, Effort::default(), |_| ()).await.unwrap();
    for error in [
        open(&sealed, keys(&owner), &path, None, |_| ()).await.map(drop).unwrap_err(),
        rewrap(&sealed, keys(&owner), vec![owner.recipient().clone()], &path, |_| ()).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::FileExists);
    }
    assert!(fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn a_new_header_leaves_the_payload_as_it_was() {
    let (dir, path, bytes) = scene();
    let (before, after) = (identity(), identity());
    let (sealed, moved, opened) = (dir.path().join("a.age"), dir.path().join("b.age"), dir.path().join("opened"));
    seal(Source::open(&path).unwrap(), to(&before), &sealed, Effort::default(), |_| ()).await.unwrap();
    let mut told = 0;
    rewrap(&sealed, keys(&before), vec![after.recipient().clone()], &moved, |done| told = done).await.unwrap();
    let (old, new) = (fs::read(&sealed).unwrap(), fs::read(&moved).unwrap());
    let payload = usize::try_from(prism_core::seal::sealed_len(bytes.len() as u64).unwrap()).unwrap();
    assert_eq!(told, old.len() as u64);
    assert!(old[old.len() - payload..] == new[new.len() - payload..]);
    open(&moved, keys(&after), &opened, None, |_| ()).await.unwrap();
    assert!(fs::read(opened).unwrap() == bytes);
    let stranger = rewrap(&sealed, keys(&after), vec![after.recipient().clone()], &dir.path().join("c"), |_| ()).await;
    assert_eq!(stranger.unwrap_err().code(), Code::SealNotForYou);
    assert_eq!(names(dir.path()), ["a.age", "b.age", "opened", "plain"]);
}

#[tokio::test]
async fn a_file_that_lost_its_end_is_not_wrapped_anew() {
    let (dir, path, _) = scene();
    let owner = identity();
    let (sealed, short, out) = (dir.path().join("a.age"), dir.path().join("short.age"), dir.path().join("b.age"));
    seal(Source::open(&path).unwrap(), to(&owner), &sealed, Effort::default(), |_| ()).await.unwrap();
    let whole = fs::read(&sealed).unwrap();
    let header = whole.len() - usize::try_from(prism_core::seal::sealed_len(700_000).unwrap()).unwrap();
    // Chunks are of 64 KiB and a tag of 16 bytes, after a nonce of 16 bytes.
    for length in [whole.len() - 1, whole.len() + 1, header + 16 + 2 * (65_536 + 16), header + 16, header + 3, header] {
        let mut cut = whole.clone();
        cut.resize(length, 0);
        fs::write(&short, cut).unwrap();
        let error = rewrap(&short, keys(&owner), vec![owner.recipient().clone()], &out, |_| ()).await.unwrap_err();
        assert_eq!(error.code(), Code::SealBroken, "{length}: {error}");
        assert_eq!(names(dir.path()), ["a.age", "plain", "short.age"]);
    }
}

/// Seals `path` and does something to it when the first bytes have been read.
fn sealed_while(path: &Path, change: impl FnOnce() + Send) -> SealFileError {
    let (mut change, out) = (Some(change), path.with_file_name("out.age"));
    let mut tell = |_| {
        if let Some(change) = change.take() {
            change();
        }
    };
    let watcher = Watcher { tell: &mut tell, cancel: &CancellationToken::new() };
    blocking::seal(&Source::open(path).unwrap(), &to(&identity()), &out, one_worker(), watcher).unwrap_err()
}

fn one_worker() -> Effort {
    Effort { workers: std::num::NonZeroUsize::MIN }
}

#[test]
fn a_file_that_changes_while_it_is_sealed_is_not_sealed() {
    let (dir, path, bytes) = scene();
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let size = bytes.len() as u64;
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let later = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1);
    let changes: [&(dyn Fn() -> std::io::Result<()> + Sync); 3] =
        [&|| file.set_len(size - 100_000), &|| file.set_len(size + 1), &|| file.set_modified(later)];
    for change in changes {
        let error = sealed_while(&path, || change().unwrap());
        assert!(
            matches!(&error, SealFileError::File(FileError::Changed { path: found, .. }) if *found == path),
            "{error:?}"
        );
        assert_eq!(error.code(), Code::FileChanged);
        assert_eq!(names(dir.path()), ["plain"]);
        fs::write(&path, &bytes).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
}

#[test]
fn a_folder_that_changes_while_it_is_sealed_is_said_to_have_changed() {
    let (dir, path, _) = scene();
    let folder = dir.path().join("h1");
    fs::create_dir(&folder).unwrap();
    fs::copy(&path, folder.join("b")).unwrap();
    // Far more than is read ahead.
    let large = fs::File::create(folder.join("a")).unwrap();
    large.set_len(64 << 20).unwrap();
    let error = sealed_while(&folder, || large.set_len(1 << 20).unwrap());
    assert!(matches!(&error, SealFileError::File(FileError::Changed { .. })), "{error:?}");
    assert_eq!(names(dir.path()), ["h1", "plain"]);
}

#[test]
fn what_is_given_up_while_the_disk_writes_gets_no_name() {
    let (dir, _, _) = scene();
    let cancel = CancellationToken::new();
    let out = dir.path().join("out");
    blocking::finish(Draft::create(&out).unwrap(), &cancel).unwrap();
    fs::remove_file(&out).unwrap();
    cancel.cancel();
    let error = blocking::finish(Draft::create(&out).unwrap(), &cancel).unwrap_err();
    assert!(matches!(error, SealFileError::Cancelled), "{error:?}");
    assert_eq!(names(dir.path()), ["plain"]);
}

#[test]
fn what_is_being_sealed_or_opened_has_no_name() {
    let (dir, path, _) = scene();
    let (owner, sealed, cancel) = (identity(), dir.path().join("plain.age"), CancellationToken::new());
    let mut seen = Vec::new();
    let mut look = |_| seen.push(names(dir.path()));
    let source = Source::open(&path).unwrap();
    blocking::seal(&source, &to(&owner), &sealed, one_worker(), Watcher { tell: &mut look, cancel: &cancel }).unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|names| *names == ["plain"]), "{seen:?}");
    seen.clear();
    let mut look = |_| seen.push(names(dir.path()));
    let opening = blocking::Opening { sealed: &sealed, with: &keys(&owner), expected: None, effort: Effort::default() };
    blocking::open(&opening, &dir.path().join("out"), Watcher { tell: &mut look, cancel: &cancel }).unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|names| *names == ["plain", "plain.age"]), "{seen:?}");
}

#[tokio::test]
async fn any_of_several_keys_opens_a_file_and_a_passphrase_is_asked_for_by_name() {
    let (dir, path, _) = scene();
    let phrase = || Passphrase::new("correct horse".to_owned().into());
    let sealed = dir.path().join("plain.age");
    let source = Source::open(&path).unwrap();
    seal(source, SealTo::Passphrase(phrase()), &sealed, Effort::default(), |_| ()).await.unwrap();
    let error = open(&sealed, keys(&identity()), &dir.path().join("a"), None, |_| ()).await.unwrap_err();
    assert!(error.to_string().contains("passphrase"), "{error}");
    let several = OpenWith::Keys(vec![OpenKey::Identity(identity()), OpenKey::Passphrase(phrase())]);
    open(&sealed, several, &dir.path().join("a"), None, |_| ()).await.unwrap();
}

#[tokio::test]
async fn a_cobblestone_file_is_for_one_asset() {
    let (dir, path, bytes) = scene();
    let (sealed, opened) = (dir.path().join("plain.cobblestone"), dir.path().join("opened"));
    let key = || CobblestoneKey::from_bytes(&[7; 32]).unwrap();
    let context = |name: &str| Context::asset(&name.parse().unwrap());
    let source = Source::open(&path).unwrap();
    seal(source, SealTo::Cobblestone(key(), context("h1")), &sealed, Effort::default(), |_| ()).await.unwrap();
    let other = OpenWith::Cobblestone(key(), context("h2"));
    assert_eq!(open(&sealed, other, &opened, None, |_| ()).await.unwrap_err().code(), Code::SealNotForYou);
    let own = || OpenWith::Cobblestone(key(), context("h1"));
    open(&sealed, own(), &opened, None, |_| ()).await.unwrap();
    assert!(fs::read(opened).unwrap() == bytes);
    let error = rewrap(&sealed, own(), vec![], &dir.path().join("b"), |_| ()).await.unwrap_err();
    assert!(matches!(error, SealFileError::NoHeader), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_nobody_waits_for_ends_and_leaves_nothing() {
    let (dir, _, _) = scene();
    let (pipe, owner) = (dir.path().join("endless"), identity());
    // Longer than all buffers together: the work is in its middle when the first report comes.
    let mut file = fs::File::create(&pipe).unwrap();
    file.write_all(b"x").unwrap();
    file.set_len(1 << 40).unwrap();
    let (begun, heard) = tokio::sync::oneshot::channel();
    let (mut begun, out) = (Some(begun), dir.path().join("out.age"));
    let source = Source::open(&pipe).unwrap();
    let to = to(&owner);
    let work = tokio::spawn(async move {
        seal(source, to, &out, Effort::default(), |_| {
            if let Some(begun) = begun.take() {
                begun.send(()).unwrap();
            }
        })
        .await
    });
    heard.await.unwrap();
    work.abort();
    assert!(work.await.unwrap_err().is_cancelled());
    // The thread notices at its next read; what it wrote has no name.
    assert_eq!(names(dir.path()), ["endless", "plain"]);
}
