//! Whether terms agree with themselves.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Algorithm, Codec, Dataset, KeyRelease, Limits, Manifest, Runtime, SealedObject};
use crate::UnixSeconds;
use crate::archive::SafePath;
use crate::audit::entry::AGENT;
use crate::code::{Code, Coded};
use crate::digest::DigestAlgorithm;
use crate::name::Name;
use crate::printable::is_printable_line;
use crate::seal;
use crate::strict::JsonError;

/// Why bytes are not a manifest, or terms cannot hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not strict JSON of the manifest's form.
    #[error("expected a manifest, found other JSON; correct it at {0}")]
    Json(#[from] JsonError),
    /// A field contradicts the format or another field.
    #[error("{field}: expected {expected}, found {found}; correct the manifest and have it approved again")]
    Field {
        /// The field, for example `datasets[1].provider`.
        field: String,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The terms do not hold at this time.
    #[error(
        "expected a time from {not_before} to {not_after} (Unix seconds), found {now}; the manifest has to be renewed or awaited"
    )]
    NotCurrent {
        /// First second of validity.
        not_before: UnixSeconds,
        /// Last second of validity.
        not_after: UnixSeconds,
        /// The time given.
        now: UnixSeconds,
    },
    /// The terms could not be written as JSON.
    #[error("expected terms that can be written as JSON, found others")]
    Unwritable(#[source] serde_json::Error),
}

impl ManifestError {
    pub(super) fn unwritable(source: serde_json::Error) -> Self {
        Self::Unwritable(source)
    }
}

impl Coded for ManifestError {
    fn code(&self) -> Code {
        match self {
            Self::NotCurrent { .. } => Code::ManifestNotCurrent,
            _ => Code::ManifestMalformed,
        }
    }
}

const LINE_MAX: usize = 200;
const PARTICIPANTS_MAX: usize = 64;
const DATASETS_MAX: usize = 256;
const AUXILIARY_MAX: usize = 64;
const MEDIA_TYPES_MAX: usize = 64;
const ARGUMENTS_MAX: usize = 256;
const ARGUMENT_MAX: usize = 4096;
const YEAR_SECONDS: u64 = 366 * 24 * 3600;

type Checked = Result<(), ManifestError>;

/// Refuses terms that contradict the format or each other; the first contradiction is named.
pub(super) fn agreement(manifest: &Manifest) -> Checked {
    line("title", &manifest.title)?;
    let valid = manifest.not_before <= manifest.not_after;
    require(valid, "not_after", "a time not before not_before", manifest.not_after)?;
    assets(manifest)?;
    results(manifest)?;
    participants(manifest)?;
    parts(manifest)?;
    everyone_has_a_part(manifest)?;
    algorithm(&manifest.algorithm)?;
    require(manifest.max_runs >= 1, "max_runs", "at least 1", manifest.max_runs)?;
    require(
        manifest.reviewers.is_empty(),
        "reviewers",
        "an empty list, because this version delivers without review",
        manifest.reviewers.len(),
    )
}

fn require(holds: bool, field: &str, expected: &'static str, found: impl Display) -> Checked {
    if holds {
        return Ok(());
    }
    Err(ManifestError::Field { field: field.to_owned(), expected, found: found.to_string() })
}

fn line(field: &str, text: &str) -> Checked {
    let good = !text.is_empty() && text.chars().count() <= LINE_MAX && is_printable_line(text);
    require(good, field, "one printable line of 1 to 200 characters", text.escape_debug())
}

fn participants(manifest: &Manifest) -> Checked {
    let all = &manifest.participants;
    let count = (1..=PARTICIPANTS_MAX).contains(&all.len());
    require(count, "participants", "1 to 64 participants", all.len())?;
    unique("participants", all.iter().map(|p| &p.name))?;
    let mut keys = BTreeSet::new();
    for (i, participant) in all.iter().enumerate() {
        let free = participant.name.as_str() != AGENT;
        require(free, &format!("participants[{i}].name"), "a name other than \"agent\"", &participant.name)?;
        line(&format!("participants[{i}].organisation"), &participant.organisation)?;
        let fresh = keys.insert(&participant.key);
        require(fresh, &format!("participants[{i}].key"), "a key of its own for every participant", &participant.name)?;
    }
    Ok(())
}

fn everyone_has_a_part(manifest: &Manifest) -> Checked {
    manifest.participants.iter().enumerate().try_for_each(|(i, participant)| {
        let needed = !manifest.roles(participant.name.as_str()).is_empty();
        require(needed, &format!("participants[{i}]"), "a participant with a role", &participant.name)
    })
}

/// Names that differ in case only would be one file on some machines.
fn unique<'a>(field: &str, names: impl Iterator<Item = &'a Name>) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        let fresh = seen.insert(name.as_str().to_ascii_lowercase());
        require(fresh, field, "every name once, also regardless of case", name)?;
    }
    Ok(())
}

/// Every name that is used belongs to a participant.
fn parts(manifest: &Manifest) -> Checked {
    let known = |field: &str, name: &Name| {
        require(manifest.participant(name.as_str()).is_some(), field, "the name of a participant", name)
    };
    known("owner", &manifest.owner)?;
    known("algorithm.provider", &manifest.algorithm.provider)?;
    for (i, dataset) in manifest.datasets.iter().enumerate() {
        known(&format!("datasets[{i}].provider"), &dataset.provider)?;
    }
    for (field, names) in [
        ("results.consumers", &manifest.results.consumers),
        ("logs.stdout", &manifest.logs.stdout),
        ("logs.stderr", &manifest.logs.stderr),
        ("logs.metrics", &manifest.logs.metrics),
        ("reviewers", &manifest.reviewers),
        ("auditors", &manifest.auditors),
    ] {
        unique(field, names.iter())?;
        names.iter().try_for_each(|name| known(field, name))?;
    }
    Ok(())
}

fn assets(manifest: &Manifest) -> Checked {
    let count = (1..=DATASETS_MAX).contains(&manifest.datasets.len());
    require(count, "datasets", "1 to 256 datasets", manifest.datasets.len())?;
    unique("datasets and algorithm", manifest.assets().iter().map(|asset| &asset.name))?;
    unique("datasets", manifest.datasets.iter().map(|dataset| &dataset.path))?;
    manifest.datasets.iter().enumerate().try_for_each(|(i, dataset)| source(i, dataset))
}

/// What lies sealed in a store can be the dataset, as far as sizes say.
fn source(i: usize, dataset: &Dataset) -> Checked {
    let Some(source) = &dataset.source else { return Ok(()) };
    let at = |name: &str| format!("datasets[{i}].source.{name}");
    let bare = source.digest.algorithm() != DigestAlgorithm::Sha256Salted;
    require(bare, &at("digest"), "a digest without salt, because what is sealed betrays nothing", source.digest)?;
    let salted = dataset.digest.algorithm() == DigestAlgorithm::Sha256Salted;
    let nobody_has_salt = salted && source.release != KeyRelease::Provider {};
    let field = format!("datasets[{i}].digest");
    require(!nobody_has_salt, &field, "a digest without salt, because no key broker gives the salt", dataset.digest)?;
    let fits = dataset.size > 0 && source.header_len(dataset.size).is_some();
    let (expected, found) = sizes(source, dataset.size);
    require(fits, &at("size"), expected, found)
}

/// What the size of an object has to be, and what was found, in words.
fn sizes(source: &SealedObject, plain: u64) -> (&'static str, String) {
    let found = format!("{} for a dataset of {plain}", source.size);
    match (source.codec, seal::cobblestone_len(plain)) {
        (Codec::Age, _) => ("the size of the dataset, at least 1 byte, sealed with a header of age", found),
        (Codec::Cobblestone256, sealed) => {
            let length = sealed.map(|sealed| format!(", which gives {sealed}")).unwrap_or_default();
            ("exactly the size of the dataset, at least 1 byte, sealed as cobblestone-256", format!("{found}{length}"))
        }
    }
}

fn algorithm(algorithm: &Algorithm) -> Checked {
    entry(algorithm)?;
    let args = &algorithm.args;
    let plain = args.len() <= ARGUMENTS_MAX && args.iter().all(|arg| arg.len() <= ARGUMENT_MAX && !arg.contains('\0'));
    require(plain, "algorithm.args", "at most 256 arguments of at most 4096 bytes without NUL", args.len())?;
    environment(algorithm)?;
    once("algorithm.sandbox", "every layer at most once", &algorithm.sandbox)?;
    once("algorithm.devices", "every kind of device at most once", &algorithm.devices)?;
    python(algorithm)?;
    auxiliary(algorithm)?;
    limits(&algorithm.limits)
}

fn entry(algorithm: &Algorithm) -> Checked {
    let entry = &algorithm.entry;
    let image = algorithm.runtime == Runtime::Image;
    require(!(image && algorithm.unpack), "algorithm.unpack", "false, because an image is one file", "true")?;
    let named = if algorithm.unpack { is_inner_path(entry) } else { algorithm.name.as_str() == entry };
    let expected = "a relative path inside the algorithm's archive, or the algorithm's own name when it is one file";
    require(named, "algorithm.entry", expected, entry.escape_debug())
}

fn once<T: Ord>(field: &str, expected: &'static str, list: &[T]) -> Checked {
    let distinct: BTreeSet<_> = list.iter().collect();
    require(distinct.len() == list.len(), field, expected, list.len())
}

/// What only a Python program can have.
fn python(algorithm: &Algorithm) -> Checked {
    if algorithm.runtime == Runtime::Python3 {
        return Ok(());
    }
    let found = || format!("one beside the runtime {}", algorithm.runtime);
    let none = algorithm.interpreter.is_none();
    require(none, "algorithm.interpreter", "no version, because the runtime is not python3", found())?;
    let none = algorithm.requirements.is_none();
    require(none, "algorithm.requirements", "null, because the runtime is not python3", found())
}

/// Every auxiliary file has a place of its own, in which no other lies.
fn auxiliary(algorithm: &Algorithm) -> Checked {
    let files = &algorithm.auxiliary;
    require(files.len() <= AUXILIARY_MAX, "algorithm.auxiliary", "at most 64 auxiliary files", files.len())?;
    let mut taken: Vec<&str> = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let field = format!("algorithm.auxiliary[{i}].path");
        let expected = "a relative path below the program's HOME";
        require(is_inner_path(&file.path), &field, expected, file.path.escape_debug())?;
        let apart = taken.iter().all(|other| !within(other, &file.path) && !within(&file.path, other));
        require(apart, &field, "a path that is neither, nor lies in, that of another", file.path.escape_debug())?;
        taken.push(&file.path);
    }
    Ok(())
}

/// Whether `path` is `folder` or lies in it, where machines do not tell cases apart as well.
fn within(folder: &str, path: &str) -> bool {
    let (folder, path) = (folder.to_lowercase(), path.to_lowercase());
    path.strip_prefix(&folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an archive could hold a file of this name, and a person read it.
fn is_inner_path(path: &str) -> bool {
    is_printable_line(path) && SafePath::new(path).is_ok()
}

fn environment(algorithm: &Algorithm) -> Checked {
    let mut seen = BTreeSet::new();
    let good = algorithm.environment.len() <= ARGUMENTS_MAX
        && algorithm.environment.iter().all(|variable| {
            is_variable(&variable.name)
                && variable.value.len() <= ARGUMENT_MAX
                && !variable.value.contains('\0')
                && seen.insert(&variable.name)
        });
    let expected = "at most 256 distinct variables [A-Za-z_][A-Za-z0-9_]*, none of PATH, HOME, TMPDIR and LD_*";
    require(good, "algorithm.environment", expected, algorithm.environment.len())
}

fn is_variable(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    starts && word && !matches!(name, "PATH" | "HOME" | "TMPDIR") && !name.starts_with("LD_")
}

fn limits(limits: &Limits) -> Checked {
    let bytes = 1..=1 << 50;
    for (field, value, range, expected) in [
        ("memory_bytes", limits.memory_bytes, 16 << 20..=1 << 50, "16 MiB to 1 PiB"),
        ("cpu_milli", limits.cpu_milli.into(), 100..=1_024_000, "100 (a tenth of a processor) to 1024000"),
        ("processes", limits.processes.into(), 1..=1 << 20, "1 to 1048576"),
        ("open_files", limits.open_files.into(), 16..=1 << 20, "16 to 1048576"),
        ("disk_bytes", limits.disk_bytes, bytes.clone(), "1 byte to 1 PiB"),
        ("datasets_bytes", limits.datasets_bytes.unwrap_or(1), bytes, "1 byte to 1 PiB"),
        ("output_bytes", limits.output_bytes, 0..=1 << 30, "at most 1 GiB"),
        ("wall_seconds", limits.wall_seconds, 1..=YEAR_SECONDS, "1 second to one year"),
    ] {
        require(range.contains(&value), &format!("algorithm.limits.{field}"), expected, value)?;
    }
    Ok(())
}

fn results(manifest: &Manifest) -> Checked {
    let results = &manifest.results;
    require(!results.consumers.is_empty(), "results.consumers", "at least one consumer", "none")?;
    require((1..=1 << 50).contains(&results.max_bytes), "results.max_bytes", "1 byte to 1 PiB", results.max_bytes)?;
    let listed = (1..=64).contains(&results.files.len()) && results.files.iter().all(|pattern| is_inner_path(pattern));
    require(listed, "results.files", "1 to 64 relative patterns such as \"model.npz\" or \"**\"", results.files.len())?;
    let types = &results.media_types;
    require(types.len() <= MEDIA_TYPES_MAX, "results.media_types", "at most 64 media types", types.len())?;
    once("results.media_types", "every media type at most once", types)
}
