//! The house's own rules: which way the arrows go, and how large a room may be.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the house fails")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every Rust file below `folder`, except build output and generated code.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "generated" | ".git") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The lines of a file before its tests, without comments.
fn code_lines(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(i, line)| (i + 1, line.to_owned())).collect()
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name == "tests.rs" || path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "benches")))
}

fn forbid(folder: &str, words: &[&str], except: &[&str]) {
    let mut found = Vec::new();
    for path in rust_files(&root().join(folder)).into_iter().filter(|path| !is_test(path)) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        if except.iter().any(|room| shown.contains(room)) {
            continue;
        }
        for (number, line) in code_lines(&path) {
            for word in words.iter().filter(|word| line.contains(*word)) {
                found.push(format!("{shown}:{number}: {word}"));
            }
        }
    }
    assert!(found.is_empty(), "forbidden here:\n{}", found.join("\n"));
}

const EDGE: &[&str] =
    &["std::fs", "std::net", "std::env", "SystemTime", "Instant::now", "tokio", "rustls", "tonic", "std::process"];

#[test]
fn the_core_does_no_input_or_output_and_reads_no_clock() {
    forbid("prism-core/src", EDGE, &[]);
    forbid("prism-core/src", &["x509_parser", "sev::", "pyo3", "prism_attest", "prism_agent"], &[]);
}

#[test]
fn the_verifier_does_no_input_or_output_and_reads_no_clock() {
    forbid("prism-attest/src", EDGE, &[]);
    forbid("prism-attest/src", &["pyo3", "prism_agent"], &[]);
}

#[test]
fn the_agent_knows_no_binding() {
    forbid("prism-agent/src", &["pyo3", "cbindgen", "clap", "prism_cli"], &[]);
}

#[test]
fn the_agent_carries_no_compiler() {
    forbid("prism-agent/src", &["wasmtime::", "wasmtime_", "cranelift"], &[]);
    forbid("prism-agent/wasm/src", &["prism_core", "prism_attest", "prism_agent"], &[]);
    let manifest = fs::read_to_string(root().join("prism-agent/Cargo.toml")).unwrap();
    assert!(!manifest.contains("wasmtime") && !manifest.contains("prism-wasm"));
}

#[test]
fn bindings_leave_cryptography_and_parsing_to_the_crates_below() {
    for binding in ["bindings/cli/src", "bindings/python/src"] {
        forbid(binding, &["aws_lc_rs", "x509_parser", "rustls", "tonic", "prost"], &[]);
    }
    let parsers = ["aws_lc_rs", "x509_parser", "rustls", "tonic", "prost", "base64::", "toml::"];
    forbid("bindings/c/src", &parsers, &[]);
    forbid("bindings/c/src", &["prism_cli", "std::fs", "TcpStream", "SystemTime", "cbindgen::"], &[]);
    forbid("bindings/python/src", &["prism_cli", "std::fs", "TcpStream", "SystemTime"], &[]);
}

#[test]
fn danger_has_one_room() {
    let libraries = ["prism-core/src", "prism-attest/src", "prism-agent/src"];
    let programs =
        ["prism-agent/wasm/src", "bindings/c/src", "bindings/cli/src", "bindings/python/src", "examples/src"];
    for folder in libraries.into_iter().chain(programs) {
        // Beside the sandbox, one file calls a C library: Intel's quotes come from nowhere else on older kernels. And
        // one file reads what C hands over.
        let rooms = ["runner/sandbox", "prism-agent/src/attester/tdx_attest.rs", "bindings/c/src/guard.rs"];
        forbid(folder, &["unsafe {", "unsafe fn", "unsafe impl"], &rooms);
        forbid(folder, &[".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("], &[]);
        forbid(folder, &["#[allow("], &[]);
        // A busy device is asked again after a pause; nothing else waits by sleeping.
        forbid(folder, &["thread::sleep"], &["attester/busy.rs"]);
    }
}

#[test]
fn no_room_is_larger_than_500_lines() {
    let large: Vec<String> = rust_files(&root())
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 500).then(|| format!("{}: {lines}", path.strip_prefix(root()).unwrap().display()))
        })
        .collect();
    assert!(large.is_empty(), "over 500 lines:\n{}", large.join("\n"));
}
