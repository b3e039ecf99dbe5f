//! A manifest in plain words.

use std::fmt::{self, Display, Formatter};

use prism_core::digest::Digest;
use prism_core::manifest::{Algorithm, Install, KeyRelease, Limits, Manifest, Network, Role, SealedObject};
use prism_core::name::Name;

use crate::machines::Machines;
use crate::print::{Safe, moment, size, span};

/// Everything a participant has to know before approving.
pub(super) struct Words<'a> {
    pub(super) terms: &'a Manifest,
    pub(super) digest: Digest,
}

impl Display for Words<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let terms = self.terms;
        writeln!(f, "{}", Safe::new(&terms.title))?;
        writeln!(f, "  computation   {}", terms.id)?;
        writeln!(f, "  manifest      {}", self.digest)?;
        let (start, end) = (terms.not_before, terms.not_after);
        writeln!(f, "  valid         {} to {} ({})", moment(start), moment(end), span(end.saturating_sub(start)))?;
        writeln!(f, "  runs          at most {}", terms.max_runs)?;
        participants(f, terms)?;
        algorithm(f, &terms.algorithm)?;
        datasets(f, terms)?;
        results(f, terms)?;
        write!(f, "\n{}", Machines(&terms.platform))
    }
}

fn participants(f: &mut Formatter<'_>, terms: &Manifest) -> fmt::Result {
    writeln!(f, "\nWho takes part")?;
    for participant in &terms.participants {
        let roles: Vec<_> = terms.roles(participant.name.as_str()).into_iter().map(Role::name).collect();
        let organisation = Safe::new(&participant.organisation);
        writeln!(f, "  {:12}  {organisation}: {}", participant.name, roles.join(", "))?;
        writeln!(f, "                {} key {}", participant.key.algorithm(), participant.key.fingerprint())?;
    }
    Ok(())
}

fn algorithm(f: &mut Formatter<'_>, algorithm: &Algorithm) -> fmt::Result {
    writeln!(f, "\nWhat runs")?;
    let from = if algorithm.unpack { format!(" of the archive {}", algorithm.name) } else { String::new() };
    let line = [&algorithm.entry].into_iter().chain(&algorithm.args).map(String::as_str).collect::<Vec<_>>().join(" ");
    writeln!(f, "  program       {} {}{from}, from {}", algorithm.runtime, Safe::new(&line), algorithm.provider)?;
    writeln!(f, "                {} ({})", algorithm.digest, size(algorithm.size))?;
    for variable in &algorithm.environment {
        writeln!(f, "  environment   {}={}", Safe::new(&variable.name), Safe::new(&variable.value))?;
    }
    match &algorithm.requirements {
        None => writeln!(f, "  requirements  none")?,
        Some(requirements) => {
            writeln!(f, "  requirements  {}, {}", requirements.name, install(requirements.install))?;
            writeln!(f, "                {} ({})", requirements.digest, size(requirements.size))?;
        }
    }
    limits(f, &algorithm.limits)?;
    let layers: Vec<_> = algorithm.sandbox.iter().map(|layer| layer.name()).collect();
    match layers.as_slice() {
        [] => writeln!(f, "  sandbox       whatever layers the machine has; none is demanded"),
        _ => writeln!(f, "  sandbox       no run without {}", layers.join(", ")),
    }
}

fn install(install: Install) -> &'static str {
    match install {
        Install::Offline => "installed from this archive before any data is visible",
        Install::Index => "installed from the agent's package index before any data is visible",
        _ => "installed before any data is visible, in a way that this build does not know",
    }
}

fn limits(f: &mut Formatter<'_>, limits: &Limits) -> fmt::Result {
    let processors = f64::from(limits.cpu_milli) / 1000.0;
    writeln!(
        f,
        "  limits        {} memory, {processors} processors, {} processes, {} open files, {} disk, {}",
        size(limits.memory_bytes),
        limits.processes,
        limits.open_files,
        size(limits.disk_bytes),
        span(limits.wall_seconds),
    )
}

fn datasets(f: &mut Formatter<'_>, terms: &Manifest) -> fmt::Result {
    writeln!(f, "\nOn whose data")?;
    for dataset in &terms.datasets {
        let how = if dataset.unpack { "unpacked as" } else { "as" };
        let (name, path) = (&dataset.name, &dataset.path);
        writeln!(f, "  {name:12}  from {}, {}, {how} datasets/{path}", dataset.provider, size(dataset.size))?;
        writeln!(f, "                {}", dataset.digest)?;
        if let Some(object) = &dataset.source {
            source(f, object)?;
        }
    }
    Ok(())
}

fn source(f: &mut Formatter<'_>, object: &SealedObject) -> fmt::Result {
    let SealedObject { url, size: bytes, digest, codec, release } = object;
    writeln!(f, "                fetched by the agent from {url}")?;
    writeln!(f, "                where it lies sealed ({codec}): {digest} ({})", size(*bytes))?;
    match release {
        KeyRelease::Provider {} => {
            writeln!(f, "                its provider releases the key to the agent, after attesting it")
        }
        KeyRelease::Kbs { url, resource } => {
            writeln!(
                f,
                "                the key broker {url} releases the key {resource} to the agent, after attesting it"
            )
        }
        _ => writeln!(f, "                the key is released in a way that this build does not know"),
    }
}

fn results(f: &mut Formatter<'_>, terms: &Manifest) -> fmt::Result {
    let results = &terms.results;
    writeln!(f, "\nWhat leaves, and to whom")?;
    let files = if results.files == ["**"] { "any files".to_owned() } else { results.files.join(", ") };
    let consumers = names(&results.consumers);
    writeln!(
        f,
        "  result        to {consumers}, each once: {}, at most {}",
        Safe::new(&files),
        size(results.max_bytes)
    )?;
    writeln!(f, "  output        standard output to {}", names(&terms.logs.stdout))?;
    writeln!(f, "                standard error to {}", names(&terms.logs.stderr))?;
    writeln!(f, "  audit log     who did what and when, with digests and sizes, to every participant")?;
    match terms.network {
        Network::None => writeln!(f, "  network       none: the program reaches no other machine"),
        _ => writeln!(f, "  network       in a way that this build does not know"),
    }
}

fn names(names: &[Name]) -> String {
    match names {
        [] => "nobody".to_owned(),
        _ => names.iter().map(Name::as_str).collect::<Vec<_>>().join(", "),
    }
}
