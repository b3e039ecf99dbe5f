//! `prism release`: the key of a dataset that lies sealed in a store, to an agent that earned trust.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_agent::client::{Receipt, Session};
use prism_agent::files::read_private;
use prism_agent::seal::blocking::read_header;
use prism_core::code::Code;
use prism_core::manifest::KeyRelease;
use prism_core::seal::{CobblestoneKey, HEADER_MAX, Identity};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::{read, read_salt};
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe};
use crate::session::ParticipantArgs;
use crate::stores::StoreArgs;
use crate::unlocking::symmetric_key;

pub(crate) const EXAMPLE: &str = "\
Example
  prism release h1 --key hospital-1.key --identity h1.identity
  prism release h1 --key hospital-1.key --identity h1.identity --sealed h1.age
  prism release h1 --key hospital-1.key --symmetric-key h1.secret     sealed as cobblestone-256

The agent is attested first, as for an upload. Only the object's key leaves, wrapped to this very agent; \
the object in the store stays as it is, and the agent fetches it by itself: `prism watch` and \
`prism status` say how far it is. The header that holds the key is read from the store, from a copy of \
the sealed file (--sealed), or from a file of its own (--header). A dataset that is sealed as \
cobblestone-256 has no header.";

/// The arguments of `prism release`.
#[derive(Args, Debug)]
#[command(override_usage = "prism release [OPTIONS] --manifest <FILE> --key <FILE> --identity <FILE> [ASSET]")]
#[command(group = clap::ArgGroup::new("opens").required(true).args(["identity", "symmetric_key"]))]
pub(crate) struct Release {
    /// The dataset's name in the manifest; may be left out if you have only one in a store
    #[arg(value_name = "ASSET")]
    asset: Option<String>,
    /// A file with the age identity (AGE-SECRET-KEY-…) that opens the sealed dataset, readable by you only
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The 32 bytes of the key of a dataset sealed as cobblestone-256, in a file that only you can read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sealed", "header"])]
    symmetric_key: Option<PathBuf>,
    /// A copy of the sealed dataset
    #[arg(long, value_name = "FILE", conflicts_with = "header")]
    sealed: Option<PathBuf>,
    /// The header of the sealed dataset
    #[arg(long, value_name = "FILE")]
    header: Option<PathBuf>,
    /// The salt's file, if the manifest's digest is salted (see `prism checksum --salt`)
    #[arg(long, value_name = "FILE")]
    salt: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    participant: ParticipantArgs,
}

#[derive(Serialize)]
struct Released {
    simulated: bool,
    asset: String,
    url: String,
    log_index: u64,
    receipt: String,
}

/// What opens the object, as it was given.
enum Opens {
    Identity(Identity, Option<Vec<u8>>),
    Symmetric(CobblestoneKey),
}

impl Release {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let opens = self.opens()?;
        let salt = self.salt.as_deref().map(read_salt).transpose()?;
        let config = self.store.config()?;
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let asset = self.choose(&session)?;
                let receipt = match opens {
                    Opens::Symmetric(key) => session.release_cobblestone(&asset, &key, salt).await?,
                    Opens::Identity(identity, given) => {
                        let header = match given {
                            Some(header) => header,
                            None => session.stored_header(&asset, &config).await?,
                        };
                        session.release(&asset, &header, &identity, salt).await?
                    }
                };
                printer.show(&released(asset, &session, &receipt))
            },
            "`prism status` shows whether the key was released; the same command goes on",
        )
    }

    fn opens(&self) -> Outcome<Opens> {
        match (&self.identity, &self.symmetric_key) {
            (_, Some(path)) => Ok(Opens::Symmetric(symmetric_key(path)?)),
            (Some(path), None) => {
                let identity = Identity::from_file(&read_private(path)?);
                let identity = identity.map_err(|error| Failure::from(error).at(path.display()))?;
                Ok(Opens::Identity(identity, self.given_header()?))
            }
            (None, None) => Err(Failure::usage("expected --identity or --symmetric-key, found neither")),
        }
    }

    fn given_header(&self) -> Outcome<Option<Vec<u8>>> {
        Ok(match (&self.sealed, &self.header) {
            (Some(path), _) => Some(read_header(path)?),
            (None, Some(path)) => Some(read(path, HEADER_MAX as u64)?),
            (None, None) => None,
        })
    }

    /// The asset that was named, or the caller's only one in a store.
    fn choose(&self, session: &Session) -> Outcome<String> {
        if let Some(asset) = &self.asset {
            return Ok(asset.clone());
        }
        let (participant, terms) = (session.participant(), session.manifest().manifest());
        let by_provider = |release: &KeyRelease| *release == KeyRelease::Provider {};
        let mine: Vec<&str> = terms
            .datasets
            .iter()
            .filter(|dataset| &dataset.provider == participant)
            .filter(|dataset| dataset.source.as_ref().is_some_and(|source| by_provider(&source.release)))
            .map(|dataset| dataset.name.as_str())
            .collect();
        match mine.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] => Err(Failure::new(
                Code::RoleRefused,
                format!("expected a dataset of {participant} in a store, found none in the manifest"),
            )),
            several => Err(Failure::usage(format!("expected one dataset, found several: {}", several.join(", ")))
                .hint("name the dataset: prism release NAME")),
        }
    }
}

fn released(asset: String, session: &Session, receipt: &Receipt) -> Released {
    let source = session.manifest().manifest().asset(&asset).and_then(|terms| terms.source);
    Released {
        simulated: session.trust().is_simulated(),
        asset,
        url: source.map(|source| source.url.to_string()).unwrap_or_default(),
        log_index: receipt.proof().index(),
        receipt: receipt.proof().to_text(),
    }
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        let Self { asset, url, log_index, .. } = self;
        writeln!(f, "the key of {} was released to the agent, log entry {log_index}", Safe::new(asset))?;
        writeln!(f, "the agent fetches it from {}", Safe::new(url))?;
        writeln!(f, "next: prism status shows how far it is")
    }
}
