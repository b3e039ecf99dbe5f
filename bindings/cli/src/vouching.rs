//! Evidence and endorsements as people have them: files in several forms, and folders.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use prism_attest::endorsements::bundle::{Bundle, Origin};
use prism_attest::endorsements::{COLLATERAL_MAX, ENDORSEMENT_MAX, Offered};
use prism_attest::evidence::EVIDENCE_MAX;
use prism_attest::{Endorsements, Evidence, Platform, Roots};

use crate::exit::{Failure, Outcome};
use crate::inputs::read;

/// Longest file of endorsements in bytes: a bundle.
const FILE_MAX: u64 = 16 << 20;

/// Longest file in a folder of endorsements in bytes: a certificate, or all of Intel's answers.
const PART_MAX: u64 = (ENDORSEMENT_MAX + 8 * COLLATERAL_MAX) as u64;

/// Longest certificate of a root in bytes.
pub(crate) const ROOT_MAX: u64 = 64 * 1024;

/// Where the vendor's vouching is.
#[derive(Args, Debug)]
pub(crate) struct EndorsementsArg {
    /// The vendor's vouching: a bundle, a file of one machine's endorsements, an AMD certificate (DER), or a folder
    #[arg(long, value_name = "FILE|DIR")]
    endorsements: PathBuf,
}

impl EndorsementsArg {
    /// The endorsements for this evidence.
    pub(crate) fn read(&self, evidence: &Evidence) -> Outcome<Endorsements> {
        let path = &self.endorsements;
        offered(path)?.for_evidence(evidence).map_err(|error| Failure::from(error).at(path.display()))
    }
}

fn offered(path: &Path) -> Outcome<Offered> {
    if path.is_dir() {
        return Ok(Offered::Machine(Box::new(from_folder(path)?)));
    }
    Offered::read(&read(path, FILE_MAX)?).map_err(|error| Failure::from(error).at(path.display()))
}

/// Any form of endorsements as a bundle, for a look at what is in them.
pub(crate) fn read_bundle(path: &Path) -> Outcome<Bundle> {
    let machine = match offered(path)? {
        Offered::Machine(machine) => machine,
        Offered::Bundle(bundle) => return Ok(bundle),
        _ => return Err(Failure::usage(format!("{}: expected endorsements that this command knows", path.display()))),
    };
    let written = fs::metadata(path).and_then(|file| file.modified()).ok();
    let since = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
    let origin =
        Origin { source: "one machine's endorsements".to_owned(), fetched_at: since.map_or(0, |t| t.as_secs()) };
    Bundle::of_machine(&machine, &origin).map_err(|error| Failure::from(error).at(path.display()))
}

/// The files in the folder that have a known name. One that is there and cannot be read is not absent.
fn from_folder(folder: &Path) -> Outcome<Endorsements> {
    let mut files = Vec::new();
    for name in Endorsements::FILE_NAMES {
        let path = folder.join(name);
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => files.push((name, read(&path, PART_MAX)?)),
        }
    }
    Endorsements::from_named_files(files).map_err(|error| Failure::from(error).at(folder.display()))
}

/// Roots besides the vendors' own.
#[derive(Args, Debug)]
pub(crate) struct RootsArg {
    /// Accept this root besides the vendors' own (DER or PEM); the verdict then says custom-root
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
}

impl RootsArg {
    /// These roots and those that were named.
    pub(crate) fn add_to(&self, roots: Roots) -> Outcome<Roots> {
        self.root.iter().try_fold(roots, |roots, path| {
            let bytes = read(path, ROOT_MAX)?;
            roots.with_custom_file(&bytes).map_err(|error| Failure::from(error).at(path.display()))
        })
    }
}

/// Reads what a machine signed; without a platform, it is what it looks like.
pub(crate) fn read_evidence(path: &Path, platform: Option<Platform>) -> Outcome<Evidence> {
    // A byte more than there can be, so that its length is a finding and not a fault of the file.
    let bytes = read(path, EVIDENCE_MAX as u64 + 1)?;
    let unknown = || {
        Failure::usage(format!(
            "{}: expected a report, a quote or evidence from Azure, found other bytes",
            path.display()
        ))
        .hint("name the kind of machine with --platform, for example --platform snp")
    };
    let platform = platform.or_else(|| Platform::guess(&bytes)).ok_or_else(unknown)?;
    Evidence::new(platform, bytes).map_err(|error| Failure::from(error).at(path.display()))
}
