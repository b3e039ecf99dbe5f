//! The header: committed as it is generated, complete in its comments, and read by every compiler as it is.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;

use crate::common::{abi, compiler, functions, header, here, library, run, run_path};

/// The modules in the order of the header.
const MODULES: [&str; 16] = [
    "error", "cancel", "keys", "manifest", "asset", "seal", "verifier", "verdict", "session", "status", "receipt",
    "upload", "stream", "result", "audit", "agent",
];

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in MODULES {
        builder = builder.with_src(here().join("src").join(format!("{module}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_committed_header_is_what_the_sources_say() {
    let (fresh, place) = (generated(), here().join("include/prism.h"));
    if env::var_os("PRISM_REGENERATE").is_some_and(|value| value == "1") {
        fs::write(&place, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&place).unwrap_or_default();
    assert!(committed == fresh, "prism.h is stale: run this test with PRISM_REGENERATE=1 and commit the result");
}

#[test]
fn the_header_knows_every_module_with_functions() {
    let exporting = |path: &std::path::Path| fs::read_to_string(path).unwrap().contains("no_mangle");
    let files = fs::read_dir(here().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "rs") && exporting(path))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let known: BTreeSet<String> = MODULES.into_iter().map(str::to_owned).collect();
    assert_eq!(found, known);
}

#[test]
fn every_function_says_who_owns_what_which_thread_what_fails_and_how_it_is_called() {
    let text = header();
    for name in functions() {
        let (comment, _) = text
            .split("/*")
            .filter_map(|part| part.split_once("*/"))
            .find(|(_, code)| code.contains(&format!("{name}(")))
            .unwrap_or_else(|| panic!("{name} has no comment"));
        for word in ["Ownership:", "Threads:", "Errors:", "Example:"] {
            assert!(comment.contains(word), "the comment of {name} lacks {word}");
        }
        assert!(comment.contains(&format!("{name}(")), "the example of {name} does not call it");
    }
}

#[test]
fn the_header_alone_is_enough_for_a_program_of_every_standard() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let standards = ["c99", "c11", "c17", "c++11", "c++17", "c++20"];
    for standard in standards {
        let (plus, end) = (standard.starts_with("c++"), if standard.starts_with("c++") { "cpp" } else { "c" });
        let file = place.path().join(format!("alone.{end}"));
        fs::write(
            &file,
            "#include <prism.h>\n#include <prism.h>\nint main(void) { return prism_abi() != PRISM_ABI; }\n",
        )
        .unwrap();
        let program = place.path().join("alone");
        let mut command = compiler(plus, standard);
        command.arg("-pedantic").arg(&file).arg("-o").arg(&program).arg(library());
        run(command.arg(format!("-Wl,-rpath,{}", run_path().display())));
        run(&mut Command::new(&program));
    }
}

#[test]
fn the_library_exports_exactly_the_functions_of_the_header() {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> =
        said.lines().filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect();
    assert_eq!(exported, functions());
}

#[test]
fn the_library_is_named_after_its_contract() {
    let output = Command::new("readelf").arg("-d").arg(library()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("soname: [libprism.so.{}]", abi())), "{said}");
}

/// Functions that have nothing to guard: what they return is a constant.
const CONSTANT: [&str; 2] = ["prism_abi", "prism_version"];

#[test]
fn every_function_does_its_work_inside_of_the_guard() {
    let guards = ["call(", "make(", "borrowed(", "fact(", "part(", "free("];
    let mut seen = BTreeSet::new();
    for module in MODULES {
        let text = fs::read_to_string(here().join("src").join(format!("{module}.rs"))).unwrap();
        for function in text.split("pub extern \"C\" fn ").skip(1) {
            let (name, rest) = function.split_once('(').unwrap();
            let (_, body) = rest.split_once(" {\n").unwrap();
            let body = body.split("\n}\n").next().unwrap().trim();
            let guarded = guards.iter().any(|guard| body.starts_with(guard));
            assert!(guarded || CONSTANT.contains(&name), "{name} is not guarded: {body}");
            // One expression: the guard's closing bracket is the last there is.
            assert!(CONSTANT.contains(&name) || body.trim_end_matches(';').ends_with(')'), "{name} goes on: {body}");
            seen.insert(name.to_owned());
        }
    }
    assert_eq!(seen, functions());
}
