//! One line of `sha256sum`: `[\]<64 hex digits> <space or *><name>`, and how it escapes names.

use std::borrow::Cow;
use std::io::{self, Write};

use prism_core::digest::{Digest, DigestAlgorithm};

use super::error::LineFault;

/// The characters that are escaped and what stands for them behind a backslash.
const ESCAPES: [(char, char); 3] = [('\\', '\\'), ('\n', 'n'), ('\r', 'r')];

pub(super) fn write(writer: &mut dyn Write, name: &str, digest: &Digest) -> io::Result<()> {
    let escaped = escape(name);
    let mark = if escaped == name { "" } else { "\\" };
    writeln!(writer, "{mark}{}  {escaped}", digest.to_hex())
}

/// Reads a line with its end.
pub(super) fn read(line: &[u8]) -> Result<(String, Digest), LineFault> {
    let line = line.strip_suffix(b"\n").ok_or(LineFault::End)?;
    let line = std::str::from_utf8(line).map_err(|_| LineFault::NotText)?;
    let (line, is_escaped) = line.strip_prefix('\\').map_or((line, false), |line| (line, true));
    let (digest, name) = line.split_once(' ').ok_or(LineFault::Form)?;
    let digest: Digest = format!("{}:{digest}", DigestAlgorithm::Sha256).parse().map_err(|_| LineFault::Form)?;
    let name = name.strip_prefix([' ', '*']).ok_or(LineFault::Form)?;
    if name.contains('\r') {
        return Err(LineFault::End);
    }
    let name = if is_escaped { unescape(name).ok_or(LineFault::Escape)? } else { name.to_owned() };
    // As `find . -exec sha256sum {} +` names them.
    let name = name.strip_prefix("./").map(str::to_owned).unwrap_or(name);
    if name.is_empty() { Err(LineFault::Form) } else { Ok((name, digest)) }
}

fn escape(name: &str) -> Cow<'_, str> {
    if !name.contains(ESCAPES.map(|(c, _)| c)) {
        return name.into();
    }
    let mut escaped = String::with_capacity(name.len() + 1);
    for c in name.chars() {
        let escape = ESCAPES.iter().find(|(from, _)| *from == c);
        escaped.extend(escape.map(|_| '\\'));
        escaped.push(escape.map_or(c, |(_, to)| *to));
    }
    escaped.into()
}

fn unescape(text: &str) -> Option<String> {
    let (mut name, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = rest.next() {
        name.push(if c == '\\' {
            let behind = rest.next()?;
            ESCAPES.iter().find(|(_, to)| *to == behind)?.0
        } else {
            c
        });
    }
    Some(name)
}
