//! Wheels for the tests, as any tool would make them, and as none should. Written by the interpreter's own zipfile.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use prism_agent::runner::LOCK_NAME;
use prism_core::digest::Digest;
use serde_json::json;

use crate::world::interpreter;

/// Writes the entries that stand on its input as JSON: name, content, Unix mode.
const WRITE: &str = r"
import base64, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as archive:
    for name, content, mode in json.load(sys.stdin):
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, base64.b64decode(content), zipfile.ZIP_DEFLATED)
";

/// The name of the wheel's package.
pub(crate) const NAME: &str = "prism_probe";

/// A wheel in the making.
#[derive(Clone)]
pub(crate) struct Wheel {
    pub(crate) file: String,
    pub(crate) info: String,
    entries: Vec<(String, Vec<u8>, u32)>,
    /// Lines of RECORD instead of the right ones.
    record: Option<String>,
}

impl Wheel {
    /// `prism_probe` 1.0, for everyone: a module with a value.
    pub(crate) fn probe() -> Self {
        Self::new(NAME, "py3-none-any").with("prism_probe.py", "VALUE = 42\n")
    }

    /// Version 1.0 of a package, without content.
    pub(crate) fn new(name: &str, tags: &str) -> Self {
        let info = format!("{name}-1.0.dist-info");
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
        let about = format!("Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tags}\n");
        let empty = Self { file: format!("{name}-1.0-{tags}.whl"), info, entries: Vec::new(), record: None };
        let (first, second) = (format!("{}/METADATA", empty.info), format!("{}/WHEEL", empty.info));
        empty.with(&first, &metadata).with(&second, &about)
    }

    /// One file more.
    pub(crate) fn with(self, name: &str, content: &str) -> Self {
        self.with_mode(name, content, 0o100_644)
    }

    pub(crate) fn with_mode(mut self, name: &str, content: &str, mode: u32) -> Self {
        self.entries.push((name.to_owned(), content.as_bytes().to_vec(), mode));
        self
    }

    /// Other content of a file that is there.
    pub(crate) fn replacing(mut self, name: &str, content: &str) -> Self {
        self.entries.iter_mut().filter(|(entry, ..)| entry == name).for_each(|entry| entry.1 = content.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.entries.retain(|(entry, ..)| entry != name);
        self
    }

    /// RECORD as it should be, changed.
    pub(crate) fn recording(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.record = Some(change(self.right_record()));
        self
    }

    fn right_record(&self) -> String {
        let line = |(name, content, _): &(String, Vec<u8>, u32)| {
            let hash = URL_SAFE_NO_PAD.encode(Digest::sha256(content).as_bytes());
            format!("{name},sha256={hash},{}\n", content.len())
        };
        self.entries.iter().map(line).collect::<String>() + &format!("{}/RECORD,,\n", self.info)
    }

    /// Writes it into a folder; returns its SHA-256 in hex.
    pub(crate) fn write(&self, folder: &Path) -> String {
        fs::create_dir_all(folder).unwrap();
        let record = self.record.clone().unwrap_or_else(|| self.right_record());
        let record = (!record.is_empty()).then(|| (format!("{}/RECORD", self.info), record.into_bytes(), 0o100_644));
        let entries: Vec<_> = self.entries.iter().cloned().chain(record).collect();
        let entries: Vec<_> =
            entries.iter().map(|(name, content, mode)| json!([name, STANDARD.encode(content), mode])).collect();
        let path = folder.join(&self.file);
        let mut command = Command::new(interpreter().executable);
        let mut child =
            command.args(["-I", "-W", "ignore", "-c", WRITE]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(json!(entries).to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Digest::sha256(&fs::read(path).unwrap()).to_hex()
    }
}

/// A lock that pins version 1.0 of these packages.
pub(crate) fn write_lock(folder: &Path, pinned: &[(&str, &str)]) {
    let line = |(name, hash): &(&str, &str)| format!("{name}==1.0 \\\n    --hash=sha256:{hash}\n");
    fs::write(folder.join(LOCK_NAME), pinned.iter().map(line).collect::<String>()).unwrap();
}

/// A folder with these wheels and a lock of them.
pub(crate) fn wheelhouse(folder: &Path, wheels: &[Wheel]) {
    let hashes: Vec<String> = wheels.iter().map(|wheel| wheel.write(folder)).collect();
    let names = wheels.iter().map(|wheel| wheel.file.split('-').next().unwrap());
    write_lock(folder, &names.zip(hashes.iter().map(String::as_str)).collect::<Vec<_>>());
}
