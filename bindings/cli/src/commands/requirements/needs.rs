//! What a file of requirements may say: names of packages, which an index has as wheels. A folder, an archive or an address
//! would be *executed* by the tool that looks for its name and version, before anything is pinned.

use std::path::{Path, PathBuf};

use prism_core::code::Code;

use crate::exit::{Failure, Outcome};
use crate::print::Safe;

/// Files that name each other.
const FILES_MAX: usize = 32;

/// How files end that tools take for packages themselves.
const ARCHIVES: &[&str] =
    &[".whl", ".zip", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".tlz", ".lz", ".lzma", ".tar"];

/// Refuses a file of requirements that names anything but packages, and so for the files that it names.
pub(super) fn check(first: &Path) -> Outcome {
    let (mut pending, mut seen) = (vec![first.to_owned()], 0);
    while let Some(path) = pending.pop() {
        seen += 1;
        if seen > FILES_MAX {
            return Err(Failure::usage(format!("expected at most {FILES_MAX} files of requirements, found more")));
        }
        let text = String::from_utf8_lossy(&crate::inputs::read(&path, super::LOCK_MAX)?).into_owned();
        for line in text.replace("\\\r\n", "").replace("\\\n", "").lines() {
            if let Some(other) = read(line).map_err(|what| refused(&path, line, what))? {
                pending.push(path.parent().unwrap_or_else(|| Path::new("")).join(other));
            }
        }
    }
    Ok(())
}

fn refused(path: &Path, line: &str, what: &str) -> Failure {
    let line: String = line.trim().chars().take(80).collect();
    let found = format!("expected names of packages in {}, found {what}: {}", path.display(), Safe::new(&line));
    Failure::new(Code::RequirementsFailed, found)
        .hint("name a package that an index has as a wheel; nothing is built here")
}

/// The further file that a line names, if any; what is wrong with it otherwise.
fn read(line: &str) -> Result<Option<PathBuf>, &'static str> {
    let line = line.split_once(" #").map_or(line, |(before, _)| before).trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.starts_with('-') {
        return option(line);
    }
    // What may follow a name: extras, a comparison, a marker, options of this line.
    let name = line.split(|c: char| c.is_whitespace() || "[<>=!~;(".contains(c)).next().unwrap_or_default();
    let rest = line.strip_prefix(name).unwrap_or_default().trim_start();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !plain || !starts || ARCHIVES.iter().any(|end| name.to_ascii_lowercase().ends_with(end)) {
        return Err("a file, a folder or an address");
    }
    let after_extras = rest.strip_prefix('[').map_or(Some(rest), |extras| Some(extras.split_once(']')?.1));
    match after_extras.map(str::trim_start) {
        Some(after) if !after.starts_with('@') => Ok(None),
        _ => Err("a package with an address of its own"),
    }
}

fn option(line: &str) -> Result<Option<PathBuf>, &'static str> {
    // Tools take any beginning of the long name that is no other's.
    if line.starts_with("-e") || line.starts_with("--e") && !line.starts_with("--extra") {
        return Err("a package that is built where it lies");
    }
    for name in ["--requirement", "--constraint", "-r", "-c"] {
        if let Some(file) = line.strip_prefix(name) {
            let file = file.trim_start_matches([' ', '\t', '=']).trim();
            return if file.contains("://") { Err("a file elsewhere") } else { Ok(Some(PathBuf::from(file))) };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_everything_that_could_be_executed_is_refused() {
        for good in [
            "",
            "# a comment",
            "numpy",
            "numpy>=1.2,<3 ; python_version > '3.9'",
            "scikit-learn[extra, more] == 1.0",
            "alpha ~= 1.0  # why",
            "alpha==1.0 --hash=sha256:00",
            "--index-url https://index.example/simple",
            "zope.interface",
        ] {
            assert_eq!(read(good), Ok(None), "{good}");
        }
        for bad in [
            "./pkg",
            "pkg/",
            "../pkg",
            "/srv/pkg",
            "~/pkg",
            "pkg\\sub",
            "file:pkg",
            "alpha-1.0.tar.gz",
            "alpha.ZIP",
            "alpha-1.0-py3-none-any.whl",
            "git+https://host.example/x",
            "https://host.example/x.whl",
            "alpha @ https://host.example/x",
            "alpha[extra]@ file:///srv/x",
            "alpha[extra",
            "-e .",
            "-e.",
            "--editable=.",
            "--editable pkg",
            "-r https://host.example/more.txt",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read("-r more.txt"), Ok(Some(PathBuf::from("more.txt"))));
        assert_eq!(read("--constraint=c.txt"), Ok(Some(PathBuf::from("c.txt"))));
    }
}
