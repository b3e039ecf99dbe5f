//! What a program finds: the same as one of any other runtime.

use std::fs;

use prism_agent::runner::{AuxiliaryInput, End};

use crate::program::{HOME, Program, TEMPORARY};
use crate::room::{rust_program, world, world_of, write};
use crate::tests;
use crate::world::Verdict;

tests!["contract":
    a_module_reads_datasets_and_writes_results,
    arguments_arrive_as_they_are,
    the_environment_is_clean_and_has_the_manifests_variables,
    results_can_be_deleted_and_made_again,
    datasets_can_be_written_to_and_stay_as_they_are,
    home_and_the_temporary_directory_are_the_programs_own,
    auxiliary_files_lie_where_the_program_looks,
    a_module_in_a_folder_runs_from_its_entry,
    the_programs_own_end_is_told_as_it_was,
    clocks_and_random_bytes_are_given_to_one_process_alone,
    there_is_no_standard_input,
    what_is_not_a_number_is_the_same_on_every_machine,
    a_program_in_rust_runs_as_people_write_it,
];

/// The first file of `from` becomes the file `results/out`.
fn copied(directory: u32, from: &str) -> Program {
    Program::default()
        .with(
            "(call $must (call $create (i32.const 3) {to})) (local.set $out (i32.load (i32.const 0)))",
            &[("to", "results/out")],
        )
        .with(&format!("(local.set $n (call $get (i32.const {directory}) {{from}}))"), &[("from", from)])
        .then("(call $must (call $write (local.get $out) (i32.const 65536) (local.get $n)))")
}

fn a_module_reads_datasets_and_writes_results() -> Verdict {
    let world = world(&copied(3, "datasets/iris.csv")).file("iris.csv", "5.1,3.5\n");
    assert_eq!(world.run().succeeded().result("out"), "5.1,3.5\n");
    Verdict::Held
}

fn arguments_arrive_as_they_are() -> Verdict {
    let program = Program::default()
        .then("(call $must (call $args_sizes_get (i32.const 0) (i32.const 4)))")
        .then("(call $must (call $args_get (i32.const 32768) (i32.const 65536)))")
        .then("(call $print (i32.const 65536) (i32.load (i32.const 4)))");
    let world = world(&program).args(["{\"epochs\": \"$(id)\"}", "", "--version", "ä b"]);
    let said = world.run().succeeded().stdout;
    assert_eq!(said, "program.wasm\0{\"epochs\": \"$(id)\"}\0\0--version\0ä b\0");
    Verdict::Held
}

fn the_environment_is_clean_and_has_the_manifests_variables() -> Verdict {
    let program = Program::default()
        .then("(call $must (call $environ_sizes_get (i32.const 0) (i32.const 4)))")
        .then("(call $must (call $environ_get (i32.const 32768) (i32.const 65536)))")
        .then("(call $print (i32.const 65536) (i32.load (i32.const 4)))");
    let mut world = world(&program);
    world.spec.environment.insert("EPOCHS".to_owned(), "3".to_owned());
    let said = world.run().succeeded().stdout;
    let names: Vec<_> = said.split_terminator('\0').filter_map(|line| line.split_once('=').map(|(n, _)| n)).collect();
    assert!(said.contains("EPOCHS=3\0"), "{said}");
    assert!(["HOME", "TMPDIR", "LANG"].iter().all(|name| names.contains(name)), "{names:?}");
    let own =
        std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PRISM_") || name.starts_with("CARGO"));
    let leaked: Vec<_> = own.filter(|name| names.contains(&name.as_str())).collect();
    assert!(leaked.is_empty() && std::env::var_os("PRISM_TEST_SITUATION").is_some(), "{leaked:?}");
    Verdict::Held
}

fn results_can_be_deleted_and_made_again() -> Verdict {
    let program = Program::default()
        .put("results/old", "old")
        .with("(call $must (call $unlink (i32.const 3) {old}))", &[("old", "results/old")])
        .with("(call $must (call $rmdir (i32.const 3) {results}))", &[("results", "results")])
        .with("(call $must (call $mkdir (i32.const 3) {results}))", &[("results", "results")])
        .put("results/new", "new");
    let ran = world(&program).run().succeeded();
    assert_eq!(ran.result("new"), "new");
    Verdict::Held
}

fn datasets_can_be_written_to_and_stay_as_they_are() -> Verdict {
    let program = copied(3, "datasets/h1/a.txt")
        .put("datasets/h1/a.txt", "changed")
        .put("datasets/h1/new", "new")
        .with("(call $must (call $mkdir (i32.const 3) {test}))", &[("test", "datasets/test")]);
    let world = world(&program).folder("h1", &[("a.txt", "original")]);
    assert_eq!(world.run().succeeded().result("out"), "original");
    let asset = world.asset("h1");
    assert_eq!(fs::read_to_string(asset.join("a.txt")).unwrap(), "original");
    assert_eq!(fs::read_dir(asset).unwrap().count(), 1);
    Verdict::Held
}

fn home_and_the_temporary_directory_are_the_programs_own() -> Verdict {
    let name = |directory: u32| {
        format!(
            "(call $must (call $fd_prestat_get (i32.const {directory}) (i32.const 0)))
            (call $must (call $fd_prestat_dir_name (i32.const {directory}) (i32.const 65536) (i32.load (i32.const 4))))
            (call $print (i32.const 65536) (i32.load (i32.const 4)))
            (call $put (i32.const {directory}) {{file}} {{text}})"
        )
    };
    let texts = [("file", "x"), ("text", "y")];
    let program = Program::default()
        .with(&name(HOME), &texts)
        .with("(call $print {line})", &[("line", "\n")])
        .with(&name(TEMPORARY), &texts)
        .attempt("beyond", "(call $fd_prestat_get (i32.const 6) (i32.const 0))", &[]);
    let said = world(&program).run().succeeded().stdout;
    let (home, temporary) = said.split_once('\n').unwrap();
    assert!(home.ends_with("/home/prism"), "{said}");
    // Nothing else is given: 8 is "no such number".
    assert!(temporary.ends_with("/tmpbeyond: 8\n"), "{said}");
    Verdict::Held
}

fn auxiliary_files_lie_where_the_program_looks() -> Verdict {
    let mut world = world(&copied(HOME, ".cache/weights.bin").attempt(
        "change",
        &format!("(call $create (i32.const {HOME}) {{weights}})"),
        &[("weights", ".cache/weights.bin")],
    ));
    let weights = world.dir.path().join("weights");
    write(&weights, b"weights");
    world.spec.auxiliary = vec![AuxiliaryInput::new(".cache/weights.bin", &weights)];
    let ran = world.run().succeeded();
    assert_eq!(ran.result("out"), "weights");
    assert_eq!(fs::read_to_string(&weights).unwrap(), "weights");
    Verdict::Held
}

fn a_module_in_a_folder_runs_from_its_entry() -> Verdict {
    let program = copied(3, "datasets/iris.csv");
    let mut world = world(&program).file("iris.csv", "a,b");
    let folder = world.dir.path().join("folder");
    fs::create_dir_all(folder.join("bin")).unwrap();
    write(&folder.join("bin/main.wasm"), &program.module());
    world.spec.algorithm = folder;
    world.spec.entry = Some("bin/main.wasm".to_owned());
    assert_eq!(world.run().succeeded().result("out"), "a,b");
    Verdict::Held
}

fn the_programs_own_end_is_told_as_it_was() -> Verdict {
    for code in [0, 1, 7, 125] {
        let program = Program::default().then(&format!("(call $proc_exit (i32.const {code})) (unreachable)"));
        world(&program).run().ended(End::Exited(code));
    }
    let ran = world(&Program::default().put("results/x", "x").then("(unreachable)")).run().ended(End::Exited(134));
    assert!(ran.stderr.contains("`unreachable` instruction executed"), "{}", ran.stderr);
    Verdict::Held
}

fn clocks_and_random_bytes_are_given_to_one_process_alone() -> Verdict {
    // A file, and then a subscription to the monotonic clock, 300 milliseconds from now: a second thread would be seen.
    let program = Program::default()
        .put("results/x", "x")
        .then("(call $must (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 65536)))")
        .then("(if (i64.lt_u (i64.load (i32.const 65536)) (i64.const 1600000000000000000)) (then (unreachable)))")
        .then("(call $must (call $random_get (i32.const 65536) (i32.const 32)))")
        .then("(if (i64.eqz (i64.load (i32.const 65536))) (then (unreachable)))")
        .then("(memory.fill (i32.const 65536) (i32.const 0) (i32.const 256))")
        .then("(i32.store (i32.const 65552) (i32.const 1)) (i64.store (i32.const 65560) (i64.const 300000000))")
        .then("(call $must (call $poll_oneoff (i32.const 65536) (i32.const 65792) (i32.const 1) (i32.const 0)))")
        .then("(call $number (i32.load (i32.const 0)))");
    let world = world(&program).limit(|limits| limits.processes = 1);
    assert_eq!(world.run().succeeded().stdout, "1\n");
    Verdict::Held
}

fn there_is_no_standard_input() -> Verdict {
    let program = Program::default()
        .then("(drop (call $vector (i32.const 65536) (i32.const 8)))")
        .then("(call $must (call $fd_read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 4)))")
        .then("(call $number (i32.load (i32.const 4)))");
    assert_eq!(world(&program).run().succeeded().stdout, "0\n");
    Verdict::Held
}

fn what_is_not_a_number_is_the_same_on_every_machine() -> Verdict {
    // Processors differ in the sign of a fresh NaN, and in what a relaxed conversion makes of what does not fit.
    let program = Program::default()
        .beside("(global $zero (mut f32) (f32.const 0))")
        .beside("(global $large (mut f32) (f32.const 3e9))")
        .then("(local.set $n (i32.reinterpret_f32 (f32.div (global.get $zero) (global.get $zero))))")
        .then("(call $number (i32.shr_u (local.get $n) (i32.const 22)))")
        .then("(call $number (i32x4.extract_lane 0 (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (global.get $large)))))");
    assert_eq!(world(&program).run().succeeded().stdout, "511\n2147483647\n");
    Verdict::Held
}

fn a_program_in_rust_runs_as_people_write_it() -> Verdict {
    let Some(module) = rust_program() else {
        return Verdict::Skipped(
            "the target wasm32-wasip1 is not installed (rustup target add wasm32-wasip1)".to_owned(),
        );
    };
    let world = world_of(&module).file("h1", "1.5\n2\nx\n").file("h2", "4").args(["{\"epochs\": 3}"]);
    let ran = world.run().ended(End::Exited(1));
    assert!(ran.stderr.contains("and it says what went wrong"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "2 datasets in time\n");
    let expected = r#"{"settings":{"epochs": 3},"sums":{"h1": 3.5, "h2": 4.0}}"#;
    assert_eq!(ran.result("models/sums.json"), expected);
    assert_eq!(fs::read_to_string(world.asset("h1")).unwrap(), "1.5\n2\nx\n");
    Verdict::Held
}
