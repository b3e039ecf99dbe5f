//! `prism requirements lock`: everything pinned by version and hash.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::files::{measure_file, write_new};
use prism_core::code::Code;
use prism_core::digest::Hasher;
use prism_core::requirements::Lock;
use serde::{Deserialize, Serialize};

use super::require_free;
use super::tools::{Tool, run};
use crate::exit::{Failure, Outcome};
use crate::interrupt;
use crate::print::{Printer, Safe};

pub(super) const EXAMPLE: &str = "\
Example
  prism requirements lock requirements.txt -o requirements.lock
  prism requirements lock requirements.txt --python-version 3.11 -o requirements.lock

Asks uv, or pip where there is no uv, with their own configuration of indexes. Wheels only: what would have \
to be built is refused. uv locks for any version of Python; pip for the interpreter that it belongs to.";

/// The arguments of `prism requirements lock`.
#[derive(Args, Debug)]
pub(crate) struct LockCommand {
    /// What is needed, one requirement a line
    #[arg(value_name = "REQUIREMENTS")]
    requirements: PathBuf,
    /// The lock to write
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// The version of Python on the agent's machine [default: that of --python]
    #[arg(long, value_name = "VERSION")]
    python_version: Option<String>,
    /// The interpreter to lock for, and whose pip is asked
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
}

#[derive(Serialize)]
struct Locked {
    packages: usize,
    by: &'static str,
    file: String,
}

impl LockCommand {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        require_free(&self.out)?;
        // Said in our own words: tools complain in many ways of a file that is not there.
        super::needs::check(&self.requirements)?;
        let left = format!("{} was not written", self.out.display());
        let (text, by) = interrupt::run(self.resolve(printer), &left)?;
        let lock = Lock::read(&text).map_err(|error| {
            Failure::from(error).at(by).hint("everything in the requirements has to come from an index, as a wheel")
        })?;
        write_new(&self.out, text.as_bytes())?;
        printer.show(&Locked { packages: lock.packages().len(), by, file: self.out.display().to_string() })
    }

    async fn resolve(&self, printer: Printer) -> Outcome<(String, &'static str)> {
        let tool = Tool::find(&self.python).await.ok_or_else(|| {
            Failure::new(Code::FileMissing, "expected uv or pip to lock with, found neither")
                .hint("install one of them, for example python3-pip or python3-venv; a lock that was made elsewhere will do as well")
        })?;
        printer.note(format_args!("{} resolves {}", tool.name(), self.requirements.display()));
        let text = match &tool {
            Tool::Uv => self.with_uv(&tool).await?,
            Tool::Pip(python) => self.with_pip(&tool, Path::new(python)).await?,
        };
        Ok((text, tool.name()))
    }

    async fn with_uv(&self, tool: &Tool) -> Outcome<String> {
        let mut command = tool.command(&["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-progress"]);
        command.args(["--generate-hashes", "--only-binary", ":all:", "--no-python-downloads", "--no-emit-index-url"]);
        command.arg("--python").arg(&self.python);
        if let Some(version) = &self.python_version {
            command.args(["--python-version", version]);
        }
        command.arg("--").arg(&self.requirements);
        let answer = run(tool.name(), command).await?;
        String::from_utf8(answer)
            .map_err(|_| Failure::new(Code::RequirementsFailed, "expected text from uv, found none"))
    }

    async fn with_pip(&self, tool: &Tool, python: &Path) -> Outcome<String> {
        let interpreter = prism_agent::runner::Interpreter::find(Some(python)).await?;
        if let Some(version) = self.python_version.as_deref().filter(|version| *version != interpreter.minor_version())
        {
            let message =
                format!("expected uv to lock for Python {version}, found only pip of {}", interpreter.minor_version());
            return Err(Failure::usage(message).hint("install uv, or give an interpreter of that version as --python"));
        }
        let mut command = tool.command(&["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        command.args(["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", "-"]);
        command.arg("-r").arg(&self.requirements);
        let answer = run(tool.name(), command).await?;
        from_report(&answer)
    }
}

/// What pip's installation report says (its version 1).
#[derive(Deserialize)]
struct Report {
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    download_info: DownloadInfo,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    archive_info: Option<ArchiveInfo>,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

fn from_report(report: &[u8]) -> Outcome<String> {
    let failed = |message: String| Failure::new(Code::RequirementsFailed, message);
    let report: Report = serde_json::from_slice(report).map_err(|_| {
        failed("expected pip's report of version 1, found something else".to_owned())
            .hint("use pip 22.2 or newer, or uv")
    })?;
    let mut lines = Vec::new();
    for Item { metadata: Metadata { name, version }, download_info } in report.install {
        let said = download_info.archive_info.and_then(|archive| archive.hashes.sha256);
        let hash = said.map_or_else(|| local_hash(&download_info.url), |hash| Ok(Some(hash)))?;
        let hash = hash.ok_or_else(|| failed(format!("expected a hash for {name} {version}, found none")))?;
        let mut line = String::new();
        // Writing to memory does not fail.
        let _ = write!(line, "{}=={version} \\\n    --hash=sha256:{hash}\n", name.to_ascii_lowercase());
        lines.push(line);
    }
    lines.sort();
    Ok(lines.concat())
}

/// The hash of a file of this machine, which older versions of pip leave to others.
fn local_hash(url: &str) -> Outcome<Option<String>> {
    let Some(path) = url.strip_prefix("file://").filter(|path| !path.contains('%')) else { return Ok(None) };
    Ok(Some(measure_file(Path::new(path), Hasher::sha256(), &mut |_| {})?.digest.to_hex()))
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Safe::new(&self.file);
        writeln!(f, "wrote {file}: {} packages, pinned by {}", self.packages, self.by)?;
        writeln!(f, "next: prism requirements wheelhouse {file} -o wheelhouse")
    }
}

/// A lock that was made here reads back.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_report_becomes_a_lock() {
        let hash = "ab".repeat(32);
        let report = format!(
            r#"{{"version":"1","install":[
            {{"metadata":{{"name":"NumPy","version":"2.4.6"}},"download_info":{{"url":"x","archive_info":{{"hash":"x","hashes":{{"sha256":"{hash}"}}}}}}}},
            {{"metadata":{{"name":"a","version":"1"}},"download_info":{{"url":"x","archive_info":{{"hashes":{{"sha256":"{hash}"}}}}}}}}]}}"#
        );
        let text = from_report(report.as_bytes()).unwrap();
        assert!(text.starts_with("a==1 \\\n") && text.contains("numpy==2.4.6"), "{text}");
        assert_eq!(Lock::read(&text).unwrap().packages().len(), 2);
    }

    #[test]
    fn what_is_no_archive_with_a_hash_is_refused() {
        let report =
            r#"{"install":[{"metadata":{"name":"a","version":"1"},"download_info":{"url":"x","vcs_info":{}}}]}"#;
        assert!(from_report(report.as_bytes()).is_err());
        assert!(from_report(b"{}").is_err());
    }
}
