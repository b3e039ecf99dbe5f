//! Programs that take more than they were given.

use prism_agent::runner::{End, Layer};

use crate::program::Program;
use crate::room::{world, world_of};
use crate::tests;
use crate::world::Verdict;

tests!["limits":
    filling_memory_ends_the_run,
    more_memory_than_there_is_is_not_given,
    a_huge_table_is_refused,
    recursion_without_end_is_a_trap,
    a_deep_recursion_has_the_stack_of_a_native_program,
    time_ends_the_run,
    time_ends_a_module_that_takes_long_to_begin,
    talking_without_end_ends_the_run,
    open_files_are_bounded,
    filling_the_disk_ends_the_run,
    files_without_end_end_the_run,
];

/// Nothing else is done from here on.
const SPIN: &str = "(loop $spin (br $spin))";

fn filling_memory_ends_the_run() -> Verdict {
    // Takes a MiB, writes to each of its pages, and never stops asking.
    let program = Program::default().then(
        "(loop $again
            (local.set $n (memory.grow (i32.const 16)))
            (br_if $again (i32.eq (local.get $n) (i32.const -1)))
            (memory.fill (i32.shl (local.get $n) (i32.const 16)) (i32.const 1) (i32.const 1048576))
            (br $again))",
    );
    world(&program).limit(|limits| limits.memory_bytes = 96 << 20).run().ended(End::MemoryLimit);
    Verdict::Held
}

fn more_memory_than_there_is_is_not_given() -> Verdict {
    // 65 533 pages more are the whole of a 32-bit memory: addresses cost nothing, but where the kernel bounds what may
    // be written to, they are refused.
    let program = Program::default().then("(call $number (i32.eq (memory.grow (i32.const 65533)) (i32.const -1)))");
    let ran = world(&program).limit(|limits| limits.memory_bytes = 64 << 20).run().succeeded();
    let by_rlimit = format!("{:?}", ran.outcome.layers.get(Layer::MemoryLimit)).contains("rlimit");
    assert_eq!(ran.stdout, if by_rlimit { "1\n" } else { "0\n" });
    Verdict::Held
}

fn a_huge_table_is_refused() -> Verdict {
    let grow = |elements: u32| {
        let program = Program::default().then(&format!(
            "(call $number (i32.eq (table.grow 0 (ref.null func) (i32.const {elements})) (i32.const -1)))"
        ));
        world(&program).run().succeeded().stdout
    };
    assert_eq!((grow(1000).as_str(), grow(10_000_000).as_str(), grow(u32::MAX - 8).as_str()), ("0\n", "1\n", "1\n"));
    let module = wat::parse_str("(module (table 4000000000 funcref) (func (export \"_start\")))").unwrap();
    let ran = world_of(&module).run();
    assert!(matches!(ran.outcome.end, End::Exited(126 | 134)), "{:?}", ran.outcome.end);
    assert!(ran.stderr.contains("table"), "{}", ran.stderr);
    Verdict::Held
}

fn recursion_without_end_is_a_trap() -> Verdict {
    let program = Program::default()
        .beside("(func $deeper (param i64) (result i64) (i64.add (call $deeper (local.get 0)) (local.get 0)))")
        .then("(drop (call $deeper (i64.const 0)))");
    let ran = world(&program).run().ended(End::Exited(134));
    assert!(ran.stderr.contains("call stack exhausted"), "{}", ran.stderr);
    assert!(ran.stderr.len() < 64 << 10, "{}", ran.stderr.len());
    Verdict::Held
}

fn a_deep_recursion_has_the_stack_of_a_native_program() -> Verdict {
    let program = Program::default()
        .beside(
            "(func $deeper (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.add (call $deeper (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                    (else (i32.const 0))))",
        )
        .then("(call $number (call $deeper (i32.const 60000)))");
    assert_eq!(world(&program).run().succeeded().stdout, "60000\n");
    Verdict::Held
}

fn time_ends_the_run() -> Verdict {
    let program = Program::default().then(SPIN);
    world(&program).limit(|limits| limits.wall_seconds = 1).run().ended(End::WallLimit);
    Verdict::Held
}

fn time_ends_a_module_that_takes_long_to_begin() -> Verdict {
    let module = wat::parse_str(format!("(module (start $begin) (func $begin {SPIN}) (func (export \"_start\")))"));
    world_of(&module.unwrap()).limit(|limits| limits.wall_seconds = 1).run().ended(End::WallLimit);
    Verdict::Held
}

fn talking_without_end_ends_the_run() -> Verdict {
    for stream in [1, 2] {
        let program =
            Program::default().then("(memory.fill (i32.const 65536) (i32.const 27) (i32.const 65536))").then(&format!(
                "(loop $again
                    (drop (call $write (i32.const {stream}) (i32.const 65536) (i32.const 65536)))
                    (br $again))"
            ));
        let ran = world(&program).limit(|limits| limits.output_bytes = 1 << 18).run().ended(End::OutputLimit);
        assert!(ran.stdout.len().max(ran.stderr.len()) <= 1 << 18);
    }
    Verdict::Held
}

fn open_files_are_bounded() -> Verdict {
    let program = Program::default()
        .put("results/x", "x")
        .with(
            "(loop $again (local.set $n (call $open (i32.const 3) {x})) (br_if $again (i32.eqz (local.get $n))))",
            &[("x", "results/x")],
        )
        .then("(call $number (local.get $n)) (call $number (i32.lt_u (i32.load (i32.const 0)) (i32.const 64)))");
    let ran = world(&program).limit(|limits| limits.open_files = 64).run().succeeded();
    // "Input or output": the engine has no word of its own for too many files.
    assert_eq!(ran.stdout, "29\n1\n");
    Verdict::Held
}

fn filling_the_disk_ends_the_run() -> Verdict {
    for (directory, name) in [(3, "results/big"), (3, "datasets/big"), (4, "big"), (5, "big")] {
        let program = Program::default()
            .with(&format!("(call $must (call $create (i32.const {directory}) {{big}}))"), &[("big", name)])
            .then(
                "(local.set $out (i32.load (i32.const 0)))
                (loop $again
                    (local.set $n (call $write (local.get $out) (i32.const 65536) (i32.const 65536)))
                    (br_if $again (i32.eqz (local.get $n))))
                (call $proc_exit (local.get $n))",
            );
        let ran = world(&program).limit(|limits| limits.disk_bytes = 16 << 20).run();
        // Without a file system of its own, one file is bounded by the kernel before the sum is noticed.
        let polled = !ran.outcome.layers.is_active(Layer::MountNamespace);
        let by_file_size = polled && matches!(ran.outcome.end, End::Exited(22) | End::Signalled(25));
        assert!(ran.outcome.end == End::DiskLimit || by_file_size, "{name}: {:?}", ran.outcome.end);
    }
    Verdict::Held
}

fn files_without_end_end_the_run() -> Verdict {
    crate::needs!(MountNamespace);
    // Directories with numbers for names, in letters from a to p.
    let letter = |n: u32| {
        let (at, shift) = (65536 + n, 4 * n);
        let digit = format!("(i32.and (i32.shr_u (local.get $n) (i32.const {shift})) (i32.const 15))");
        format!("(i32.store8 (i32.const {at}) (i32.add (i32.const 97) {digit}))")
    };
    let letters: String = (0..6).map(letter).collect();
    let program = Program::default().then(&format!(
        "(loop $again
            {letters}
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (local.set $out (call $mkdir (i32.const 5) (i32.const 65536) (i32.const 6)))
            (br_if $again (i32.eqz (local.get $out))))
        (call $proc_exit (local.get $out))"
    ));
    world(&program).run().ended(End::DiskLimit);
    Verdict::Held
}
