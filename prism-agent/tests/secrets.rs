//! No secret shows itself in what this crate says: marked ones go through its `Debug`s and its ways of being refused.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(feature = "pull")]
#[path = "secrets/broker.rs"]
mod broker;
mod common;
#[path = "../../prism-core/tests/secrets/hidden.rs"]
mod hidden;
#[cfg(feature = "pull")]
#[path = "pull/kbs.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod kbs;
#[path = "../../prism-core/tests/secrets/marked.rs"]
mod marked;
#[path = "client/people.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod people;
#[cfg(feature = "pull")]
#[path = "pull/tls.rs"]
mod tls;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use prism_agent::client::UploadOptions;
use prism_agent::endorser::BaseUrl;
use prism_agent::files::{Source, read_private, read_private_bytes, write_new_private};
use prism_agent::index::PackageIndex;
use prism_agent::pull::{AllowedHost, PullConfig, S3Credentials};
use prism_agent::runner::Requirements;
use prism_agent::seal::{Effort, OpenKey, OpenWith, SealTo, open, rewrap, seal};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::entropy::{Entropy, EntropyError, SystemEntropy};
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::seal::{CobblestoneKey, Context, Identity, Passphrase, Recipient, RecipientKind, SshIdentity};
use tempfile::TempDir;
use zeroize::Zeroizing;

use common::Computation;
use hidden::{debugged, hidden, said};
use marked::Marked;
use people::{attest, join, key};

/// Bytes of which no part is found by chance.
const SECRET: [u8; 32] = *b"\x9a\x03\xf7\x61\x1e\xd8\x45\xbc\x70\x2f\xe9\x14\xa6\x5b\xc3\x88\x0d\xfa\x37\x92\x6e\x41\xdd\xb5\x19\xc7\x54\x80\xee\x2b\xf3\x66";

const WORDS: &str = "a correct horse on a staple battery";

/// A source that draws the marked bytes.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.copy_from_slice(&SECRET[..buffer.len()]);
        Ok(())
    }
}

/// Everything that must not be seen, in the forms that it has here.
fn marks() -> Vec<Marked> {
    let pem = signing_key().to_pem();
    vec![
        Marked::bytes("the secret", &SECRET),
        Marked::text("an identity", &identity().to_text()),
        Marked::text("a signing key", pem.lines().nth(1).unwrap()),
        Marked::text("a passphrase", WORDS),
    ]
}

#[track_caller]
fn unseen(error: &dyn std::error::Error) {
    hidden(&marks().iter().collect::<Vec<_>>(), &said(error));
}

fn identity() -> Identity {
    Identity::generate(RecipientKind::Hybrid, &mut Fixed).unwrap()
}

fn signing_key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ed25519, &mut Fixed).unwrap()
}

fn cobblestone() -> (CobblestoneKey, Context) {
    (CobblestoneKey::from_bytes(&SECRET).unwrap(), Context::from_bytes(b"x"))
}

fn passphrase() -> Passphrase {
    Passphrase::new(Zeroizing::new(WORDS.to_owned()))
}

fn stranger() -> Recipient {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap().recipient().clone()
}

#[test]
fn a_private_file_that_is_not_read_or_written_is_not_repeated() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("key");
    let long = [SECRET.repeat(2_000), vec![0; 10_000]].concat();
    let texts = [SECRET.to_vec(), identity().to_text().as_bytes().to_vec(), long];
    for (text, mode) in texts.iter().flat_map(|text| [(text, 0o600), (text, 0o644)]) {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let read = [read_private(&path).map(drop), read_private_bytes(&path).map(drop)];
        read.into_iter().filter_map(Result::err).for_each(|error| unseen(&error));
        unseen(&write_new_private(&path, text).unwrap_err());
    }
    fs::write(&path, SECRET).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    unseen(&read_private(&path).unwrap_err());
}

#[test]
fn what_seals_and_opens_shows_no_key() {
    let marks = marks();
    let marks: Vec<&Marked> = marks.iter().collect();
    let (key, context) = cobblestone();
    debugged(&marks, &SealTo::Cobblestone(key, context));
    debugged(&marks, &SealTo::Passphrase(passphrase()));
    let ssh = SshIdentity::from_file(include_str!("../../prism-core/tests/data/ssh_ed25519")).unwrap();
    let keys = vec![OpenKey::Identity(identity()), OpenKey::Ssh(ssh), OpenKey::Passphrase(passphrase())];
    debugged(&marks, &OpenWith::Keys(keys));
    let (key, context) = cobblestone();
    debugged(&marks, &OpenWith::Cobblestone(key, context));
}

/// Two sealed files that the marked keys do not open, one that they do, and a file that is none.
async fn sealed_files(dir: &Path) -> [PathBuf; 4] {
    let [age, other, own, none] = ["age", "cobblestone", "own", "none"].map(|name| dir.join(name));
    let content = || Source::from_bytes(b"content".to_vec());
    seal(content(), SealTo::Recipients(vec![stranger()]), &age, Effort::default(), |_| {}).await.unwrap();
    let key = CobblestoneKey::from_bytes(&[7; 32]).unwrap();
    let to = SealTo::Cobblestone(key, Context::from_bytes(b"x"));
    seal(content(), to, &other, Effort::default(), |_| {}).await.unwrap();
    let to = SealTo::Recipients(vec![identity().recipient().clone()]);
    seal(content(), to, &own, Effort::default(), |_| {}).await.unwrap();
    // A key where a sealed file is expected.
    fs::write(&none, identity().to_text().as_bytes()).unwrap();
    [age, other, own, none]
}

#[tokio::test]
async fn a_file_that_is_not_sealed_opened_or_wrapped_anew_shows_no_key() {
    let dir = TempDir::new().unwrap();
    let files = sealed_files(dir.path()).await;
    let out = dir.path().join("out");
    let all: [fn() -> OpenWith; 3] = [
        || OpenWith::Keys(vec![OpenKey::Identity(identity())]),
        || OpenWith::Keys(vec![OpenKey::Passphrase(passphrase())]),
        || OpenWith::Cobblestone(cobblestone().0, cobblestone().1),
    ];
    for (file, with) in files.iter().flat_map(|file| all.iter().map(move |with| (file, with))) {
        // What opens is another file than the expected one.
        unseen(&open(file, with(), &out, Some(Digest::sha256(b"another")), |_| {}).await.unwrap_err());
        if let Err(error) = rewrap(file, with(), vec![stranger()], &out, |_| {}).await {
            unseen(&error);
        }
    }
    let taken = || Source::from_bytes(SECRET.to_vec());
    for to in [SealTo::Cobblestone(cobblestone().0, cobblestone().1), SealTo::Passphrase(passphrase())] {
        unseen(&seal(taken(), to, &files[0], Effort::default(), |_| {}).await.unwrap_err());
    }
}

#[test]
fn an_address_with_a_password_or_a_ticket_in_it_is_refused_without_them() {
    let password = hex::encode(SECRET);
    for text in [
        format!("https://user:{password}@mirror.example"),
        format!("http://user:{password}@127.0.0.1:8080/path"),
        format!("https://user:{password}#{password}@mirror.example?{password}"),
        format!("https://mirror.example/?ticket={password}"),
        format!("https://mirror.example/?ticket=x@{password}"),
        format!("https://user:x@{password}?x@mirror.example"),
        format!("https://mirror.example/#{password}"),
        format!("user:{password}@mirror.example"),
        format!("{password}://user:hush@mirror.example"),
        format!("http://user:{password}@mirror.example"),
    ] {
        unseen(&BaseUrl::from_str(&text).unwrap_err());
        let host = text.trim_start_matches("https://");
        unseen(&AllowedHost::from_str(host).unwrap_err());
    }
    // What is no secret helps to find the mistake.
    let error = BaseUrl::from_str("https://user:hush@mirror.example/a?b").unwrap_err().to_string();
    assert!(error.contains("\"https://…@mirror.example/a…\""), "{error}");
}

#[test]
fn what_opens_stores_and_indexes_shows_itself_in_no_configuration() {
    let secret = || Zeroizing::new(hex::encode(SECRET));
    let index: PackageIndex = format!("https://user:{}@index.example/simple", *secret()).parse().unwrap();
    let credentials = S3Credentials::new("id".to_owned(), secret(), Some(secret()));
    let mut config = PullConfig::default();
    config.s3.credentials = Some(credentials);
    let computation = Computation::new();
    let mut agent = computation.config().fetching(config);
    agent.runner.index = Some(index.clone());
    let requirements = Requirements::Index { lock: PathBuf::new(), index: Box::new(index) };
    let marks = marks();
    let marks: Vec<&Marked> = marks.iter().collect();
    debugged(&marks, &agent);
    debugged(&marks, &requirements);
    assert!(format!("{agent:?} {requirements:?}").matches("index.example").count() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_who_is_refused_sees_no_secret_of_their_own() {
    let computation = Computation::with(|manifest, assets| {
        let mut hasher = Hasher::salted(&Salt::from_bytes([5; 32]));
        hasher.update(&assets["h1"]);
        manifest.datasets[0].digest = hasher.finish();
    });
    let agent = computation.start().await;
    let channel = attest(agent.local_addr(), &computation, "hospital-1").await.unwrap();
    unseen(&channel.authenticate(signing_key()).await.unwrap_err());
    let hospital = join(agent.local_addr(), &computation, "hospital-1").await;
    let bytes = || Source::from_bytes(computation.assets["h1"].clone());
    let salted = || UploadOptions::default().salt(Salt::from_bytes(SECRET));
    let marks = marks();
    debugged(&marks.iter().collect::<Vec<_>>(), &salted());
    debugged(&marks.iter().collect::<Vec<_>>(), &hospital);
    // Another salt than the agreed one, found out here; and one where none belongs.
    unseen(&hospital.upload("h1", bytes(), salted(), |_| {}).await.unwrap_err());
    unseen(&hospital.release("h1", &SECRET, &identity(), Some(Salt::from_bytes(SECRET))).await.unwrap_err());
    let other = join(agent.local_addr(), &computation, "hospital-2").await;
    unseen(&other.upload("h2", bytes(), salted(), |_| {}).await.unwrap_err());
    debugged(&marks.iter().collect::<Vec<_>>(), &key(&computation, "lab"));
    agent.shutdown().await;
}
