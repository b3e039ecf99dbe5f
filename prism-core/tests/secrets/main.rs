//! No secret shows itself: marked ones go through every `Debug` and through every way of being refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its secrets fails")]

mod hidden;
mod marked;

use std::io::sink;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prism_core::audit::checkpoint::LogKey;
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::entropy::{Entropy, EntropyError, SystemEntropy};
use prism_core::jwe::JweKey;
use prism_core::key::{KeyAlgorithm, KeyError, SigningKey};
use prism_core::manifest::{Codec, ObjectKey, grant, grant_cobblestone, granted};
use prism_core::seal::{
    self, CobblestoneKey, Context, FileKey, Identity, Opener, Passphrase, Recipient, RecipientKind, Sealer,
    SshIdentity, Unlock,
};
use zeroize::Zeroizing;

use hidden::{debugged, hidden, said};
use marked::Marked;

/// Bytes of which no part is found by chance.
const SECRET: [u8; 48] = {
    let (mut bytes, mut state, mut at) = ([0; 48], 0x9e37_79b9_u32, 0);
    while at < bytes.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes[at] = state.to_be_bytes()[0];
        at += 1;
    }
    bytes
};

/// A source that draws the marked bytes.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.copy_from_slice(&SECRET[..buffer.len()]);
        Ok(())
    }
}

fn secret(length: usize) -> Marked {
    Marked::bytes("secret", &SECRET[..length])
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    for algorithm in KeyAlgorithm::ALL {
        let length = if *algorithm == KeyAlgorithm::EcdsaP384 { 48 } else { 32 };
        debugged(&[&secret(length)], &SigningKey::generate(*algorithm, &mut Fixed).unwrap());
    }
    for kind in [RecipientKind::Hybrid, RecipientKind::X25519] {
        let identity = Identity::generate(kind, &mut Fixed).unwrap();
        let marks = [&secret(32), &Marked::text("identity", &identity.to_text())];
        debugged(&marks, &identity);
        debugged(&marks, &Unlock::from(&identity));
        debugged(&marks, &Opener::with(&identity));
    }
    debugged(&[&secret(32)], &LogKey::generate("prism.log/x/y", &mut Fixed).unwrap());
    let salt = Salt::from_bytes(SECRET[..32].try_into().unwrap());
    debugged(&[&secret(32)], &salt);
    debugged(&[&secret(32)], &Hasher::salted(&salt));
    let file_key = FileKey::generate(&mut Fixed).unwrap();
    debugged(&[&secret(16)], &file_key);
    debugged(&[&secret(16)], &Opener::payload(&file_key));
    let (key, context) = (CobblestoneKey::from_bytes(&SECRET[..32]).unwrap(), Context::from_bytes(b"x"));
    debugged(&[&secret(32)], &key);
    debugged(&[&secret(32)], &Opener::cobblestone(&key, &context));
    debugged(&[&secret(32)], &Sealer::cobblestone(&key, &context));
    debugged(&[&secret(32)], &ObjectKey::Cobblestone256(key));
    debugged(&[&secret(32)], &ObjectKey::Age(Identity::generate(RecipientKind::Hybrid, &mut Fixed).unwrap()));
}

#[test]
fn a_passphrase_shows_itself_neither_in_debug_nor_when_it_does_not_open() {
    let words = "a correct horse on a staple battery";
    let (marked, passphrase) = (Marked::text("passphrase", words), Passphrase::new(Zeroizing::new(words.to_owned())));
    debugged(&[&marked], &passphrase);
    debugged(&[&marked], &Opener::with(&passphrase));
    let stranger: Recipient = identity(RecipientKind::X25519).recipient().clone();
    let header = seal::header(
        &FileKey::generate(&mut SystemEntropy::default()).unwrap(),
        &[stranger],
        &mut SystemEntropy::default(),
    );
    hidden(&[&marked], &said(&seal::file_key(&header.unwrap(), &passphrase).unwrap_err()));
}

fn identity(kind: RecipientKind) -> Identity {
    Identity::generate(kind, &mut SystemEntropy::default()).unwrap()
}

/// Ways of spoiling a text that holds a secret, each of which has to be refused.
fn spoiled(text: &str) -> Vec<String> {
    let mut all = vec![text.to_lowercase(), format!(" {text}"), format!("{text}{text}"), text[1..].to_owned()];
    all.extend((1..8).map(|part| text[..text.len() * part / 8].to_owned()));
    let middle = text.len() / 2;
    let swapped = if &text[middle..=middle] == "Q" { "P" } else { "Q" };
    all.push([&text[..middle], swapped, &text[middle + 1..]].concat());
    all.push([&text[..middle], "\u{fffd}", &text[middle + 1..]].concat());
    all
}

#[test]
fn an_identity_that_cannot_be_read_is_refused_without_being_repeated() {
    for kind in [RecipientKind::Hybrid, RecipientKind::X25519] {
        let text = Identity::generate(kind, &mut Fixed).unwrap().to_text();
        let half = &text[text.len() / 2..];
        let marks = [&secret(32), &Marked::text("identity", &text), &Marked::text("half of it", &half[1..])];
        for wrong in spoiled(&text) {
            hidden(&marks, &said(&wrong.parse::<Identity>().unwrap_err()));
            hidden(&marks, &said(&Identity::from_file(&format!("# x\n{wrong}\n{wrong}\n")).unwrap_err()));
            hidden(&marks, &said(&wrong.parse::<Recipient>().unwrap_err()));
            hidden(&marks, &said(&SshIdentity::from_file(&wrong).unwrap_err()));
        }
        hidden(&marks, &said(&SigningKey::from_pem(&text).unwrap_err()));
        hidden(&marks, &said(&CobblestoneKey::from_bytes(text.as_bytes()).unwrap_err()));
    }
}

#[test]
fn a_signing_key_that_cannot_be_read_is_refused_without_being_repeated() {
    for algorithm in KeyAlgorithm::ALL {
        let pem = SigningKey::generate(*algorithm, &mut Fixed).unwrap().to_pem();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let marks = [&secret(32), &Marked::text("PEM", &body), &Marked::text("end of PEM", &body[body.len() - 24..])];
        let (start, end) = ("-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n");
        let der = STANDARD.decode(&body).unwrap();
        let whole = |der: &[u8]| format!("{start}{}\n{end}", STANDARD.encode(der));
        let labelled = |label: &str| pem.replace("PRIVATE KEY", label);
        let mut wrong = vec![
            labelled("PUBLIC KEY"),
            labelled("RSA PRIVATE KEY"),
            labelled(&body),
            labelled("ENCRYPTED PRIVATE KEY"),
        ];
        wrong.extend(spoiled(&pem).into_iter().filter(|text| text != &*pem));
        wrong.push(whole(&der[1..]));
        wrong.push(whole(&[der.as_slice(), &SECRET].concat()));
        for text in wrong {
            let Err(error) = SigningKey::from_pem(&text) else { continue };
            hidden(&marks, &said(&error));
        }
        let refused: KeyError = SigningKey::from_pem(&labelled(&body)).unwrap_err();
        assert!(matches!(refused, KeyError::Pem | KeyError::PemLabel { .. }), "{refused}");
    }
}

#[test]
fn a_key_that_does_not_open_is_refused_without_being_shown() {
    let owner = identity(RecipientKind::Hybrid);
    let stranger = Identity::generate(RecipientKind::Hybrid, &mut Fixed).unwrap();
    let mut sealed = Vec::new();
    let recipients = [owner.recipient().clone()];
    seal::seal(b"content".as_slice(), &recipients, &mut SystemEntropy::default(), &mut sealed).unwrap();
    let marks = [&secret(32), &Marked::text("identity", &stranger.to_text())];
    hidden(&marks, &said(&seal::open(sealed.as_slice(), &stranger, sink()).unwrap_err()));
    let (key, context) = (CobblestoneKey::from_bytes(&SECRET[..32]).unwrap(), Context::from_bytes(b"x"));
    hidden(&marks, &said(&Opener::cobblestone(&key, &context).open(sealed.as_slice(), sink()).unwrap_err()));
    hidden(&marks, &said(&CobblestoneKey::from_bytes(&SECRET).unwrap_err()));
    let file_key = FileKey::generate(&mut Fixed).unwrap();
    hidden(&[&secret(16)], &said(&Opener::payload(&file_key).open(sealed.as_slice(), sink()).unwrap_err()));
}

#[test]
fn a_grant_that_cannot_be_used_is_refused_without_being_repeated() {
    let (key, own) = (CobblestoneKey::from_bytes(&SECRET[..32]).unwrap(), Digest::sha256(b"own"));
    let text = grant_cobblestone(&key, own);
    let (named, secret_line) = text.split_once('\n').unwrap();
    let marks = [&secret(32), &Marked::text("key", secret_line.trim_end())];
    let mut wrong = spoiled(secret_line.trim_end());
    wrong.push(secret_line.to_uppercase());
    wrong.retain(|line| line != secret_line.trim_end());
    for line in wrong {
        let refused = granted(&format!("{named}\n{line}\n"), own, Codec::Cobblestone256).unwrap_err();
        hidden(&marks, &said(&refused));
    }
    hidden(&marks, &said(&granted(&text, own, Codec::Age).unwrap_err()));
    hidden(&marks, &said(&granted(&text, Digest::sha256(b"other"), Codec::Cobblestone256).unwrap_err()));
    let owner = identity(RecipientKind::Hybrid);
    let file = key.sealed_to(owner.recipient(), &mut SystemEntropy::default()).unwrap();
    hidden(&marks, &said(&CobblestoneKey::opened(&file, &identity(RecipientKind::Hybrid)).unwrap_err()));
    hidden(&marks, &said(&CobblestoneKey::opened(&SECRET, &owner).unwrap_err()));
    let mut longer = Vec::new();
    let recipients = [owner.recipient().clone()];
    seal::seal(SECRET.as_slice(), &recipients, &mut SystemEntropy::default(), &mut longer).unwrap();
    hidden(&marks, &said(&CobblestoneKey::opened(&longer, &owner).unwrap_err()));
}

#[test]
fn an_ssh_key_shows_itself_neither_whole_nor_spoiled() {
    let text = include_str!("../data/ssh_ed25519");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let marks = [&Marked::text("SSH key", &body), &Marked::text("end of it", &body[body.len() - 32..])];
    debugged(&marks, &SshIdentity::from_file(text).unwrap());
    for wrong in spoiled(text) {
        if let Err(error) = SshIdentity::from_file(&wrong) {
            hidden(&marks, &said(&error));
        }
    }
}

#[test]
fn a_key_that_a_broker_gives_is_refused_without_being_repeated() {
    let identity = Identity::generate(RecipientKind::Hybrid, &mut Fixed).unwrap();
    let (ours, other) = (Digest::sha256(b"ours"), Digest::sha256(b"another"));
    let text = identity.to_text();
    let marks = [&secret(32), &Marked::text("identity", &text)];
    let key = JweKey::generate(&mut SystemEntropy::default()).unwrap();
    debugged(&marks, &identity);
    let mut wrong: Vec<String> =
        spoiled(&text).iter().map(|text| format!("# prism-manifest: {ours}\n{text}\n")).collect();
    wrong.extend([
        text.to_string(),
        grant(&identity, other).to_string(),
        format!("{}{}", *grant(&identity, ours), *text),
    ]);
    for text in wrong {
        hidden(&marks, &said(&granted(&text, ours, Codec::Age).unwrap_err()));
        // Sent without being wrapped, as it is or where something else belongs.
        for answer in
            [text.clone(), format!("\"{text}\""), format!("{{\"{text}\":1}}"), format!("{{\"tag\":\"{text}\"}}")]
        {
            for answer in [answer.replace('\n', ""), answer] {
                hidden(&marks, &said(&key.open(answer.as_bytes()).unwrap_err()));
            }
        }
    }
}
