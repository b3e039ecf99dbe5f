//! Keys of sealed files, as they are typed: recipients, identities, passphrases, symmetric keys.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use prism_agent::files::{PRIVATE_FILE_MAX, read_private, read_private_bytes};
use prism_agent::seal::OpenKey;
use prism_core::code::Code;
use prism_core::seal::{CobblestoneKey, Identity, Passphrase, Recipient, SshIdentity};
use zeroize::Zeroizing;

use crate::exit::{Failure, Outcome};
use crate::inputs::read_text;

/// The formats of sealed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    /// age v1: for everybody, hybrid post-quantum
    Age,
    /// AES-256-GCM under one symmetric key: for sites bound to FIPS primitives
    #[value(name = "cobblestone-256")]
    Cobblestone256,
}

impl Codec {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Cobblestone256 => "cobblestone-256",
        }
    }

    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Age => ".age",
            Self::Cobblestone256 => ".cobblestone",
        }
    }
}

/// Recipients that were typed, and those in the files that were named.
pub(crate) fn recipients(typed: &[String]) -> Outcome<Vec<Recipient>> {
    let mut all = Vec::new();
    for text in typed {
        if text.starts_with("age1") || text.starts_with("ssh-") {
            all.push(recipient(text)?);
            continue;
        }
        let path = Path::new(text);
        let content = read_text(path, PRIVATE_FILE_MAX)?;
        let before = all.len();
        for line in content.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            all.push(recipient(line).map_err(|failure| failure.at(path.display()))?);
        }
        if all.len() == before {
            return Err(
                Failure::new(Code::KeyMalformed, "expected a recipient in the file, found none").at(path.display())
            );
        }
    }
    Ok(all)
}

/// One recipient, or the name of what stands in its place.
fn recipient(text: &str) -> Outcome<Recipient> {
    let other = |found, hint: &str| {
        Err(Failure::new(Code::KeyMalformed, format!("expected an age recipient, found {found}")).hint(hint))
    };
    if text.starts_with("ssh-") {
        let hint = "Prism opens files with SSH keys and does not seal to them; `age -R` does, and `prism keys identity NAME` makes an age recipient";
        return other("an SSH key", hint);
    }
    if text.starts_with("AGE-SECRET-KEY-") {
        return other("the secret half", "give NAME.recipient, which was made beside it");
    }
    text.parse().map_err(|error| Failure::from(error).hint("`prism keys identity NAME` makes a recipient"))
}

/// The keys in files that only their owner can read.
pub(crate) fn identities(paths: &[PathBuf]) -> Outcome<Vec<OpenKey>> {
    paths.iter().map(|path| open_key(path)).collect()
}

/// An age identity or an SSH key.
fn open_key(path: &Path) -> Outcome<OpenKey> {
    let text = read_private(path)?;
    let failed = |error| Failure::from(error).at(path.display());
    if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        return SshIdentity::from_file(&text).map(OpenKey::Ssh).map_err(failed);
    }
    Identity::from_file(&text).map(OpenKey::Identity).map_err(failed)
}

/// The key of Cobblestone-256 files.
pub(crate) fn symmetric_key(path: &Path) -> Outcome<CobblestoneKey> {
    CobblestoneKey::from_bytes(&read_private_bytes(path)?).map_err(|error| Failure::from(error).at(path.display()))
}

/// A passphrase for a file that is to be opened.
pub(crate) fn passphrase(file: Option<&Path>) -> Outcome<Passphrase> {
    match file {
        Some(path) => from_file(path),
        None => ask("Passphrase: ").and_then(taken),
    }
}

/// A passphrase for a file that is to be made: typed twice.
pub(crate) fn new_passphrase(file: Option<&Path>) -> Outcome<Passphrase> {
    if let Some(path) = file {
        return from_file(path);
    }
    let (first, second) = (ask("Passphrase: ")?, ask("The same again: ")?);
    if first != second {
        return Err(Failure::usage("expected the same passphrase twice, found two different ones"));
    }
    taken(first)
}

fn from_file(path: &Path) -> Outcome<Passphrase> {
    let text = read_private(path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    taken(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
        .map_err(|failure| failure.at(path.display()))
}

fn taken(text: Zeroizing<String>) -> Outcome<Passphrase> {
    if text.is_empty() {
        return Err(Failure::usage("expected a passphrase, found none"));
    }
    Ok(Passphrase::new(text))
}

/// Asks the terminal, whatever stdin and stdout are; what is typed is not shown.
fn ask(prompt: &str) -> Outcome<Zeroizing<String>> {
    let typed = rpassword::prompt_password(prompt);
    typed.map(Zeroizing::new).map_err(|error| {
        Failure::usage(format!("expected a terminal to ask for the passphrase, found none: {error}"))
            .hint("give it in a file that only you can read: --passphrase-file FILE")
    })
}
