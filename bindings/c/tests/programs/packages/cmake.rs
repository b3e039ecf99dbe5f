//! Projects of `CMake` that find an installed Prism, or have its sources among their own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{PROGRAM, built, called, files, have, installed, new_folder, said, served, stand_in_for_cargo};
use crate::common::{abi, here, run};

/// A project with a program in C and one in C++.
struct Project {
    place: TempDir,
}

impl Project {
    fn of(text: &str) -> Self {
        let place = new_folder();
        fs::write(place.path().join("program.c"), PROGRAM).unwrap();
        fs::write(place.path().join("program.cpp"), PROGRAM).unwrap();
        let head = "cmake_minimum_required(VERSION 3.16)\nproject(somebodys C CXX)\n";
        fs::write(place.path().join("CMakeLists.txt"), format!("{head}{text}")).unwrap();
        Self { place }
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("build")
    }

    fn configure(&self, arguments: &[String]) -> Output {
        let mut command = Command::new("cmake");
        command.arg("-S").arg(self.place.path()).arg("-B").arg(self.folder()).args(arguments);
        command.output().unwrap()
    }

    /// Configures, builds, and hears every program.
    fn serves(&self, arguments: &[String], programs: &[&str]) {
        let output = self.configure(arguments);
        assert!(output.status.success(), "{}", said(&output));
        run(Command::new("cmake").arg("--build").arg(self.folder()));
        for program in programs {
            assert_eq!(run(&mut Command::new(self.folder().join(program))), served(), "{program}");
        }
    }
}

/// Programs in both languages with both libraries.
const FOUR: &str = "
add_executable(c_shared program.c)
target_link_libraries(c_shared PRIVATE Prism::prism)
add_executable(c_static program.c)
target_link_libraries(c_static PRIVATE Prism::prism-static)
add_executable(cpp_shared program.cpp)
target_link_libraries(cpp_shared PRIVATE Prism::prism)
add_executable(cpp_static program.cpp)
target_link_libraries(cpp_static PRIVATE Prism::prism-static)
";
const NAMES: [&str; 4] = ["c_shared", "c_static", "cpp_shared", "cpp_static"];

fn option(name: &str, value: &Path) -> String {
    format!("-D{name}={}", value.display())
}

fn vendored(more: &str) -> Project {
    Project::of(&format!("add_subdirectory({} prism)\n{more}", here().display()))
}

/// cmake, and what it builds with.
fn ready() -> bool {
    have("cmake") && have("make")
}

#[test]
fn an_installed_prism_is_found_and_serves_both_languages_with_both_libraries() {
    if !ready() {
        return;
    }
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let prism = installed();
    let twice = format!("find_package(Prism {major}.{minor} CONFIG REQUIRED)\n").repeat(2);
    let project = Project::of(&format!("{twice}{FOUR}"));
    project.serves(&[option("CMAKE_PREFIX_PATH", &prism.prefix())], &NAMES);
    let told = run(Command::new("readelf").arg("-d").arg(project.folder().join("c_shared")));
    assert!(told.contains(&format!("[libprism.so.{}]", abi())), "{told}");
    let told = run(Command::new("readelf").arg("-d").arg(project.folder().join("cpp_static")));
    assert!(!told.contains("libprism"), "{told}");
}

#[test]
fn another_version_than_the_one_asked_for_is_refused() {
    if !ready() {
        return;
    }
    let version = env!("CARGO_PKG_VERSION");
    assert!(version.starts_with("0.1."), "the versions below are those of 0.1");
    let prism = installed();
    let prefix = [option("CMAKE_PREFIX_PATH", &prism.prefix())];
    let output = Project::of("find_package(Prism 9 CONFIG REQUIRED)\n").configure(&prefix);
    let told = said(&output);
    assert!(!output.status.success() && told.contains("PrismConfig.cmake, version:"), "{told}");
    let mut text = String::new();
    let exact = format!("{version} EXACT");
    for (asked, fits) in [
        ("9", false),
        ("1.0", false),
        ("0.2", false),
        ("0.0", false),
        ("0.1.9999", false),
        ("0.1.9999 EXACT", false),
        ("0.2...0.9", false),
        ("0.0...<0.1", false),
        ("", true),
        ("0", true),
        ("0.1", true),
        ("0.1.0", true),
        (&exact, true),
        ("0.1...<0.2", true),
        ("0.0...0.9", true),
    ] {
        let known = if asked.contains("...") { "NOT CMAKE_VERSION VERSION_LESS 3.19" } else { "TRUE" };
        let wrong = if fits { "NOT Prism_FOUND" } else { "Prism_FOUND" };
        write!(
            text,
            "if({known})\nfind_package(Prism {asked} CONFIG QUIET)\nif({wrong})\nmessage(FATAL_ERROR \"wrong about '{asked}'\")\nendif()\n\
             unset(Prism_FOUND)\nunset(Prism_DIR CACHE)\nendif()\n"
        )
        .unwrap();
    }
    let output = Project::of(&text).configure(&prefix);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn an_installed_prism_with_a_gap_is_not_found() {
    if !ready() {
        return;
    }
    let prism = installed();
    let place = new_folder();
    run(Command::new("cp").arg("-RL").arg(prism.prefix().join("lib/cmake")).arg(place.path()));
    let folder = place.path().join("prefix/lib");
    fs::create_dir_all(&folder).unwrap();
    fs::rename(place.path().join("cmake"), folder.join("cmake")).unwrap();
    let project = Project::of("find_package(Prism CONFIG REQUIRED)\n");
    let output = project.configure(&[option("CMAKE_PREFIX_PATH", &place.path().join("prefix"))]);
    let told = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && told.contains("Prism is not whole"), "{told}");
    assert!(told.contains("libprism.a"), "{told}");
}

#[test]
fn sources_among_ones_own_take_libraries_that_are_built_already() {
    if !ready() {
        return;
    }
    let project = vendored(FOUR);
    let (from, install) = (option("PRISM_LIBRARY_DIR", &built()), "-DPRISM_INSTALL=ON".to_owned());
    project.serves(&[from, install], &NAMES);
    let prefix = project.place.path().join("installed");
    let output = Command::new("cmake").arg("--install").arg(project.folder()).arg("--prefix").arg(&prefix).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(files(&prefix), files(&installed().prefix()));
}

#[test]
fn libraries_that_are_not_where_they_were_said_to_be_are_told() {
    if !ready() {
        return;
    }
    let project = vendored("");
    let output = project.configure(&[option("PRISM_LIBRARY_DIR", project.place.path())]);
    let told = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && told.contains("found no libprism.so"), "{told}");
    assert!(told.contains("cargo build --release -p prism-c"), "{told}");
}

#[test]
fn sources_among_ones_own_are_built_by_cargo_with_the_profile_that_was_asked_for() {
    if !ready() {
        return;
    }
    let project = vendored(FOUR);
    let cargo = stand_in_for_cargo(project.place.path());
    let target = project.place.path().join("elsewhere");
    let mut arguments = vec![option("PRISM_CARGO", &cargo), option("PRISM_CARGO_TARGET_DIR", &target)];
    arguments.push("-DPRISM_CARGO_PROFILE=mine".into());
    project.serves(&arguments, &NAMES);
    let call = called(project.place.path());
    assert_eq!(fs::canonicalize(&call[0]).unwrap(), fs::canonicalize(here().join("../..")).unwrap());
    let folder = target.display().to_string();
    assert_eq!(call[1..], ["build", "--package", "prism-c", "--profile", "mine", "--target-dir", &folder]);
    assert!(target.join("mine/libprism.so").exists());
}

#[test]
fn cargo_is_not_called_for_a_program_that_does_without() {
    if !ready() {
        return;
    }
    let project = vendored("add_executable(alone alone.c)\n");
    fs::write(project.place.path().join("alone.c"), "int main(void) { return 0; }\n").unwrap();
    let cargo = stand_in_for_cargo(project.place.path());
    project.serves(&[option("PRISM_CARGO", &cargo)], &[]);
    assert!(!project.place.path().join("called").exists());
}

#[test]
fn the_library_by_itself_is_built_and_installed_the_same() {
    if !ready() {
        return;
    }
    let place = new_folder();
    let (build, prefix, cargo) =
        (place.path().join("build"), place.path().join("prefix"), stand_in_for_cargo(place.path()));
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(here()).arg("-B").arg(&build).arg(option("PRISM_CARGO", &cargo));
    run(configure.arg("-DCMAKE_INSTALL_LIBDIR=lib64"));
    run(Command::new("cmake").arg("--build").arg(&build));
    let mut install = Command::new("cmake");
    run(install.arg("--install").arg(&build).arg("--prefix").arg("/opt/prism").env("DESTDIR", &prefix));
    assert!(called(place.path()).ends_with(&[build.join("target").display().to_string()]));
    let wanted = files(&installed().prefix());
    let wanted: Vec<String> = wanted.iter().map(|name| name.replace("lib/", "lib64/")).collect();
    assert_eq!(files(&prefix.join("opt/prism")).into_iter().collect::<Vec<_>>(), wanted);
}
