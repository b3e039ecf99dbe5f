//! A host and a module in the sandbox's own test world.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use prism_agent::runner::{RunSpec, Runtime, WasmHost};

use crate::program::Program;
use crate::situation;
use crate::world::{World, block_on};

/// Where the host lies for every user.
const VARIABLE: &str = "PRISM_TEST_WASM_HOST";

/// A program in Rust, beside the host.
const RUST_PROGRAM: &str = "day.wasm";

/// The host as cargo built it.
pub(crate) const BUILT: &str = env!("CARGO_BIN_EXE_prism-wasm");

/// Runs this program in every situation, with the host where an ordinary user reaches it, too.
pub(crate) fn run_each() -> ExitCode {
    if is_laid_out() {
        return situation::run_each();
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let host = folder.path().join("prism-wasm");
    fs::copy(BUILT, &host).unwrap();
    fs::set_permissions(&host, fs::Permissions::from_mode(0o755)).unwrap();
    compile(&folder.path().join(RUST_PROGRAM));
    let mut again = Command::new(std::env::current_exe().unwrap());
    let ended = again.args(std::env::args().skip(1)).env(VARIABLE, host).status().unwrap();
    ExitCode::from(u8::from(!ended.success()))
}

/// Compiles the program in Rust, where its target is installed.
fn compile(target: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasm/day.rs");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--target", "wasm32-wasip1", "-C", "opt-level=s", "-C", "strip=debuginfo", "-o"]);
    let compiled = rustc.arg(target).arg(source).stderr(Stdio::null()).status();
    if compiled.is_ok_and(|status| status.success()) {
        fs::set_permissions(target, fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// The module of the program in Rust, if it could be compiled.
pub(crate) fn rust_program() -> Option<Vec<u8>> {
    fs::read(host().executable.with_file_name(RUST_PROGRAM)).ok()
}

/// Whether the host lies there already: this program was started by itself.
pub(crate) fn is_laid_out() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The host, found as an agent finds it.
pub(crate) fn host() -> WasmHost {
    static FOUND: OnceLock<WasmHost> = OnceLock::new();
    let path = || PathBuf::from(std::env::var_os(VARIABLE).unwrap());
    FOUND.get_or_init(|| block_on(WasmHost::find(Some(&path()))).unwrap()).clone()
}

/// A world whose algorithm is this module.
pub(crate) fn world(program: &Program) -> World {
    world_of(&program.module())
}

/// A world whose algorithm is a file of these bytes.
pub(crate) fn world_of(module: &[u8]) -> World {
    let mut world = World::python("");
    let file = world.dir.path().join("program.wasm");
    write(&file, module);
    let limits = world.spec.limits;
    world.spec = RunSpec::new(world.dir.path().join("run"), file, Runtime::Wasm(host()));
    world.spec.limits = limits;
    world
}

/// As an asset arrives.
pub(crate) fn write(file: &Path, module: &[u8]) {
    fs::write(file, module).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
