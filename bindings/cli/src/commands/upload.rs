//! `prism algo` and `prism data`: assets travel to an agent that earned trust.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::client::{Progress as Sent, Receipt, Session, UploadOptions};
use prism_agent::files::{Folder, Source};
use prism_core::code::Code;
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::manifest::{Dataset, Manifest};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::read_salt;
use crate::interrupt;
use crate::listing::{self, Listed};
use crate::print::{Printer, SIMULATED, size};
use crate::progress::Progress;
use crate::session::ParticipantArgs;

pub(crate) const ALGO_EXAMPLE: &str = "\
Example
  prism algo train.py --key lab.key
  prism algo train.py --requirements wheels/ --key lab.key

Sends the algorithm, then the requirements that the manifest names. They are looked for beside the \
algorithm under their name in the manifest. An upload that was interrupted goes on with the same command.";

pub(crate) const DATA_EXAMPLE: &str = "\
Example
  prism data h1.zip --key hospital-1.key
  prism data h1/ --key hospital-1.key            a folder: its canonical archive is sent
  prism data second.csv --asset h1b.csv --key hospital-1.key
  prism data h1.zip --key hospital-1.key --connections 4        over a long line

The bytes are compared with the manifest before anything leaves, unless --one-pass leaves that to the \
agent. An upload that was interrupted goes on with the same command, also on another machine that has \
the same file.

If a folder is not the one that was agreed, the listing that `prism checksum h1/ --list h1.sha256` wrote \
while it was names the files that differ. It is looked for beside the folder.";

/// What to say when an upload is interrupted.
const LEFT: &str = "what the agent holds durably stays there: the same command goes on from it";

/// The arguments of `prism algo`.
#[derive(Args, Debug)]
pub(crate) struct Algo {
    /// The algorithm: a file or folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The requirements, if they are not beside the algorithm
    #[arg(long, value_name = "PATH")]
    requirements: Option<PathBuf>,
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// The arguments of `prism data`.
#[derive(Args, Debug)]
pub(crate) struct Data {
    /// The dataset: a file or folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The asset's name in the manifest, if you provide several
    #[arg(long, value_name = "NAME")]
    asset: Option<String>,
    /// The salt's file, if the manifest's digest is salted (see `prism checksum --salt`)
    #[arg(long, value_name = "FILE")]
    salt: Option<PathBuf>,
    /// The listing that names the files of a folder that differ (see `prism checksum --list`) [default: beside it]
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Connections that share the work, each attested by itself; a folder takes one
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    connections: NonZeroUsize,
    /// Send without reading the file first; the agent discards what was not agreed, but it has left
    #[arg(long)]
    one_pass: bool,
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// One asset to send.
struct Parcel {
    asset: String,
    source: Source,
    options: UploadOptions,
    /// What its files were when it was agreed.
    listed: Option<Listed>,
}

impl Parcel {
    fn plain(asset: String, source: Source) -> Self {
        Self { asset, source, options: UploadOptions::default(), listed: None }
    }
}

#[derive(Serialize)]
struct Accepted {
    simulated: bool,
    assets: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    asset: String,
    digest: Digest,
    size: u64,
    log_index: u64,
    receipt: String,
}

impl Algo {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        // Everything is opened before anything is sent.
        let algorithm = Source::open(&self.path)?;
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let terms = session.manifest().manifest().clone();
                let mut parcels = vec![Parcel::plain(terms.algorithm.name.to_string(), algorithm)];
                parcels.extend(self.requirements(&terms)?);
                send(&session, parcels, printer).await
            },
            LEFT,
        )
    }

    fn requirements(&self, terms: &Manifest) -> Outcome<Option<Parcel>> {
        let Some(requirements) = &terms.algorithm.requirements else {
            return match &self.requirements {
                None => Ok(None),
                Some(_) => Err(Failure::usage("expected no --requirements: the manifest names none")),
            };
        };
        let asset = requirements.name.to_string();
        let beside = self.path.parent().unwrap_or(Path::new("")).join(&asset);
        let path = self.requirements.clone().unwrap_or(beside);
        let source = Source::open(&path).map_err(|error| {
            let failure = Failure::from(error);
            if self.requirements.is_some() {
                failure
            } else {
                failure.hint("name the requirements with --requirements PATH")
            }
        })?;
        Ok(Some(Parcel::plain(asset, source)))
    }
}

impl Data {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let source = Source::open(&self.path)?;
        let salt = self.salt.as_deref().map(read_salt).transpose()?;
        let listed = self.list.as_deref().map(Listed::read).transpose()?;
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let asset = self.choose(&session, &source)?;
                let options = self.options(salt);
                send(&session, vec![Parcel { asset, source, options, listed }], printer).await
            },
            LEFT,
        )
    }

    fn options(&self, salt: Option<Salt>) -> UploadOptions {
        UploadOptions::from(salt).connections(self.connections).one_pass(self.one_pass)
    }

    /// Which dataset of the caller this is: the one that was named, the only one, the one of that name, the one of
    /// that digest.
    fn choose(&self, session: &Session, source: &Source) -> Outcome<String> {
        if let Some(asset) = &self.asset {
            return Ok(asset.clone());
        }
        let participant = session.participant();
        let terms = session.manifest().manifest();
        let mine: Vec<&Dataset> = terms.datasets.iter().filter(|dataset| &dataset.provider == participant).collect();
        let file = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named = mine.iter().find(|dataset| dataset.name == *file.as_str());
        match (mine.as_slice(), named) {
            ([], _) => Err(Failure::new(
                Code::RoleRefused,
                format!("expected a dataset of {participant} in the manifest, found none"),
            )),
            ([only], _) => Ok(only.name.to_string()),
            (_, Some(named)) => Ok(named.name.to_string()),
            (several, None) => by_digest(several, source),
        }
    }
}

fn by_digest(datasets: &[&Dataset], source: &Source) -> Outcome<String> {
    let measured = source.measure(Hasher::sha256(), &mut |_| {})?;
    if let Some(dataset) = datasets.iter().find(|dataset| dataset.digest == measured.digest) {
        return Ok(dataset.name.to_string());
    }
    let names: Vec<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let message = format!("expected one of your datasets ({}), found {}", names.join(", "), measured.digest);
    Err(Failure::new(Code::AssetUnknown, message).hint("say which one it is with --asset NAME"))
}

async fn send(session: &Session, parcels: Vec<Parcel>, printer: Printer) -> Outcome {
    let mut assets = Vec::new();
    for Parcel { asset, source, options, listed } in parcels {
        let mut progress = Progress::new(printer, &asset);
        let folder = source.folder().cloned();
        let receipt = session.upload(&asset, source, options, |sent| told(&mut progress, sent)).await;
        drop(progress);
        let receipt = match (receipt.map_err(Failure::from), folder) {
            (Err(failure), Some(folder)) => return Err(named(failure, folder, listed).await),
            (receipt, _) => receipt?,
        };
        assets.push(line(asset, session, &receipt)?);
    }
    printer.show(&Accepted { simulated: session.trust().is_simulated(), assets })
}

/// A folder that is not the one that was agreed: in which files?
async fn named(failure: Failure, folder: Folder, listed: Option<Listed>) -> Failure {
    if failure.code() != Code::AssetMismatch {
        return failure;
    }
    match tokio::task::spawn_blocking(move || listing::explain(&folder, listed.as_ref())).await {
        Ok(text) => failure.more(&text),
        Err(_) => failure,
    }
}

fn told(progress: &mut Progress, sent: Sent) {
    if sent.sent == 0 && sent.measured > 0 {
        progress.aside("compared", sent.measured, sent.total);
    } else {
        // What the agent held before is no work of this upload.
        progress.begins("sent", sent.durable, sent.total);
        progress.keeps(sent.durable);
        progress.at("sent", sent.sent, sent.total);
    }
}

fn line(asset: String, session: &Session, receipt: &Receipt) -> Outcome<Line> {
    let terms = session.manifest().manifest().asset(&asset);
    let terms = terms.ok_or_else(|| Failure::new(Code::AssetUnknown, format!("the manifest names no {asset}")))?;
    Ok(Line {
        asset,
        digest: terms.digest,
        size: terms.size,
        log_index: receipt.proof().index(),
        receipt: receipt.proof().to_text(),
    })
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        for line in &self.assets {
            let Line { asset, digest, log_index, size: bytes, .. } = line;
            writeln!(f, "{asset} accepted: {digest} ({}), log entry {log_index}", size(*bytes))?;
        }
        Ok(())
    }
}
