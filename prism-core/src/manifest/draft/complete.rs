//! From the short form to the manifest.

use super::{
    Bytes, Draft, DraftAlgorithm, DraftAuxiliary, DraftDataset, DraftError, DraftKbs, DraftSimulator, DraftSource,
    Facts, Resolved,
};
use crate::digest::Digest;
use crate::hexadecimal::HexBytes;
use crate::key::PublicKey;
use crate::manifest::platform::{PlatformPolicy, Profile};
use crate::manifest::{
    Algorithm, Auxiliary, Codec, Dataset, Format, Install, KeyRelease, Limits, LogsPolicy, Manifest, Network,
    Participant, Requirements, Results, Runtime, SandboxLayer, SealedObject, Variable,
};
use crate::name::Name;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

pub(super) fn complete(draft: &Draft, resolved: &Resolved, salt: [u8; 16], now: u64) -> Result<Manifest, DraftError> {
    let (not_before, not_after) = validity(draft, now)?;
    let datasets = draft.datasets.iter().enumerate();
    let manifest = Manifest {
        format: Format::V1,
        id: draft.id.clone().map_or_else(|| id_from(&draft.title), Ok)?,
        title: draft.title.clone(),
        salt: HexBytes::new(salt),
        not_before,
        not_after,
        owner: draft.owner.clone(),
        participants: participants(draft, resolved)?,
        platform: platform(draft, resolved)?,
        algorithm: algorithm(&draft.algorithm, resolved)?,
        datasets: datasets.map(|(i, dataset)| self::dataset(i, dataset, resolved)).collect::<Result<_, _>>()?,
        results: Results {
            consumers: draft.results.consumers.clone(),
            max_bytes: draft.results.max.map_or(GIB, |max| max.0),
            files: draft.results.files.clone().unwrap_or_else(|| vec!["**".to_owned()]),
            media_types: draft.results.media_types.clone(),
        },
        logs: LogsPolicy {
            stdout: draft.logs.stdout.clone(),
            stderr: draft.logs.stderr.clone(),
            metrics: draft.logs.metrics.clone(),
        },
        network: Network::None,
        reviewers: Vec::new(),
        auditors: draft.auditors.clone(),
        max_runs: draft.max_runs.unwrap_or(1),
    };
    // What this returns can be written and approved; anything else is said now, not when others read it.
    manifest.to_bytes()?;
    Ok(manifest)
}

fn field(field: impl Into<String>, expected: &'static str, found: impl Into<String>) -> DraftError {
    DraftError::Field { field: field.into(), expected, found: found.into() }
}

/// `"COVID-19 chest X-ray"` → `covid-19-chest-x-ray`.
fn id_from(title: &str) -> Result<Name, DraftError> {
    let lower = title.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut id = words.join("-");
    id.truncate(crate::name::NAME_MAX);
    let expected = "an id, because the title has no letter or digit to make one from";
    id.trim_end_matches('-').parse().map_err(|_| field("id", expected, "nothing"))
}

fn validity(draft: &Draft, now: u64) -> Result<(u64, u64), DraftError> {
    let start = draft.not_before.map_or(now, |moment| moment.0);
    match (draft.valid, draft.not_after) {
        (Some(_), Some(_)) => Err(field("valid", "either valid or not_after", "both")),
        (None, Some(end)) => Ok((start, end.0)),
        (valid, None) => {
            let end = start.checked_add(valid.map_or(30 * DAY, |span| span.0));
            end.map(|end| (start, end)).ok_or_else(|| field("valid", "a shorter time", "one without end"))
        }
    }
}

fn participants(draft: &Draft, resolved: &Resolved) -> Result<Vec<Participant>, DraftError> {
    let complete = |(name, participant): (&Name, &super::DraftParticipant)| {
        let key = match participant.key.parse::<PublicKey>() {
            Ok(key) => key,
            Err(_) => resolved.keys.get(&participant.key).cloned().ok_or_else(|| DraftError::NotResolved {
                field: format!("participants.{name}.key"),
                name: participant.key.clone(),
            })?,
        };
        Ok(Participant { name: name.clone(), organisation: participant.organisation.clone(), key })
    };
    draft.participants.iter().map(complete).collect()
}

fn platform(draft: &Draft, resolved: &Resolved) -> Result<PlatformPolicy, DraftError> {
    let absent = |name: &str| DraftError::NotResolved { field: "platform".to_owned(), name: name.to_owned() };
    let mut accept = Vec::new();
    if let Some(path) = &draft.platform.policy {
        accept.extend(resolved.policy.as_ref().ok_or_else(|| absent(path))?.accept.iter().cloned());
    }
    accept.extend(draft.platform.snp.iter().cloned().map(Profile::Snp));
    accept.extend(draft.platform.tdx.iter().cloned().map(Profile::Tdx));
    accept.extend(draft.platform.azure_snp.iter().cloned().map(Profile::AzureSnp));
    accept.extend(draft.platform.azure_tdx.iter().cloned().map(Profile::AzureTdx));
    if draft.platform.simulated.is_some_and(DraftSimulator::is_accepted) {
        let simulator = resolved.simulator.clone().ok_or_else(|| absent("the simulator's root"))?;
        accept.push(Profile::Simulated(simulator));
    }
    if draft.platform.simulated_tdx.is_some_and(DraftSimulator::is_accepted) {
        let simulator = resolved.simulator_tdx.clone().ok_or_else(|| absent("the TDX simulator's root"))?;
        accept.push(Profile::SimulatedTdx(simulator));
    }
    let expected =
        "simulated = true, a policy or at least one [[platform.snp]] or [[platform.tdx]], none of them twice";
    PlatformPolicy::new(accept).map_err(|error| field("platform", expected, error.to_string()))
}

/// What is known about an asset: from its file, or as it was written down.
struct Found {
    name: Name,
    facts: Facts,
}

/// The fields of an asset, wherever it stands in the draft.
struct Written<'a> {
    place: &'a str,
    file: Option<&'a str>,
    name: Option<&'a Name>,
    digest: Option<Digest>,
    size: Option<Bytes>,
}

fn find(written: &Written<'_>, resolved: &Resolved) -> Result<Found, DraftError> {
    let at = |name: &str| format!("{}.{name}", written.place);
    let Some(file) = written.file else {
        let (Some(name), Some(digest), Some(size)) = (written.name, written.digest, written.size) else {
            return Err(field(at("file"), "a file, or name, digest and size of one that is elsewhere", "neither"));
        };
        return Ok(Found { name: name.clone(), facts: Facts { digest, size: size.0, folder: false, age: false } });
    };
    if written.digest.is_some() || written.size.is_some() {
        return Err(field(at("digest"), "either file or digest and size", "both"));
    }
    let facts = *resolved
        .assets
        .get(file)
        .ok_or_else(|| DraftError::NotResolved { field: at("file"), name: file.to_owned() })?;
    let name = match written.name {
        Some(name) => name.clone(),
        None => name_of(file).ok_or_else(|| {
            field(
                at("name"),
                "a name, because the file's own is not one of a-z A-Z 0-9 . _ -",
                file.escape_debug().to_string(),
            )
        })?,
    };
    Ok(Found { name, facts })
}

/// The last part of a path, if it is a [`Name`].
fn name_of(path: &str) -> Option<Name> {
    path.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

fn dataset(index: usize, draft: &DraftDataset, resolved: &Resolved) -> Result<Dataset, DraftError> {
    let place = format!("dataset[{index}]");
    let written = Written {
        place: &place,
        file: draft.file.as_deref(),
        name: draft.name.as_ref(),
        digest: draft.digest,
        size: draft.size,
    };
    let Found { name, facts } = find(&written, resolved)?;
    Ok(Dataset {
        path: draft.unpack.clone().unwrap_or_else(|| name.clone()),
        unpack: draft.unpack.is_some() || facts.folder,
        name,
        provider: draft.provider.clone(),
        digest: facts.digest,
        size: facts.size,
        source: draft.source.as_ref().map(|source| self::source(&place, source, resolved)).transpose()?,
    })
}

fn source(dataset: &str, draft: &DraftSource, resolved: &Resolved) -> Result<SealedObject, DraftError> {
    let at = |name: &str| format!("{dataset}.source.{name}");
    let codec = draft.codec.unwrap_or(Codec::Age);
    let (digest, size) = match (&draft.sealed, draft.digest, draft.size) {
        (Some(file), None, None) => sealed_copy(dataset, file, codec, resolved)?,
        (None, Some(digest), Some(size)) => (digest, size.0),
        (Some(_), ..) => return Err(field(at("digest"), "either sealed or digest and size", "both")),
        (None, ..) => {
            let expected = "a copy of the sealed file, or its digest and size";
            return Err(field(at("sealed"), expected, "neither"));
        }
    };
    let release = match &draft.kbs {
        None => KeyRelease::Provider {},
        Some(DraftKbs { url, resource }) => KeyRelease::Kbs { url: url.clone(), resource: resource.clone() },
    };
    Ok(SealedObject { url: draft.url.clone(), size, digest, codec, release })
}

/// Digest and size of a copy that is sealed as the draft says. Only age files say so themselves.
fn sealed_copy(dataset: &str, file: &str, codec: Codec, resolved: &Resolved) -> Result<(Digest, u64), DraftError> {
    let at = |name: &str| format!("{dataset}.source.{name}");
    let found = resolved.assets.get(file);
    let Facts { digest, size, folder, age } =
        *found.ok_or_else(|| DraftError::NotResolved { field: at("sealed"), name: file.to_owned() })?;
    if folder {
        return Err(field(at("sealed"), "one sealed file", "a folder"));
    }
    match (codec, age) {
        (Codec::Age, true) | (Codec::Cobblestone256, false) => Ok((digest, size)),
        (Codec::Age, false) => {
            let expected = "codec = \"cobblestone-256\", or a sealed file that begins as age files do";
            Err(field(at("codec"), expected, "age and a file that begins otherwise"))
        }
        (Codec::Cobblestone256, true) => Err(field(
            at("codec"),
            "codec = \"age\", or a sealed file of cobblestone-256",
            "cobblestone-256 and an age file",
        )),
    }
}

fn algorithm(draft: &DraftAlgorithm, resolved: &Resolved) -> Result<Algorithm, DraftError> {
    let written = Written {
        place: "algorithm",
        file: draft.file.as_deref(),
        name: draft.name.as_ref(),
        digest: draft.digest,
        size: draft.size,
    };
    let Found { name, facts } = find(&written, resolved)?;
    let auxiliary = draft.auxiliary.iter().enumerate();
    let one_file = draft.entry.as_deref().is_none_or(|entry| name == *entry);
    if facts.folder && draft.runtime == Some(Runtime::Image) {
        return Err(field("algorithm.file", "an image as one file: an archive in the OCI layout", "a folder"));
    }
    if facts.folder && one_file {
        return Err(field("algorithm.entry", "the file in the folder that runs, such as \"train.py\"", "none"));
    }
    let variable = |(name, value): (&String, &String)| Variable { name: name.clone(), value: value.clone() };
    Ok(Algorithm {
        entry: draft.entry.clone().unwrap_or_else(|| name.to_string()),
        unpack: !one_file,
        name,
        provider: draft.provider.clone(),
        digest: facts.digest,
        size: facts.size,
        runtime: draft.runtime.unwrap_or(Runtime::Python3),
        args: draft.args.clone(),
        environment: draft.environment.iter().map(variable).collect(),
        requirements: draft.requirements.as_deref().map(|path| requirements(path, resolved)).transpose()?,
        interpreter: draft.interpreter,
        auxiliary: auxiliary.map(|(i, file)| self::auxiliary(i, file, resolved)).collect::<Result<_, _>>()?,
        devices: draft.devices.clone(),
        limits: limits(draft),
        sandbox: draft.sandbox.clone().unwrap_or_else(|| {
            vec![SandboxLayer::NoNewPrivileges, SandboxLayer::Seccomp, SandboxLayer::ResourceLimits]
        }),
    })
}

fn auxiliary(index: usize, draft: &DraftAuxiliary, resolved: &Resolved) -> Result<Auxiliary, DraftError> {
    let place = format!("algorithm.auxiliary[{index}]");
    let written = Written {
        place: &place,
        file: draft.file.as_deref(),
        name: draft.name.as_ref(),
        digest: draft.digest,
        size: draft.size,
    };
    let Found { name, facts } = find(&written, resolved)?;
    if facts.folder && draft.unpack == Some(false) {
        return Err(field(format!("{place}.unpack"), "true, because it is a folder", "false"));
    }
    let unpack = draft.unpack.unwrap_or(facts.folder);
    Ok(Auxiliary { name, digest: facts.digest, size: facts.size, unpack, path: draft.path.clone() })
}

fn requirements(path: &str, resolved: &Resolved) -> Result<Requirements, DraftError> {
    let place = "algorithm.requirements";
    let written = Written { place, file: Some(path), name: None, digest: None, size: None };
    let Found { name, facts } = find(&written, resolved)?;
    let archive = facts.folder || name.as_str().to_ascii_lowercase().ends_with(".zip");
    let install = if archive { Install::Offline } else { Install::Index };
    Ok(Requirements { name, digest: facts.digest, size: facts.size, install })
}

fn limits(draft: &DraftAlgorithm) -> Limits {
    let limits = &draft.limits;
    Limits {
        memory_bytes: limits.memory.map_or(4 * GIB, |memory| memory.0),
        cpu_milli: limits.processors.map_or(2000, |processors| processors.0),
        processes: limits.processes.unwrap_or(256),
        open_files: limits.open_files.unwrap_or(1024),
        disk_bytes: limits.disk.map_or(10 * GIB, |disk| disk.0),
        datasets_bytes: limits.datasets.map(|datasets| datasets.0),
        output_bytes: limits.output.map_or(MIB, |output| output.0),
        wall_seconds: limits.time.map_or(HOUR, |time| time.0),
    }
}
