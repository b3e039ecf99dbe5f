//! What every suite needs: the header, the library, and compilers of C and C++.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::OnceLock;

pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn header() -> String {
    fs::read_to_string(here().join("include/prism.h")).unwrap()
}

/// The shared library that was built for these tests.
pub(crate) fn library() -> PathBuf {
    env::current_exe().unwrap().with_file_name("libprism.so")
}

/// The version of the header's contract.
pub(crate) fn abi() -> u32 {
    let text = header();
    let number = text.lines().find_map(|line| line.strip_prefix("#define PRISM_ABI "));
    number.unwrap().parse().unwrap()
}

/// A folder in which programs find the shared library under the name that they ask for when they start.
pub(crate) fn run_path() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let profile = library().ancestors().nth(2).unwrap().file_name().unwrap().to_owned();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("named").join(profile);
        fs::create_dir_all(&folder).unwrap();
        // Renamed into its place: another run of these tests may be at the same point.
        let fresh = folder.join(process::id().to_string());
        symlink(library(), &fresh).unwrap();
        fs::rename(&fresh, folder.join(format!("libprism.so.{}", abi()))).unwrap();
        folder
    })
}

/// Every function that the header declares.
pub(crate) fn functions() -> BTreeSet<String> {
    let text = header();
    let code = text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect::<String>();
    let words = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '('));
    let called = words.filter_map(|word| word.split_once('(').map(|(name, _)| name));
    let functions: BTreeSet<String> = called.filter(|name| name.starts_with("prism_")).map(str::to_owned).collect();
    assert!(functions.len() > 40, "{functions:?}");
    functions
}

/// `cc` or `c++` with the header and every warning an error.
pub(crate) fn compiler(plus: bool, standard: &str) -> Command {
    let (variable, usual) = if plus { ("CXX", "c++") } else { ("CC", "cc") };
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| usual.into()));
    command.arg(format!("-std={standard}")).args(["-Wall", "-Wextra", "-Werror", "-I"]).arg(here().join("include"));
    command
}

/// Compiles a C program against the shared library.
pub(crate) fn build(source: &Path, program: &Path, more: &[&str]) -> Output {
    let mut command = compiler(false, "c99");
    command.args(more).arg(source).arg("-o").arg(program).arg(library());
    command.arg(format!("-Wl,-rpath,{}", run_path().display()));
    command.output().unwrap()
}

/// Runs to success and gives back what was printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}
