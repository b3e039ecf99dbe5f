//! `prism manifest new`: from a short TOML file to a manifest.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::drafting::{Desk, DraftingError};
use prism_agent::runner::known_media_types;
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::manifest::Manifest;
use prism_core::manifest::draft::{Draft, Source};
use serde::Serialize;

use super::Target;
use crate::args::StateArg;
use crate::commands::requirements::UNPINNED;
use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, now, read_text};
use crate::print::{Printer, SIMULATED, Safe, moment, size};

const EXAMPLE: &str = r#"Example
  prism manifest new covid19.toml -o manifest.json

covid19.toml, in which relative paths start at its own folder:
  title = "COVID-19 chest X-ray classifier"
  owner = "lab"
  valid = "30d"                        # or not_before = "2026-01-31T12:00:00Z" and not_after
  [platform]
  simulated = true                     # this machine's simulator; or "sha256:…", the root that
                                       # `prism simulator root` prints; simulated-tdx likewise; or
                                       # policy = "policy.toml", which `prism policy new` drafts
  [participants.lab]
  organisation = "Imaging Lab"
  key = "lab.pub"
  [participants.hospital-1]
  organisation = "Hospital One"
  key = "hospital-1.pub"
  [participants.institute]
  organisation = "Institute of Health"
  key = "institute.pub"
  [algorithm]
  provider = "lab"
  file = "train.py"                    # or a folder, and entry = "train.py"
  runtime = "python3"                  # or binary, wasm, image; the rest of this part is optional, too
  interpreter = "3.11"                 # or 3.11.7: no other version executes it
  args = ["--epochs", "3"]
  requirements = "wheels/"             # a folder with requirements.lock and wheels, or a lock file
  environment = { OMP_NUM_THREADS = "2" }
  devices = ["nvidia-gpu"]             # no run without one; or amd-gpu
  [[algorithm.auxiliary]]              # what the program looks for in its HOME, such as weights
  file = "resnet18.pth"                # or a folder; or name, digest and size of one elsewhere
  path = ".cache/torch/hub/checkpoints/resnet18.pth"
  [algorithm.limits]
  memory = "2 GiB"                     # also processors, processes, open_files, disk, output
  datasets = "5 GiB"                   # what it may write in its copy of datasets/, beside disk
  time = "30min"
  [[dataset]]
  provider = "hospital-1"
  file = "h1.zip"                      # or a folder; or name, digest and size of one elsewhere
  unpack = "h1"                        # the program finds it as datasets/h1
  [dataset.source]                     # only if it lies sealed in a store and the agent fetches it
  url = "s3://bucket/h1.zip.age"       # or https://…
  sealed = "h1.zip.age"                # a local copy of the sealed file; or its digest and size
  codec = "age"                        # or cobblestone-256, if it is sealed with a symmetric key
  kbs = { url = "https://kbs.example", resource = "default/key/h1" }   # or its provider releases it
  [results]
  consumers = ["institute"]
  max = "100 MiB"                      # files = ["model.npz"] permits these only
  media_types = ["application/zip"]    # and these only, judged by content; or a range: image/*
  [logs]
  stdout = ["lab"]                     # nobody by default; stderr likewise
  metrics = ["lab"]                    # figures only, of lines such as: metrics {"loss": 0.25}"#;

/// What `--help` ends with: the example, and the closed list of what it can only give examples of.
pub(super) fn help() -> String {
    let mut text = format!("{EXAMPLE}\n\nMedia types that a result can have (.npz is application/zip):");
    let mut column = usize::MAX;
    for media in known_media_types() {
        column = column.saturating_add(media.len() + 2);
        if column > HELP_WIDTH {
            text += "\n ";
            column = media.len() + 2;
        }
        text = text + " " + media;
    }
    text
}

/// How wide the list is.
const HELP_WIDTH: usize = 100;

/// The arguments of `prism manifest new`.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// The short form of the terms
    #[arg(value_name = "TOML")]
    draft: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    state: StateArg,
}

#[derive(Serialize)]
struct Written {
    manifest: Digest,
    computation: String,
    title: String,
    valid_until: String,
    simulated: bool,
    participants: Vec<String>,
    assets: Vec<Asked>,
    file: String,
}

#[derive(Serialize)]
struct Asked {
    kind: String,
    name: String,
    provider: String,
    digest: Digest,
    size: u64,
}

impl New {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        self.target.require_free()?;
        let text = read_text(&self.draft, DOCUMENT_MAX)?;
        let draft: Draft = toml::from_str(&text).map_err(|error| {
            Failure::new(Code::ManifestMalformed, format!("{}: {}", self.draft.display(), error.to_string().trim_end()))
                .hint("`prism manifest new --help` shows every part of the file")
        })?;
        let folder = self.draft.parent().unwrap_or(Path::new(""));
        let state = if names_simulator(&draft) { self.state.directory()? } else { PathBuf::new() };
        let terms = Desk { folder, state: &state, now: now() }.complete(&draft).map_err(failed)?;
        let bytes = terms.to_bytes()?;
        self.target.write(&bytes)?;
        printer.show(&written(&terms, Digest::sha256(&bytes), &self.target.out))
    }
}

/// Whether this machine's simulator has to be looked at: it is made at first use.
fn names_simulator(draft: &Draft) -> bool {
    draft.sources().iter().any(|source| matches!(source, Source::Simulator(_) | Source::SimulatorTdx(_)))
}

fn failed(error: DraftingError) -> Failure {
    let unpinned = matches!(error, DraftingError::Lock { .. });
    let failure = Failure::from(error);
    if unpinned { failure.hint(UNPINNED) } else { failure }
}

fn written(terms: &Manifest, digest: Digest, file: &Path) -> Written {
    Written {
        manifest: digest,
        computation: terms.id.to_string(),
        title: terms.title.clone(),
        valid_until: moment(terms.not_after),
        simulated: terms.accepts_simulation(),
        participants: terms.participants.iter().map(|p| p.name.to_string()).collect(),
        assets: terms
            .assets()
            .into_iter()
            .map(|asset| Asked {
                kind: asset.kind.to_string(),
                name: asset.name.to_string(),
                provider: asset.provider.to_string(),
                digest: asset.digest,
                size: asset.size,
            })
            .collect(),
        file: file.display().to_string(),
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "{}", Safe::new(&self.title))?;
        writeln!(f, "manifest {}", self.manifest)?;
        for asset in &self.assets {
            let Asked { kind, name, provider, digest, size: bytes } = asset;
            writeln!(f, "  {kind:12}  {name} from {provider}  {digest}  {}", size(*bytes))?;
        }
        writeln!(f, "valid until {}", self.valid_until)?;
        let file = Safe::new(&self.file);
        writeln!(f, "wrote {file}")?;
        writeln!(f, "next: {} each run  prism manifest approve {file} --key NAME.key", self.participants.join(", "))
    }
}
