//! One wheel: what it says of itself, where each file goes, and every byte compared with `RECORD`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prism_core::archive::{Archive, Limits, SafePath, Sink, UnpackError};
use prism_core::digest::{Digest, Hasher};
use prism_core::requirements::{
    FileHash, Record, RecordHash, RecordHasher, Target, WheelName, entry_points, record_text,
};

use super::super::fault::WheelFault;
use super::scripts;
use super::tree::{Tree, disk};

/// Most files and directories of one wheel, and most bytes of all their paths.
const ENTRIES_MAX: u64 = 500_000;
const PATHS_MAX: u64 = 64 << 20;

/// Longest `RECORD`, and longest other file of metadata that is read.
const RECORD_MAX: u64 = 64 << 20;
const METADATA_MAX: u64 = 1 << 20;

/// Longest script that is given the interpreter's place.
const SCRIPT_MAX: u64 = 16 << 20;

/// How much of a tag that does not fit is repeated, in characters.
const TAG_SHOWN: usize = 100;

/// The end of the directory with files for other places.
const DATA: &str = ".data";

/// What `INSTALLER` says (PEP 376).
const INSTALLER: &[u8] = b"prism\n";

/// Installs the wheel at `path`, whose name is `file`.
pub(super) fn install(path: &Path, file: &str, tree: &mut Tree<'_>) -> Result<(), WheelFault> {
    let name = WheelName::read(file).map_err(|error| WheelFault::Archive { reason: error.to_string() })?;
    let reader = BufReader::new(File::open(path).map_err(disk(file))?);
    let limits = Limits {
        total_bytes: tree.left(),
        entry_bytes: tree.left(),
        entries: ENTRIES_MAX,
        path_bytes: PATHS_MAX,
        // What it unpacks to is bounded in bytes, and its digest was agreed on.
        ratio: u64::MAX,
    };
    let mut archive = Archive::open(reader, &limits).map_err(|error| fault(tree, error))?;
    tree.begin(archive.contents().bytes)?;
    let contents = Contents::read(&mut archive, &name, tree)?;
    let own = contents.own_directory.clone();
    let programs = programs(&mut archive, &own)?;
    let mut sink = Installing { tree, contents, done: Vec::new() };
    archive.unpack(&mut sink).map_err(|error| fault(sink.tree, error))?;
    let mut done = sink.done;
    give_interpreter(tree, &mut done)?;
    for program in programs {
        let (path, content) = (format!("bin/{}", program.name), scripts::entry_point(&program));
        tree.write(&path, true, content.as_bytes())?;
        done.push(Installed { path, hash: *Digest::sha256(content.as_bytes()).as_bytes(), size: content.len() as u64 });
    }
    finish(tree, &own, done)
}

/// The wheel's programs; the agent's lock says nothing of them, the wheel does.
fn programs<R: Read + Seek>(archive: &mut Archive<R>, own: &str) -> Result<Vec<entry_points::EntryPoint>, WheelFault> {
    let path = format!("{own}/entry_points.txt");
    let Some(text) = text(archive, &path, METADATA_MAX)? else { return Ok(Vec::new()) };
    let programs = entry_points::read(&text);
    programs.map_err(|error| WheelFault::Metadata { file: path, reason: error.to_string() })
}

/// A file of the wheel that was installed.
struct Installed {
    /// Below the environment.
    path: String,
    hash: FileHash,
    size: u64,
}

/// Where a file of the wheel goes, and what it has to be.
struct Expected {
    /// Below the environment; `None` when it is looked at and not installed.
    to: Option<String>,
    executable: bool,
    /// `None` of `RECORD` and its signatures.
    hash: Option<RecordHash>,
    size: u64,
}

/// Everything that a wheel contains, compared with its `RECORD` as far as names go.
struct Contents {
    /// The `.dist-info` directory.
    own_directory: String,
    files: HashMap<String, Expected>,
}

impl Contents {
    fn read<R: Read + Seek>(archive: &mut Archive<R>, name: &WheelName, tree: &Tree<'_>) -> Result<Self, WheelFault> {
        let own_directory = own_directory(archive, name)?;
        check_description(archive, &own_directory, tree.target())?;
        let mut files = HashMap::new();
        for file in archive.files() {
            let to = destination(file.path, name, &own_directory, tree)?;
            let executable = file.is_executable || to.as_deref().is_some_and(|to| to.starts_with("bin/"));
            files.insert(file.path.to_string(), Expected { to, executable, hash: None, size: file.size });
        }
        let mut contents = Self { own_directory, files };
        contents.compare(archive)?;
        Ok(contents)
    }

    /// Takes the hashes from `RECORD`, which lists every file and no other.
    fn compare<R: Read + Seek>(&mut self, archive: &mut Archive<R>) -> Result<(), WheelFault> {
        let path = format!("{}/RECORD", self.own_directory);
        let malformed = |reason: String| WheelFault::Metadata { file: path.clone(), reason };
        let text = text(archive, &path, RECORD_MAX)?.ok_or_else(|| malformed("it is missing".to_owned()))?;
        let record = Record::read(&text).map_err(|error| malformed(error.to_string()))?;
        // What lists the hashes, and what signs the list, cannot be in it.
        let exempt = [path.clone(), format!("{path}.jws"), format!("{path}.p7s")];
        let mut listed = std::collections::HashSet::new();
        for line in record.into_lines() {
            let file = line.path.to_string();
            let expected = self.files.get_mut(&file).ok_or_else(|| WheelFault::Missing { path: file.clone() })?;
            if !listed.insert(file.clone()) {
                return Err(WheelFault::Twice { path: file });
            }
            if line.size.is_some_and(|size| size != expected.size) {
                return Err(WheelFault::Content { path: file });
            }
            expected.hash = line.hash;
        }
        for (file, expected) in self.files.iter().filter(|(file, _)| !exempt.contains(file)) {
            if !listed.contains(file) {
                return Err(WheelFault::Unlisted { path: file.clone() });
            }
            if expected.hash.is_none() {
                return Err(WheelFault::NoHash { path: file.clone() });
            }
        }
        Ok(())
    }
}

/// The one directory with what the wheel says of itself.
fn own_directory<R: Read + Seek>(archive: &Archive<R>, name: &WheelName) -> Result<String, WheelFault> {
    let tops = archive.files().filter_map(|file| file.path.as_str().split_once('/').map(|(top, _)| top));
    let mut found: Vec<&str> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [own] if name.is_own_directory(own, ".dist-info") => Ok((*own).to_owned()),
        other => Err(WheelFault::DistInfo { found: other.len() }),
    }
}

/// `WHEEL` has to be of version 1: a later one may mean something else by the same files. And it has to say that the wheel
/// is for this interpreter: the file's name does, but nobody agreed on names.
fn check_description<R: Read + Seek>(archive: &mut Archive<R>, own: &str, target: &Target) -> Result<(), WheelFault> {
    let path = format!("{own}/WHEEL");
    let said = text(archive, &path, METADATA_MAX)?.unwrap_or_default();
    let values = |field: &'static str| said.lines().filter_map(move |line| line.strip_prefix(field)).map(str::trim);
    if values("Wheel-Version:").next().is_none_or(|version| version.split('.').next() != Some("1")) {
        return Err(WheelFault::Metadata { file: path, reason: "expected Wheel-Version 1".to_owned() });
    }
    if !WheelName::says_it_fits(values("Tag:"), target) {
        return Err(WheelFault::Tags {
            found: values("Tag:").next().unwrap_or_default().chars().take(TAG_SHOWN).collect(),
        });
    }
    Ok(())
}

fn destination(path: &SafePath, name: &WheelName, own: &str, tree: &Tree<'_>) -> Result<Option<String>, WheelFault> {
    let (text, packages) = (path.as_str(), tree.packages_prefix());
    let (top, rest) = text.split_once('/').unwrap_or((text, ""));
    if top == own
        && matches!(rest, "RECORD" | "RECORD.jws" | "RECORD.p7s" | "INSTALLER" | "REQUESTED" | "direct_url.json")
    {
        return Ok(None);
    }
    if !top.ends_with(DATA) || rest.is_empty() {
        return Ok(Some(format!("{packages}/{text}")));
    }
    let unknown = || WheelFault::Scheme { path: text.to_owned() };
    let (scheme, below) = rest.split_once('/').filter(|_| name.is_own_directory(top, DATA)).ok_or_else(unknown)?;
    match scheme {
        "purelib" | "platlib" => Ok(Some(format!("{packages}/{below}"))),
        "scripts" => Ok(Some(format!("bin/{below}"))),
        "data" => Ok(Some(below.to_owned())),
        // Of no use where nothing is ever built.
        "headers" => Ok(None),
        _ => Err(unknown()),
    }
}

fn text<R: Read + Seek>(archive: &mut Archive<R>, path: &str, most: u64) -> Result<Option<String>, WheelFault> {
    let malformed = |reason: String| WheelFault::Metadata { file: path.to_owned(), reason };
    let bytes = archive.read(path, most).map_err(|error| malformed(error.to_string()))?;
    bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| malformed("expected UTF-8".to_owned()))).transpose()
}

fn fault(tree: &Tree<'_>, error: UnpackError) -> WheelFault {
    match error {
        UnpackError::Write { path, source } => match source.downcast() {
            Ok(fault) => fault,
            Err(source) => disk(&path)(source),
        },
        UnpackError::TooLarge { bound: prism_core::archive::Bound::TotalBytes, .. } => tree.too_large(),
        other => WheelFault::Archive { reason: other.to_string() },
    }
}

/// Writes the files of a wheel where they belong.
struct Installing<'t, 'a> {
    tree: &'t mut Tree<'a>,
    contents: Contents,
    done: Vec<Installed>,
}

impl Sink for Installing<'_, '_> {
    fn directory(&mut self, _: &SafePath) -> io::Result<()> {
        // Made when a file needs it.
        Ok(())
    }

    fn file(&mut self, path: &SafePath, size: u64) -> io::Result<Box<dyn Write + '_>> {
        let expected = self.contents.files.remove(path.as_str());
        let expected = expected.ok_or_else(|| io::Error::other(WheelFault::Unlisted { path: path.to_string() }))?;
        let file = match &expected.to {
            Some(to) => Some(self.tree.create(to, expected.executable).map_err(io::Error::other)?),
            None => None,
        };
        let file = file.map(BufWriter::new);
        Ok(Box::new(Piece {
            path: path.to_string(),
            size,
            file,
            hasher: Some(Hasher::sha256()),
            compared: expected.hash.filter(|hash| !matches!(hash, RecordHash::Sha256(_))).map(RecordHash::hasher),
            expected,
            done: &mut self.done,
        }))
    }
}

/// A file in the making; its last act is the comparison.
struct Piece<'s> {
    path: String,
    size: u64,
    file: Option<BufWriter<File>>,
    expected: Expected,
    /// For the environment's own `RECORD`.
    hasher: Option<Hasher>,
    /// For the wheel's, if that has a longer digest.
    compared: Option<RecordHasher>,
    done: &'s mut Vec<Installed>,
}

impl Write for Piece<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes)?,
            None => bytes.len(),
        };
        let written_bytes = bytes.get(..written).unwrap_or(bytes);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(written_bytes);
        }
        if let Some(compared) = &mut self.compared {
            compared.update(written_bytes);
        }
        Ok(written)
    }

    /// Called once, after the last byte.
    fn flush(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let hash = *hasher.finish().as_bytes();
        let same = match (self.expected.hash, self.compared.take()) {
            (Some(RecordHash::Sha256(expected)), _) => expected == hash,
            (_, compared) => compared.is_none_or(RecordHasher::matches),
        };
        if !same {
            return Err(io::Error::other(WheelFault::Content { path: self.path.clone() }));
        }
        if let (Some(file), Some(path)) = (&mut self.file, self.expected.to.take()) {
            file.flush()?;
            self.done.push(Installed { path, hash, size: self.size });
        }
        Ok(())
    }
}

/// Gives the wheel's own scripts the interpreter that they ask for.
fn give_interpreter(tree: &Tree<'_>, done: &mut [Installed]) -> Result<(), WheelFault> {
    for script in done.iter_mut().filter(|file| file.path.starts_with("bin/") && file.size <= SCRIPT_MAX) {
        let file = tree.reopen(&script.path)?;
        let mut content = Vec::new();
        (&file).take(64).read_to_end(&mut content).map_err(disk(&script.path))?;
        if !scripts::asks_for_interpreter(&content) {
            continue;
        }
        file.take(SCRIPT_MAX).read_to_end(&mut content).map_err(disk(&script.path))?;
        let content = scripts::with_interpreter(&content, script.path.split('/').count());
        let mut file = tree.reopen(&script.path)?;
        let written =
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(&content));
        written.map_err(disk(&script.path))?;
        (script.hash, script.size) = (*Digest::sha256(&content).as_bytes(), content.len() as u64);
    }
    Ok(())
}

/// Writes what every installed package has: who installed it, and what belongs to it.
fn finish(tree: &mut Tree<'_>, own: &str, mut done: Vec<Installed>) -> Result<(), WheelFault> {
    let own = format!("{}/{own}", tree.packages_prefix());
    let installer = format!("{own}/INSTALLER");
    tree.write(&installer, false, INSTALLER)?;
    let hash = *Digest::sha256(INSTALLER).as_bytes();
    done.push(Installed { path: installer, hash, size: INSTALLER.len() as u64 });
    done.sort_by(|a, b| a.path.cmp(&b.path));
    let record = format!("{own}/RECORD");
    let mut lines: Vec<(String, Option<(FileHash, u64)>)> =
        done.iter().map(|file| (tree.seen_from_packages(&file.path), Some((file.hash, file.size)))).collect();
    lines.push((tree.seen_from_packages(&record), None));
    let text = record_text(lines.iter().map(|(path, content)| (path.as_str(), *content)));
    tree.write(&record, false, text.as_bytes())
}
