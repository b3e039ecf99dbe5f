//! A manifest in plain words.

use std::fmt::{self, Display, Formatter};

use super::{
    Algorithm, Auxiliary, Install, KeyRelease, Limits, LogsPolicy, Manifest, Network, Requirements, Results, Role,
    SealedObject, Variable,
};
use crate::digest::Digest;
use crate::name::Name;

use crate::printable::{Safe, moment, size, span};

/// Everything that a participant has to know before approving, as [`Terms::words`](super::Terms::words) makes it.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
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
        write!(f, "\n{}", terms.platform.words())
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

/// Every field is named, so that a term without words does not compile.
fn algorithm(f: &mut Formatter<'_>, algorithm: &Algorithm) -> fmt::Result {
    let Algorithm {
        name,
        provider,
        digest,
        size: bytes,
        runtime,
        unpack,
        entry,
        args,
        environment,
        interpreter,
        requirements,
        auxiliary,
        devices,
        limits: bounds,
        sandbox,
    } = algorithm;
    writeln!(f, "\nWhat runs")?;
    let from = if *unpack { format!(" of the archive {name}") } else { String::new() };
    let line = [entry].into_iter().chain(args).map(String::as_str).collect::<Vec<_>>().join(" ");
    writeln!(f, "  program       {runtime} {}{from}, from {provider}", Safe::new(&line))?;
    writeln!(f, "                {digest} ({})", size(*bytes))?;
    if let Some(version) = interpreter {
        writeln!(f, "  interpreter   Python {version} and no other")?;
    }
    for Variable { name, value } in environment {
        writeln!(f, "  environment   {}={}", Safe::new(name), Safe::new(value))?;
    }
    match requirements {
        None => writeln!(f, "  requirements  none")?,
        Some(Requirements { name, digest, size: bytes, install }) => {
            writeln!(f, "  requirements  {name}, {}", self::install(*install))?;
            writeln!(f, "                {digest} ({})", size(*bytes))?;
        }
    }
    auxiliary.iter().try_for_each(|file| beside(f, file))?;
    devices.iter().try_for_each(|device| writeln!(f, "  device        {device}: no run without one"))?;
    limits(f, bounds)?;
    let layers: Vec<_> = sandbox.iter().map(|layer| layer.name()).collect();
    match layers.as_slice() {
        [] => writeln!(f, "  sandbox       whatever layers the machine has; none is demanded"),
        _ => writeln!(f, "  sandbox       no run without {}", layers.join(", ")),
    }
}

fn beside(f: &mut Formatter<'_>, file: &Auxiliary) -> fmt::Result {
    let Auxiliary { name, digest, size: bytes, unpack, path } = file;
    let how = if *unpack { "unpacked as" } else { "as" };
    writeln!(f, "  beside it     {name}, {how} {} in the program's HOME", Safe::new(path))?;
    writeln!(f, "                {digest} ({})", size(*bytes))
}

fn install(install: Install) -> &'static str {
    match install {
        Install::Offline => "installed from this archive before any data is visible",
        Install::Index => "installed from the agent's package index before any data is visible",
    }
}

fn limits(f: &mut Formatter<'_>, limits: &Limits) -> fmt::Result {
    let Limits {
        memory_bytes,
        cpu_milli,
        processes,
        open_files,
        disk_bytes,
        datasets_bytes,
        output_bytes,
        wall_seconds,
    } = limits;
    let processors = f64::from(*cpu_milli) / 1000.0;
    let (memory, disk, span) = (size(*memory_bytes), size(*disk_bytes), span(*wall_seconds));
    writeln!(
        f,
        "  limits        {memory} memory, {processors} processors, {processes} processes, {open_files} open files, \
         {disk} disk, {span}"
    )?;
    if let Some(bytes) = datasets_bytes {
        writeln!(f, "                {} more for what it writes in its copy of datasets/", size(*bytes))?;
    }
    writeln!(f, "                {} of standard output, and as much of standard error", size(*output_bytes))
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
    }
}

fn results(f: &mut Formatter<'_>, terms: &Manifest) -> fmt::Result {
    let Results { consumers, max_bytes, files, media_types } = &terms.results;
    let LogsPolicy { stdout, stderr, metrics } = &terms.logs;
    writeln!(f, "\nWhat leaves, and to whom")?;
    let patterns = if files == &["**"] { "any files".to_owned() } else { files.join(", ") };
    let (consumers, patterns) = (names(consumers), Safe::new(&patterns));
    writeln!(f, "  result        to {consumers}, each once: {patterns}, at most {}", size(*max_bytes))?;
    if !media_types.is_empty() {
        let types: Vec<_> = media_types.iter().map(ToString::to_string).collect();
        writeln!(f, "                whose content is {}", types.join(" or "))?;
    }
    writeln!(f, "  output        standard output to {}", names(stdout))?;
    writeln!(f, "                standard error to {}", names(stderr))?;
    if !metrics.is_empty() {
        writeln!(f, "  figures       while it runs, any number in lines of `metrics`, to {}", names(metrics))?;
    }
    writeln!(f, "  audit log     who did what and when, with digests and sizes, to every participant")?;
    match terms.network {
        Network::None => writeln!(f, "  network       none: the program reaches no other machine"),
    }
}

fn names(names: &[Name]) -> String {
    match names {
        [] => "nobody".to_owned(),
        _ => names.iter().map(Name::as_str).collect::<Vec<_>>().join(", "),
    }
}
