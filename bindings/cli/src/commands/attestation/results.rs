//! What else becomes of a verdict: a page for people, and a signed token for programs.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use prism_agent::files::{FileError, write_new};
use prism_attest::Verdict;
use prism_attest::ear::EarClaims;
use prism_core::digest::Digest;
use prism_core::hexadecimal::HexBytes;
use prism_core::key::SigningKey;

use crate::exit::{Failure, Outcome};
use crate::inputs::{now, signing_key};

/// Files that are written beside the answer, also when the machine is refused. None is ever overwritten.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("token").multiple(true).args(["ear", "ear_cwt"]))]
pub(super) struct ResultsArg {
    /// Write the verdict as a page of its own (HTML without scripts or references)
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the verdict as an attestation result (EAR) in a JSON web token; not as of another time
    #[arg(long, value_name = "FILE", requires = "ear_key", conflicts_with = "at")]
    ear: Option<PathBuf>,
    /// The same in a CBOR web token
    #[arg(long, value_name = "FILE", requires = "ear_key", conflicts_with = "at")]
    ear_cwt: Option<PathBuf>,
    /// The private key that answers for attestation results: yours, as the one who judged
    #[arg(long, value_name = "FILE", requires = "token")]
    ear_key: Option<PathBuf>,
    /// The nonce of whoever will read the attestation result, 32 bytes in hexadecimal
    #[arg(long, value_name = "HEX", requires = "ear_key")]
    ear_nonce: Option<HexBytes<32>>,
}

/// Where to write, and the key that answers for it.
pub(super) struct Results {
    files: ResultsArg,
    key: Option<SigningKey>,
}

impl ResultsArg {
    /// Refuses before anything is judged if a file is there already, or if there is no key.
    pub(super) fn open(self) -> Outcome<Results> {
        let files: Vec<&PathBuf> = [&self.html, &self.ear, &self.ear_cwt].into_iter().flatten().collect();
        if let Some(path) = files.iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(FileError::Exists { path: PathBuf::clone(path) }.into());
        }
        if let Some(path) =
            files.iter().enumerate().find_map(|(at, path)| files.iter().skip(at + 1).find(|p| *p == path))
        {
            return Err(Failure::usage(format!("expected a file for each form, found {} twice", path.display())));
        }
        let key = self.ear_key.as_deref().map(signing_key).transpose()?;
        Ok(Results { files: self, key })
    }
}

impl Results {
    pub(super) fn write(&self, verdict: &Verdict, policy: Digest) -> Outcome {
        if let Some(path) = &self.files.html {
            write_new(path, verdict.to_html().as_bytes())?;
        }
        self.key.as_ref().map_or(Ok(()), |key| self.write_ear(verdict, policy, key))
    }

    fn write_ear(&self, verdict: &Verdict, policy: Digest, key: &SigningKey) -> Outcome {
        let mut claims = EarClaims::of(verdict, policy, now());
        if let Some(nonce) = &self.files.ear_nonce {
            claims = claims.with_nonce(nonce.as_bytes());
        }
        if let Some(path) = &self.files.ear {
            write_new(path, claims.to_jwt(key)?.as_bytes())?;
        }
        if let Some(path) = &self.files.ear_cwt {
            write_new(path, &claims.to_cwt(key)?)?;
        }
        Ok(())
    }
}
