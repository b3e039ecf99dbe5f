//! The library as other people's builds get it: installed, moved to another place, and found there.

mod cmake;
mod refusals;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

use crate::common::{abi, compiler, functions, here, library, run};

/// A program that is served by the library and says so.
const PROGRAM: &str = r#"#include <prism.h>
#include <stdio.h>

int main(void) {
    prism_error *err = NULL;
    prism_manifest *terms = NULL;
    if (prism_abi() != PRISM_ABI || !prism_manifest_read("/nowhere/at all", &terms, &err)) return 1;
    printf("%s %s\n", prism_version(), prism_error_code(err));
    prism_error_free(err);
    return 0;
}
"#;

fn served() -> String {
    format!("{} file.missing\n", env!("CARGO_PKG_VERSION"))
}

fn new_folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The folder with both libraries as cargo made them.
fn built() -> PathBuf {
    library().parent().unwrap().to_path_buf()
}

fn installer(from: &Path, prefix: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg(here().join("install.sh")).arg("--from").arg(from).arg("--prefix").arg(prefix);
    command
}

/// Whether a tool is here; a test says aloud that it does without.
fn have(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every file and link below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![folder.to_path_buf()];
    while let Some(place) = ahead.pop() {
        for entry in fs::read_dir(place).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                ahead.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// Prism installed, and the prefix then moved away from where it was installed to.
struct Installed {
    place: TempDir,
}

impl Installed {
    fn new() -> Self {
        let place = new_folder();
        let first = place.path().join("first");
        let output = installer(&built(), &first).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(!said(&output).contains("as cargo made it"), "{}", said(&output));
        fs::write(place.path().join("program.c"), PROGRAM).unwrap();
        fs::write(place.path().join("program.cpp"), PROGRAM).unwrap();
        fs::rename(first, place.path().join("moved")).unwrap();
        Self { place }
    }

    fn prefix(&self) -> PathBuf {
        self.place.path().join("moved")
    }

    /// A line of a shell, in the folder of `program.c`, with everything exported that a person would export.
    fn shell(&self, line: &str) -> String {
        let prefix = self.prefix();
        let mut command = Command::new("sh");
        command.args(["-ec", line]).current_dir(self.place.path());
        command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).env("LD_LIBRARY_PATH", prefix.join("lib"));
        run(&mut command)
    }
}

/// One installation for the tests that run at the same time; it goes with the last of them.
fn installed() -> Arc<Installed> {
    static SHARED: Mutex<Weak<Installed>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let fresh = Arc::new(Installed::new());
        *shared = Arc::downgrade(&fresh);
        fresh
    })
}

/// Stands in for cargo: writes down how it was called, and puts the libraries where cargo would.
fn stand_in_for_cargo(folder: &Path) -> PathBuf {
    let (program, record) = (folder.join("cargo"), folder.join("called"));
    let text = format!(
        r#"#!/bin/sh
printf '%s\n' "$PWD" "$@" >{record}
into=$CARGO_TARGET_DIR profile=release
while [ $# -gt 0 ]; do
  case $1 in --target-dir) into=$2 ;; --profile) profile=$2 ;; esac
  shift
done
mkdir -p "$into/$profile"
ln -sf {built}/libprism.so {built}/libprism.a "$into/$profile/"
"#,
        record = record.display(),
        built = built().display(),
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// What the stand-in was called with, after the folder that it was called in.
fn called(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("called")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn everything_is_installed_under_its_usual_name_and_nothing_else() {
    let here_now = installed();
    let (prefix, abi) = (here_now.prefix(), abi());
    let headers = fs::read_dir(here().join("include")).unwrap();
    let headers = headers.map(|entry| format!("include/{}", entry.unwrap().file_name().to_str().unwrap()));
    let mut wanted: BTreeSet<String> = headers.collect();
    wanted.extend(["prism.pc"].map(|name| format!("lib/pkgconfig/{name}")));
    let scripts = ["PrismConfig.cmake", "PrismConfigVersion.cmake", "PrismTargets.cmake"];
    wanted.extend(scripts.map(|name| format!("lib/cmake/Prism/{name}")));
    let libraries = [format!("so.{abi}.0.0"), format!("so.{abi}"), "so".into(), "a".into()];
    wanted.extend(libraries.map(|end| format!("lib/libprism.{end}")));
    assert_eq!(files(&prefix), wanted);
    let target = |name: &str| fs::read_link(prefix.join("lib").join(name)).unwrap();
    assert_eq!(target("libprism.so"), Path::new(&format!("libprism.so.{abi}")));
    assert_eq!(target(&format!("libprism.so.{abi}")), Path::new(&format!("libprism.so.{abi}.0.0")));
    for file in files(&prefix).iter().filter(|name| !name.contains(".so")) {
        let mode = fs::metadata(prefix.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{file}");
        if Path::new(file).extension().is_some_and(|end| end == "pc" || end == "cmake") {
            let text = fs::read_to_string(prefix.join(file)).unwrap();
            assert!(!text.contains(here_now.place.path().to_str().unwrap()), "{file} says where it was made");
            assert!(!text.contains('@'), "{file} has a gap");
        }
    }
}

#[test]
fn plain_paths_are_enough_for_a_compiler() {
    let here_now = installed();
    let shared = here_now.shell("cc -Imoved/include program.c -Lmoved/lib -lprism -o plain && ./plain");
    assert_eq!(shared, served());
    let line = "cc -Imoved/include program.c moved/lib/libprism.a -lutil -lrt -lpthread -lm -ldl -o whole && \
                env -u LD_LIBRARY_PATH ./whole";
    assert_eq!(here_now.shell(line), served());
}

#[test]
fn pkg_config_names_what_a_shared_and_a_static_program_need() {
    if !have("pkg-config") {
        return;
    }
    let here_now = installed();
    let shared = "cc program.c $(pkg-config --cflags --libs prism) -o shared && ./shared && readelf -d shared";
    let told = here_now.shell(shared);
    assert!(told.starts_with(&served()) && told.contains(&format!("[libprism.so.{}]", abi())), "{told}");
    let without = "env -u LD_LIBRARY_PATH ./";
    let one = "cc program.c $(pkg-config --cflags --static --libs prism | sed s/-lprism/-l:libprism.a/) -o one";
    assert_eq!(here_now.shell(&format!("{one} && {without}one")), served());
    let all = "cc -static program.c $(pkg-config --cflags --static --libs prism) -o all";
    assert_eq!(here_now.shell(&format!("{all} 2>all.txt && {without}all")), served());
    let version = here_now.shell("pkg-config --modversion prism");
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
    here_now.shell("! pkg-config --exists 'prism >= 9'");
}

#[test]
fn the_static_library_shows_the_functions_of_the_header_and_nothing_else() {
    let here_now = installed();
    let told = here_now.shell("nm -g --defined-only moved/lib/libprism.a");
    let names = told.lines().filter_map(|line| line.split_once(" T ").map(|(_, name)| name.to_owned()));
    assert_eq!(names.collect::<BTreeSet<String>>(), functions());
    assert_eq!(told.lines().filter(|line| line.contains(' ')).count(), functions().len(), "{told}");
}

/// A program linked with a static library; everything that the compiler and the linker say if it cannot be.
fn linked(source: &Path, archive: &Path) -> Result<PathBuf, String> {
    let program = source.with_extension("");
    let mut command = compiler(false, "c99");
    command.arg(source).arg("-o").arg(&program).arg(archive);
    let output = command.args(["-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]).output().unwrap();
    if output.status.success() { Ok(program) } else { Err(said(&output)) }
}

#[test]
fn a_program_may_use_the_names_of_crates_below() {
    let here_now = installed();
    let source = here_now.place.path().join("clash.c");
    let name = "crc_fast_checksum";
    let text = format!("int {name}(void);\nint {name}(void) {{ return 7; }}\n{PROGRAM}");
    fs::write(&source, text.replace("return 0;", &format!("return {name}() != 7;"))).unwrap();
    let program = linked(&source, &here_now.prefix().join("lib/libprism.a")).unwrap();
    assert_eq!(run(&mut Command::new(&program)), served());
    let told = linked(&source, &library().with_extension("a")).unwrap_err();
    assert!(told.contains("multiple definition"), "the library of cargo shows the name no more: {told}");
}

/// A name that nothing uses any more must not be asked for: it would be demanded of objects that can do without it.
#[test]
fn the_static_library_asks_for_no_name_that_it_does_not_use() {
    let here_now = installed();
    let told = here_now.shell("nm -u moved/lib/libprism.a");
    assert!(told.contains(" U malloc\n") && told.contains(" U read\n"), "{told}");
    let used = here_now.shell("objcopy --strip-unneeded moved/lib/libprism.a used.a && nm -u used.a");
    let names = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(names(&told), names(&used));
}

/// What rustc says that a static library needs, but for what every C compiler adds by itself.
fn named_by_rustc() -> Vec<String> {
    let place = new_folder();
    fs::write(place.path().join("nothing.rs"), "").unwrap();
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--print", "native-static-libs", "--crate-type", "staticlib", "nothing.rs"]);
    let told = said(&command.current_dir(place.path()).output().unwrap());
    let line = told.lines().find_map(|line| line.split_once("native-static-libs: ")).unwrap().1;
    let by_itself = ["-lgcc_s", "-lc"];
    line.split(' ').filter(|name| !by_itself.contains(name)).map(str::to_owned).collect()
}

#[test]
fn the_libraries_of_the_system_are_those_that_rustc_names() {
    let names = named_by_rustc();
    assert!(names.contains(&"-lm".to_owned()), "{names:?}");
    let text = |name: &str| fs::read_to_string(here().join("packaging").join(name)).unwrap();
    assert!(text("prism.pc.in").contains(&format!("Libs.private: {}\n", names.join(" "))));
    assert!(text("PrismTargets.cmake").contains(&format!("INTERFACE_LINK_LIBRARIES \"{}\"", names.join(";"))));
}

#[test]
fn cargo_c_gives_the_library_the_same_name() {
    let text = fs::read_to_string(here().join("Cargo.toml")).unwrap();
    let (_, part) = text.split_once("[package.metadata.capi.library]\n").unwrap();
    assert!(part.starts_with(&format!("version = \"{}.0.0\"\n", abi())), "{part}");
}

#[test]
fn the_commands_of_the_page_install_and_link() {
    if !have("pkg-config") || !have("cmake") || !have("make") {
        return;
    }
    let page = fs::read_to_string(here().join("README.md")).unwrap();
    let (_, section) = page.split_once("\n## Install and link\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let part = |kind: &str| {
        let parts = section.split("```").skip(1).step_by(2);
        parts.filter_map(|part| part.strip_prefix(kind)).collect::<Vec<_>>().join("\n")
    };
    let place = new_folder();
    let file = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    file("app.c", PROGRAM);
    file("CMakeLists.txt", &format!("cmake_minimum_required(VERSION 3.16)\nproject(app C)\n{}", part("cmake\n")));
    symlink(here().parent().unwrap(), place.path().join("bindings")).unwrap();
    stand_in_for_cargo(place.path());
    let commands = part("sh\n");
    assert!(commands.contains("install.sh --build") && commands.contains("cmake -S"), "{commands}");
    let path = env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-ec", &commands]).current_dir(place.path()).env("HOME", place.path());
    command.env("CARGO_TARGET_DIR", place.path().join("target"));
    run(command.env("PATH", format!("{}:{path}", place.path().display())));
    assert_eq!(called(place.path())[1..], ["build", "--release", "-p", "prism-c"]);
    for program in ["app-shared", "app-static", "build/app"] {
        let mut command = Command::new(place.path().join(program));
        let told = run(command.env("LD_LIBRARY_PATH", place.path().join("prism/lib")));
        assert_eq!(told, served(), "{program}");
    }
}
