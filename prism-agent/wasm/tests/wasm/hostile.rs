//! Programs that try to get out, or at what is not theirs. Every attempt must fail, whoever tries it next.

use prism_agent::runner::{End, ResultLimits, collect_results};

use crate::program::Program;
use crate::room::world;
use crate::tests;
use crate::world::Verdict;

tests!["hostile":
    no_path_leads_out,
    no_link_leads_out,
    nothing_outside_can_be_changed,
    there_are_no_sockets_and_no_signals,
    numbers_that_were_not_given_open_nothing,
    memory_outside_of_the_modules_is_out_of_reach,
    what_the_host_is_told_to_read_lies_in_the_modules_memory,
    links_in_results_stay_inside,
    names_that_no_archive_can_hold_stay_inside,
];

/// An attempt: its name, the call, and the texts in it.
type Attempt<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Runs the attempts, after these preparations, and checks that each was made and refused.
fn all_denied(prepared: Program, attempts: &[Attempt<'_>]) -> Verdict {
    let tried = attempts.iter().fold(prepared, |program, (name, call, texts)| program.attempt(name, call, texts));
    let world = world(&tried.put("results/done", "done")).file("canary", "canary");
    let ran = world.run().succeeded();
    for (name, call, _) in attempts {
        let answer = ran.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        assert!(answer.is_some_and(|error| error.parse::<u8>().unwrap() > 0), "{name}: {call}: {}", ran.stdout);
    }
    assert_eq!(ran.result("done"), "done");
    Verdict::Held
}

const OPEN_DIRECTORY: &str = "(call $open_directory (i32.const 3) {p})";
const OPEN: &str = "(call $open (i32.const 3) {p})";

fn no_path_leads_out() -> Verdict {
    let stat = "(call $path_filestat_get (i32.const 3) (i32.const 1) {p} (i32.const 65536))";
    all_denied(
        Program::default(),
        &[
            ("parent", OPEN_DIRECTORY, &[("p", "..")]),
            ("sibling", OPEN_DIRECTORY, &[("p", "../home")]),
            ("down and up", OPEN_DIRECTORY, &[("p", "results/../../home")]),
            ("through a dataset", OPEN, &[("p", "datasets/canary/../../../etc/passwd")]),
            ("home's parent", "(call $open_directory (i32.const 4) {p})", &[("p", "..")]),
            ("temporary's parent", "(call $open_directory (i32.const 5) {p})", &[("p", "../work")]),
            ("root", OPEN_DIRECTORY, &[("p", "/")]),
            ("absolute", OPEN, &[("p", "/etc/passwd")]),
            ("absolute, down and up", OPEN, &[("p", "/../../etc/passwd")]),
            ("processes", OPEN, &[("p", "/proc/self/environ")]),
            ("devices", OPEN, &[("p", "/dev/zero")]),
            ("the module", OPEN, &[("p", "../algorithm/program.wasm")]),
            ("the host", OPEN, &[("p", "../env/wasm-host")]),
            ("metadata", stat, &[("p", "../home")]),
            ("zero byte", OPEN, &[("p", "datasets/canary\0.txt")]),
            (
                "no text",
                "(block (result i32) (i32.store8 (i32.const 65536) (i32.const 255))
                    (call $open (i32.const 3) (i32.const 65536) (i32.const 1)))",
                &[],
            ),
            ("endless", "(call $open (i32.const 3) (i32.const 65536) (i32.const 131072))", &[]),
        ],
    )
}

fn no_link_leads_out() -> Verdict {
    let link = |program: Program, to: &str, from: &str| {
        program.with("(drop (call $symlink {to} (i32.const 3) {from}))", &[("to", to), ("from", from)])
    };
    let links = [
        ("../..", "results/up"),
        ("../../home", "results/sibling"),
        ("../../../../../../etc/passwd", "results/far"),
        ("/etc/passwd", "results/absolute"),
        ("/proc/self/root", "results/magic"),
        ("up/home", "results/chain"),
        ("loop", "results/loop"),
    ];
    let linked = links.iter().fold(Program::default(), |program, (to, from)| link(program, to, from));
    let hard = "(call $path_link (i32.const 3) (i32.const 0) {p} (i32.const 3) {q})";
    let followed = "(call $path_link (i32.const 3) (i32.const 1) {p} (i32.const 3) {q})";
    all_denied(
        linked,
        &[
            ("up", OPEN_DIRECTORY, &[("p", "results/up")]),
            ("up and down", OPEN_DIRECTORY, &[("p", "results/up/home")]),
            ("sibling", OPEN_DIRECTORY, &[("p", "results/sibling")]),
            ("far", OPEN, &[("p", "results/far")]),
            ("absolute", OPEN, &[("p", "results/absolute")]),
            ("magic", OPEN, &[("p", "results/magic/etc/passwd")]),
            ("chain", OPEN_DIRECTORY, &[("p", "results/chain")]),
            ("loop", OPEN, &[("p", "results/loop")]),
            ("write through a link", "(call $create (i32.const 3) {p})", &[("p", "results/up/tmp/x")]),
            ("absolute target", "(call $symlink {p} (i32.const 3) {q})", &[("p", "/etc/passwd"), ("q", "results/new")]),
            ("hard link", hard, &[("p", "../home"), ("q", "results/hard")]),
            ("hard link through a link", followed, &[("p", "results/far"), ("q", "results/hard")]),
            ("hard link out", hard, &[("p", "datasets/canary"), ("q", "../tmp/canary")]),
        ],
    )
}

fn nothing_outside_can_be_changed() -> Verdict {
    let times =
        "(call $path_filestat_set_times (i32.const 3) (i32.const 1) {p} (i64.const 1) (i64.const 1) (i32.const 5))";
    let rename = "(call $path_rename (i32.const 3) {p} (i32.const 3) {q})";
    all_denied(
        Program::default(),
        &[
            ("create", "(call $create (i32.const 3) {p})", &[("p", "../tmp/x")]),
            ("create at the root", "(call $create (i32.const 3) {p})", &[("p", "/x")]),
            ("directory", "(call $mkdir (i32.const 3) {p})", &[("p", "../tmp/y")]),
            ("remove", "(call $rmdir (i32.const 3) {p})", &[("p", "../tmp")]),
            ("unlink", "(call $unlink (i32.const 3) {p})", &[("p", "../algorithm/program.wasm")]),
            ("rename out", rename, &[("p", "datasets/canary"), ("q", "../tmp/canary")]),
            ("rename in", rename, &[("p", "../home"), ("q", "results/home")]),
            ("times", times, &[("p", "..")]),
        ],
    )
}

/// Runs attempts whose calls need no texts.
fn each_denied(calls: &[(String, String)]) -> Verdict {
    let attempts: Vec<Attempt<'_>> = calls.iter().map(|(name, call)| (name.as_str(), call.as_str(), &[][..])).collect();
    all_denied(Program::default(), &attempts)
}

/// One vector of a few bytes, and how many there are.
const VECTOR: &str = "(call $vector (i32.const 65536) (i32.const 8)) (i32.const 1)";

fn there_are_no_sockets_and_no_signals() -> Verdict {
    let calls = |file: u32| {
        [
            ("accept", "sock_accept", "(i32.const 0) (i32.const 0)".to_owned()),
            ("receive", "sock_recv", format!("{VECTOR} (i32.const 0) (i32.const 0) (i32.const 4)")),
            ("send", "sock_send", format!("{VECTOR} (i32.const 0) (i32.const 4)")),
            ("shut down", "sock_shutdown", "(i32.const 3)".to_owned()),
        ]
        .map(|(name, call, rest)| (format!("{name} {file}"), format!("(call ${call} (i32.const {file}) {rest})")))
    };
    let signal = |number: u32| (format!("signal {number}"), format!("(call $proc_raise (i32.const {number}))"));
    each_denied(&(0..7).flat_map(calls).chain([9, 15, 19].map(signal)).collect::<Vec<_>>())
}

fn numbers_that_were_not_given_open_nothing() -> Verdict {
    let calls = |file: u32| {
        [
            (format!("read {file}"), format!("(call $fd_read (i32.const {file}) {VECTOR} (i32.const 4))")),
            (format!("take {file}"), format!("(call $fd_renumber (i32.const {file}) (i32.const 0))")),
            (format!("close {file}"), format!("(call $fd_close (i32.const {file}))")),
        ]
    };
    let below = |file: u32| {
        let call = format!("(call $open_directory (i32.const {file}) (i32.const 1024) (i32.const 1))");
        (format!("below {file}"), call)
    };
    let others = (6..64).chain([1 << 16, u32::MAX / 2, u32::MAX]);
    each_denied(&others.flat_map(calls).chain((0..3).map(below)).collect::<Vec<_>>())
}

fn memory_outside_of_the_modules_is_out_of_reach() -> Verdict {
    let typed = "(type $other (func (param i64) (result i64)))\n  (elem (i32.const 0) func $number)";
    for (name, code, said) in [
        ("load", "(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
        ("load beyond", "(drop (i64.load offset=4294967288 (i32.const -1)))", "out of bounds memory access"),
        ("store", "(i32.store8 (i32.const 196608) (i32.const 1))", "out of bounds memory access"),
        ("fill", "(memory.fill (i32.const 65536) (i32.const 1) (i32.const -65537))", "out of bounds memory access"),
        ("call beyond", "(call_indirect (i32.const 2))", "out of bounds table access"),
        ("call nothing", "(call_indirect (i32.const 1))", "uninitialized element"),
        (
            "call another",
            "(drop (call_indirect (type $other) (i64.const 0) (i32.const 0)))",
            "indirect call type mismatch",
        ),
        ("divide", "(call $number (i32.div_u (i32.const 1) (i32.load (i32.const 65536))))", "integer divide by zero"),
    ] {
        let ran = world(&Program::default().beside(typed).then(code)).run().ended(End::Exited(134));
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
    }
    Verdict::Held
}

fn what_the_host_is_told_to_read_lies_in_the_modules_memory() -> Verdict {
    for call in [
        "(call $write (i32.const 1) (i32.const 131072) (i32.const 2147483647))",
        "(call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 4))",
        "(call $fd_write (i32.const 1) (i32.const 8) (i32.const 536870912) (i32.const 4))",
        "(call $open (i32.const 3) (i32.const -16) (i32.const 64))",
        "(call $random_get (i32.const 131072) (i32.const -1))",
        "(call $args_get (i32.const -4) (i32.const -4))",
    ] {
        let ran = world(&Program::default().then(&format!("(call $must {call})"))).run();
        // Either the call is refused, or the program ends there.
        assert!(matches!(ran.outcome.end, End::Exited(1..=134)), "{call}: {:?}", ran.outcome.end);
        assert!(ran.stdout.is_empty(), "{call}: {}", ran.stdout);
    }
    Verdict::Held
}

fn links_in_results_stay_inside() -> Verdict {
    let program = ["../datasets/canary", "../../etc/passwd", "honest"].iter().enumerate().fold(
        Program::default().put("results/honest", "honest"),
        |program, (number, target)| {
            let name = format!("results/link-{number}");
            program.with("(call $must (call $symlink {to} (i32.const 3) {from}))", &[("to", target), ("from", &name)])
        },
    );
    let ran = world(&program).file("canary", "canary").run().succeeded();
    let collected = collect_results(&ran.outcome.results, &ResultLimits::default()).unwrap();
    let names: Vec<_> = collected.files.iter().map(prism_agent::runner::ResultFile::name).collect();
    assert_eq!((names, collected.withheld.special), (vec!["honest"], 3));
    Verdict::Held
}

fn names_that_no_archive_can_hold_stay_inside() -> Verdict {
    let names =
        ["results/canary\u{1b}[2J", "results/canary\n", "results/canary\\..", "results/Canary", "results/canary"];
    let program = names.iter().fold(Program::default(), |program, name| program.put(name, "canary"));
    let ran = world(&program).run().succeeded();
    let collected = collect_results(&ran.outcome.results, &ResultLimits::default()).unwrap();
    assert_eq!((collected.files.len(), collected.withheld.misnamed), (1, 4));
    Verdict::Held
}
