//! Attempts in C, for what Python's interpreter would not do: entry points, structures, processes that are fast.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{LazyLock, OnceLock};

use prism_agent::runner::{DatasetInput, End};

use super::{Outside, hold, the_next_run_succeeds};
use crate::life;
use crate::world::{Verdict, World};

const SOURCE: &str = include_str!("probe.c");

/// The names of its attempts, as the table in the source has them.
pub(super) static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let names = SOURCE.lines().filter_map(|line| line.trim().strip_prefix("{\"c: "));
    names
        .map(|rest| &SOURCE[rest.as_ptr() as usize - SOURCE.as_ptr() as usize - 3..][..rest.find('"').unwrap() + 3])
        .collect()
});

/// The program, compiled once; `None` without a compiler.
fn compiled() -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let home = tempfile::tempdir().unwrap().keep();
        let (source, program) = (home.join("probe.c"), home.join("probe"));
        std::fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        let status = compiler.arg("-O1").arg("-o").arg(&program).arg(&source).status().ok()?;
        assert!(status.success(), "the attempts in C do not compile");
        Some(program)
    };
    PROGRAM.get_or_init(compile).as_ref()
}

/// A program that starts the compiled one with `arguments`: datasets are for reading, so it makes a copy to execute.
fn world(arguments: &[&str]) -> Option<World> {
    let mut world = World::python(
        "import os, sys\n\
         path = os.environ['TMPDIR'] + '/probe'\n\
         with open(path, 'wb', opener=lambda p, f: os.open(p, f, 0o755)) as f: f.write(open('datasets/probe', 'rb').read())\n\
         os.execv(path, [path] + sys.argv[1:])\n",
    );
    world.spec.datasets.push(DatasetInput::new("probe".parse().unwrap(), compiled()?));
    world.spec.args = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Some(world)
}

fn no_compiler() -> Verdict {
    Verdict::Skipped("THERE IS NO C COMPILER (cc): install one, these attempts were not made".to_owned())
}

pub(super) fn every_attempt_fails() -> Verdict {
    let outside = Outside::new();
    let agent = std::process::id().to_string();
    let (key, state) = (outside.at("state/agent.key"), outside.at("state"));
    let Some(world) = world(&[&agent, key.to_str().unwrap(), state.to_str().unwrap(), &outside.name]) else {
        return no_compiler();
    };
    let ran = world.run().succeeded();
    hold(&ran.stdout, &NAMES);
    outside.is_untouched();
    the_next_run_succeeds();
    Verdict::Held
}

pub(super) fn nothing_that_begets_and_dies_survives() -> Verdict {
    let Some(world) = world(&["beget"]) else { return no_compiler() };
    let before = life::children_of_ours();
    let ran = world.run();
    // Where the kernel counts the dead that nobody has buried, they are too many before the program ends.
    assert!(matches!(ran.outcome.end, End::Exited(0) | End::ProcessLimit), "{:?} {}", ran.outcome.end, ran.stderr);
    assert_eq!(ran.outcome.survivors, 0);
    assert!(!ran.stdout.is_empty(), "nobody begot anybody");
    // Orphans would be somebody else's children by now: what is looked for is the program's file.
    assert_eq!(life::running("/probe"), Vec::<String>::new());
    assert_eq!(life::children_of_ours(), before);
    the_next_run_succeeds();
    Verdict::Held
}
