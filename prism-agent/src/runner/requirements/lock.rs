//! The lock file: `name==version --hash=sha256:…` for every package, and nothing else.
//!
//! pip's own `--require-hashes` checks the wheels; this reading refuses, before any process starts, the many things
//! that a requirements file may hold besides: options, indexes, paths, URLs, editable installs, unpinned names.

/// Why a text is not a hash-pinned lock file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A line is not `name==version` with hashes.
    #[error(
        "expected \"name==version --hash=sha256:…\" in line {line}, found something else; make the lock with `uv pip compile --generate-hashes`"
    )]
    NotPinned {
        /// Line number, from 1.
        line: usize,
    },
    /// A package has no hash.
    #[error(
        "expected a hash for every package, found none in line {line}; make the lock with `uv pip compile --generate-hashes`"
    )]
    NoHash {
        /// Line number, from 1.
        line: usize,
    },
    /// Characters that another reader could take for the end of a line, or an encoding that changes what they are.
    #[error(
        "expected plain ASCII lines that end with a line feed and no encoding comment, found others in line {line}; save the lock as plain text"
    )]
    NotPlain {
        /// Line number, from 1.
        line: usize,
    },
    /// A package is listed twice.
    #[error("expected every package once, found it again in line {line}; remove one")]
    Duplicate {
        /// Line number, from 1.
        line: usize,
    },
}

/// Checks that every requirement is pinned to one version and at least one hash, and returns how many there are.
///
/// # Errors
/// [`LockError`] with the number of the first line that is not.
pub fn check_lock(text: &str) -> Result<usize, LockError> {
    check_plain(text)?;
    let mut names = std::collections::BTreeSet::new();
    for (line, requirement) in logical_lines(text) {
        let name = check_requirement(&requirement, line)?;
        if !names.insert(name) {
            return Err(LockError::Duplicate { line });
        }
    }
    Ok(names.len())
}

/// pip ends lines at more characters than this reader and obeys `coding` comments: neither may be there, so that both
/// read the same lines.
fn check_plain(text: &str) -> Result<(), LockError> {
    for (index, line) in text.split('\n').enumerate() {
        let plain = line.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic());
        let encoding = line.contains("coding:") || line.contains("coding=");
        if !plain || encoding {
            return Err(LockError::NotPlain { line: index + 1 });
        }
    }
    Ok(())
}

/// Lines with continuations joined and comments removed, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let (mut number, mut logical) = open.take().unwrap_or((index + 1, String::new()));
        if logical.is_empty() {
            number = index + 1;
        }
        let comment = raw.trim_start().starts_with('#');
        let plain = if comment { "" } else { raw.split_once(" #").map_or(raw, |(before, _)| before) };
        let continued = plain.trim_end().strip_suffix('\\');
        logical.push_str(continued.unwrap_or(plain));
        // pip joins a comment line into an open continuation and so ends it.
        if continued.is_some() {
            open = Some((number, logical));
        } else if !logical.trim().is_empty() {
            lines.push((number, logical));
        }
    }
    lines.extend(open.filter(|(_, logical)| !logical.trim().is_empty()));
    lines
}

fn check_requirement(requirement: &str, line: usize) -> Result<String, LockError> {
    let not_pinned = LockError::NotPinned { line };
    let (head, hashes) = match requirement.find("--") {
        Some(at) => requirement.split_at(at),
        None => (requirement, ""),
    };
    let (pinned, marker) = head.split_once(';').unwrap_or((head, ""));
    let (name, version) = pinned.split_once("==").ok_or(not_pinned.clone())?;
    let (base, extras) = name.trim().split_once('[').unwrap_or((name.trim(), "]"));
    let extras = extras.strip_suffix(']').ok_or(not_pinned.clone())?;
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let version_ok =
        !version.trim().is_empty() && version.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b"._+!".contains(&b));
    let extras_ok = extras.is_empty() || extras.split(',').all(|extra| word(extra.trim()));
    let marker_ok = marker.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._'\"<>=!()+-".contains(&b));
    if !word(base) || base.starts_with('-') || !version_ok || !extras_ok || !marker_ok {
        return Err(not_pinned);
    }
    if hashes.trim().is_empty() {
        return Err(LockError::NoHash { line });
    }
    if !hashes.split_whitespace().all(is_hash) {
        return Err(not_pinned);
    }
    Ok(base.to_ascii_lowercase().replace(['_', '.'], "-"))
}

fn is_hash(word: &str) -> bool {
    let Some((algorithm, value)) = word.strip_prefix("--hash=").and_then(|hash| hash.split_once(':')) else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    value.len() == length && value.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> String {
        format!("--hash=sha256:{}", "ab".repeat(32))
    }

    #[test]
    fn what_uv_and_pip_compile_write_is_accepted() {
        let text = format!(
            "# made by a tool\nnumpy==2.4.6 \\\n    {h} \\\n    {h}\n    # via -r requirements.in\n\
             scikit-learn==1.9.1 ; python_version >= \"3.11\" \\\n    {h}\nuvicorn[standard]==0.30.0 {h}  # note\n",
            h = hash()
        );
        assert_eq!(check_lock(&text), Ok(3));
        assert_eq!(check_lock("# nothing\n\n"), Ok(0));
    }

    #[test]
    fn a_package_without_a_hash_is_refused_with_its_line() {
        let text = format!("numpy==2.4.6 {}\n\npillow==13.0\n", hash());
        assert_eq!(check_lock(&text), Err(LockError::NoHash { line: 3 }));
    }

    #[test]
    fn what_is_not_a_pinned_package_is_refused() {
        let h = hash();
        for line in [
            format!("numpy>=2 {h}"),
            format!("numpy {h}"),
            format!("numpy==2.* {h}"),
            format!("numpy=== {h}"),
            format!("https://example.org/numpy.whl {h}"),
            format!("numpy @ https://example.org/numpy.whl {h}"),
            format!("./numpy.whl {h}"),
            format!("-e . {h}"),
            "--index-url https://example.org".to_owned(),
            "--extra-index-url=https://example.org".to_owned(),
            "-r other.txt".to_owned(),
            format!("numpy==2.4.6 {h} --global-option=x"),
            format!("numpy==2.4.6 {h} --config-settings x=y"),
            "numpy==2.4.6 --hash=md5:00112233445566778899aabbccddeeff".to_owned(),
            "numpy==2.4.6 --hash=sha256:00".to_owned(),
            format!("numpy==2.4.6 ; `id` {h}"),
        ] {
            assert_eq!(check_lock(&line), Err(LockError::NotPinned { line: 1 }), "{line}");
        }
    }

    #[test]
    fn lines_that_pip_would_read_otherwise_are_refused() {
        let package = format!("numpy==2.4.6 {}\n", hash());
        for hidden in ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u{85}", "\u{2028}", "\u{2029}"] {
            let text = format!("{package}# note{hidden}--no-binary :all:\n");
            assert_eq!(check_lock(&text), Err(LockError::NotPlain { line: 2 }), "{hidden:?}");
        }
        for encoding in ["# -*- coding: utf-7 -*-", "# coding=utf-7"] {
            let text = format!("{encoding}\n# +AAo---no-binary :all:\n{package}");
            assert_eq!(check_lock(&text), Err(LockError::NotPlain { line: 1 }), "{encoding}");
        }
    }

    #[test]
    fn one_package_under_two_spellings_is_refused() {
        let text = format!("scikit-learn==1 {h}\nScikit_Learn==2 {h}\n", h = hash());
        assert_eq!(check_lock(&text), Err(LockError::Duplicate { line: 2 }));
    }
}
