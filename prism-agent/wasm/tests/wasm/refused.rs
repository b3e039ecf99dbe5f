//! What is no program for the host: refused before anything is executed, or by the host before it executes any of it.

use prism_agent::runner::{End, RunError, WasmHost, WasmHostError};
use prism_core::code::{Code, Coded};

use crate::program::Program;
use crate::room::{host, world_of};
use crate::tests;
use crate::world::{Verdict, block_on};

tests!["refused":
    only_a_binary_module_of_version_1_is_executed,
    a_broken_module_is_not_executed,
    a_module_without_a_beginning_is_not_executed,
    a_module_that_asks_for_more_than_wasi_is_not_executed,
    a_module_with_threads_is_not_executed,
    only_the_host_itself_is_taken_for_it,
];

fn only_a_binary_module_of_version_1_is_executed() -> Verdict {
    for (bytes, found) in [
        (&b"(module (func (export \"_start\")))"[..], "WebAssembly in its text format; convert it to the binary one"),
        (b"\0asm\x0d\0\x01\0", "a component; build a module for WASI preview 1"),
        (b"\0asm\x02\0\0\0", "a module of another version"),
        (b"\0asm\x01\0\0", "a file of less than 8 bytes"),
        (b"", "a file of less than 8 bytes"),
        (b"#!/bin/sh\ntouch results/x\n", "another kind of file"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "another kind of file"),
    ] {
        let refused = world_of(bytes).attempt().err().unwrap();
        assert!(matches!(&refused, RunError::Spec { found: what, .. } if what == found), "{refused}");
        assert_eq!(refused.code(), Code::RunFailed);
    }
    Verdict::Held
}

/// Runs a module and checks that the host executed nothing of it and said why.
fn not_executed(module: &[u8], why: &str) {
    let ran = world_of(module).run().ended(End::Exited(126));
    assert!(ran.stderr.starts_with("prism-wasm: expected ") && ran.stderr.contains(why), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

fn text(module: &str) -> Vec<u8> {
    wat::parse_str(module).unwrap()
}

fn a_broken_module_is_not_executed() -> Verdict {
    let good = Program::default().then("(call $number (i32.const 7))").module();
    let why = "found what cannot be compiled";
    not_executed(&good[..good.len() - 1], why);
    not_executed(&[&good[..], &[0x7f, 0x01, 0x00]].concat(), why);
    // Well-formed, and of the wrong type.
    not_executed(&text("(module (func (export \"_start\") (i32.add (i64.const 1) (i32.const 1)) drop))"), why);
    Verdict::Held
}

fn a_module_without_a_beginning_is_not_executed() -> Verdict {
    let why = "found one that does not";
    not_executed(&text("(module (func $f (unreachable)) (start $f))"), why);
    not_executed(&text("(module (func $f (unreachable)) (start $f) (func (export \"_start\") (param i32)))"), why);
    not_executed(&text("(module (func $f (unreachable)) (start $f) (memory (export \"_start\") 1))"), why);
    Verdict::Held
}

fn a_module_that_asks_for_more_than_wasi_is_not_executed() -> Verdict {
    for (module, name) in [
        ("env", "system"),
        ("wasi_snapshot_preview1", "sock_open"),
        ("wasi_snapshot_preview1", "sock_connect"),
        ("wasi_unstable", "fd_write"),
        ("wasi:sockets/tcp@0.2.0", "connect"),
        ("wasi", "thread-spawn"),
    ] {
        let import = format!(
            "(module (import \"{module}\" \"{name}\" (func)) (func $f (unreachable)) (start $f)
                (func (export \"_start\")))"
        );
        not_executed(&text(&import), &format!("{module}::{name}"));
    }
    Verdict::Held
}

fn a_module_with_threads_is_not_executed() -> Verdict {
    not_executed(&text("(module (memory 1 1 shared) (func (export \"_start\")))"), "threads");
    Verdict::Held
}

fn only_the_host_itself_is_taken_for_it() -> Verdict {
    let found = host();
    assert!(found.engine.starts_with("wasmtime 48."), "{found:?}");
    for other in ["/bin/true", "/bin/echo", "/bin/false"] {
        let error = block_on(WasmHost::find(Some(other.as_ref()))).unwrap_err();
        assert!(matches!(error, WasmHostError::NotHost { .. }), "{error}");
        assert_eq!(error.code(), Code::Usage);
    }
    // Neither a file that is not there, nor one that lies beside this program by default.
    for absent in [Some("/nonexistent/prism-wasm".as_ref()), None] {
        let error = block_on(WasmHost::find(absent)).unwrap_err();
        assert!(matches!(error, WasmHostError::NotFound { .. }), "{error}");
        assert_eq!(error.code(), Code::FileMissing);
    }
    Verdict::Held
}
