//! Programs that are not Python's, and what lies beside a program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use prism_agent::runner::{AuxiliaryInput, RunError, Runtime};
use prism_core::code::Coded;

use crate::world::{Verdict, World};
use crate::{needs, tests};

tests!["programs":
    an_executable_runs_with_the_same_contract,
    an_executable_in_a_folder_runs_from_its_entry,
    only_an_executable_for_this_machine_is_executed,
    an_executable_whose_loader_is_missing_is_no_fault_of_an_interpreter,
    auxiliary_files_lie_where_the_program_looks_and_stay_as_they_are,
    an_auxiliary_file_outside_of_home_is_refused,
    a_device_is_there_for_whom_it_was_asked_for,
    what_fails_once_there_is_a_root_is_no_reason_to_run_without_one,
    the_order_of_a_set_is_the_same_in_every_run,
];

/// Reads a dataset, its argument and its surroundings, and writes a result.
const READER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char line[64] = "";
    FILE *in = fopen("datasets/iris.csv", "r"), *out = fopen("results/out.txt", "w");
    if (!in || !out || argc != 2 || !fgets(line, sizeof line, in)) return 3;
    fprintf(out, "%s|%s|%s\n", line, argv[1], getenv("EPOCHS"));
    fclose(out);
    return access(getenv("HOME"), W_OK) || access(getenv("TMPDIR"), W_OK);
}
"#;

/// Compiles a C program: whoever built these tests has a C compiler, because linking needs it.
fn compile(source: &str, target: &Path) {
    let file = target.with_extension("c");
    fs::write(&file, source).unwrap();
    let compiled = Command::new("cc").arg("-o").arg(target).arg(&file).status().unwrap();
    assert!(compiled.success());
    fs::remove_file(file).unwrap();
    // As an asset arrives.
    fs::set_permissions(target, fs::Permissions::from_mode(0o600)).unwrap();
}

fn reader(world: &mut World, file: &Path) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    compile(READER, file);
    world.spec.runtime = Runtime::Binary;
    world.spec.environment.insert("EPOCHS".to_owned(), "3".to_owned());
}

fn an_executable_runs_with_the_same_contract() -> Verdict {
    let mut world = World::python("").file("iris.csv", "a,b").args(["{\"x\": \"$(id)\"}"]);
    let program = world.dir.path().join("program");
    reader(&mut world, &program);
    world.spec.algorithm = program;
    assert_eq!(world.run().succeeded().result("out.txt"), "a,b|{\"x\": \"$(id)\"}|3\n");
    Verdict::Held
}

fn an_executable_in_a_folder_runs_from_its_entry() -> Verdict {
    let mut world = World::python("").file("iris.csv", "a,b").args(["x"]);
    let folder = world.dir.path().join("folder");
    reader(&mut world, &folder.join("bin/program"));
    world.spec.algorithm = folder;
    world.spec.entry = Some("bin/program".to_owned());
    assert_eq!(world.run().succeeded().result("out.txt"), "a,b|x|3\n");
    Verdict::Held
}

fn only_an_executable_for_this_machine_is_executed() -> Verdict {
    let mut world = World::python("");
    let program = world.dir.path().join("program");
    reader(&mut world, &program);
    world.spec.algorithm.clone_from(&program);
    let good = fs::read(&program).unwrap();
    let with = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    for (bytes, found) in [
        (b"#!/bin/sh\ntouch results/x\n".to_vec(), "a script"),
        (b"MZ this is no program for this machine".to_vec(), "another kind of file"),
        (b"".to_vec(), "a file of less than 20 bytes"),
        (with(4, 1), "an ELF file of another width or byte order"),
        (with(16, 1), "an ELF file that is no program"),
        (with(18, 40), "an ELF program for another machine"),
    ] {
        fs::write(&program, bytes).unwrap();
        let refused = world.attempt().err().unwrap();
        assert!(matches!(&refused, RunError::Spec { found: what, .. } if what == found), "{refused}");
        assert_eq!(refused.code(), prism_core::code::Code::RunFailed);
    }
    Verdict::Held
}

fn an_executable_whose_loader_is_missing_is_no_fault_of_an_interpreter() -> Verdict {
    let mut world = World::python("");
    let program = world.dir.path().join("program");
    let file = program.with_extension("c");
    fs::write(&file, "int main(void) { return 0; }").unwrap();
    let loader = "-Wl,--dynamic-linker=/nonexistent/loader";
    assert!(Command::new("cc").arg(loader).arg("-o").arg(&program).arg(&file).status().unwrap().success());
    world.spec.runtime = Runtime::Binary;
    world.spec.algorithm = program;
    let refused = world.attempt().err().unwrap();
    assert!(matches!(&refused, RunError::Spec { found, .. } if found == "ENOENT"), "{refused}");
    Verdict::Held
}

fn auxiliary_files_lie_where_the_program_looks_and_stay_as_they_are() -> Verdict {
    let mut world = World::python(
        "import os, pathlib\n\
         cache = pathlib.Path.home() / '.cache/torch/hub/checkpoints'\n\
         assert (cache / 'resnet18.pth').read_text() == 'weights'\n\
         assert (pathlib.Path.home() / 'models/a/b.txt').read_text() == 'b'\n\
         (cache / 'another').write_text('mine'); (pathlib.Path.home() / '.cache/x').write_text('x')\n\
         try:\n\
         \x20   (cache / 'resnet18.pth').write_text('changed')\n\
         except OSError: pass\n",
    );
    let (weights, models) = (world.dir.path().join("weights"), world.dir.path().join("models"));
    fs::write(&weights, "weights").unwrap();
    fs::set_permissions(&weights, fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir_all(models.join("a")).unwrap();
    fs::write(models.join("a/b.txt"), "b").unwrap();
    world.spec.auxiliary = vec![
        AuxiliaryInput::new(".cache/torch/hub/checkpoints/resnet18.pth", &weights),
        AuxiliaryInput::new("models", models),
    ];
    world.run().succeeded();
    assert_eq!(fs::read_to_string(&weights).unwrap(), "weights");
    assert_eq!(fs::metadata(&weights).unwrap().permissions().mode() & 0o777, 0o600);
    Verdict::Held
}

fn an_auxiliary_file_outside_of_home_is_refused() -> Verdict {
    for place in ["../x", "/etc/x", "", "a/../../x"] {
        let mut world = World::python("");
        let file = world.spec.algorithm.clone();
        world.spec.auxiliary = vec![AuxiliaryInput::new(place, file)];
        let refused = world.attempt().err().unwrap();
        assert!(matches!(refused, RunError::Spec { .. }), "{place}: {refused}");
    }
    Verdict::Held
}

fn a_device_is_there_for_whom_it_was_asked_for() -> Verdict {
    // No GPU is needed to see whether a node is shown: this one is on every machine, and every run is without it.
    let node = Path::new("/dev/tty");
    if !node.exists() {
        return Verdict::Skipped("there is no /dev/tty".to_owned());
    }
    let mut world = World::python(
        "import errno, os\n\
         try: os.open('/dev/tty', os.O_RDWR); print('open')\n\
         except OSError as error: print(errno.errorcode[error.errno])\n",
    );
    let without = world.run().succeeded().stdout;
    assert!(["ENOENT\n", "EACCES\n"].contains(&without.as_str()), "{without}");
    world.spec.devices = vec![node.to_owned()];
    // It is there; a process without a terminal cannot open it.
    assert_eq!(world.run().succeeded().stdout, "ENXIO\n");
    Verdict::Held
}

fn what_fails_once_there_is_a_root_is_no_reason_to_run_without_one() -> Verdict {
    needs!(MountNamespace);
    let mut world = World::python("print('executed')");
    // It was there when the agent woke.
    world.spec.devices = vec![world.dir.path().join("vanished")];
    let refused = world.attempt().err().unwrap();
    assert!(matches!(&refused, RunError::Sandbox { step, .. } if step == "show a device"), "{refused}");
    Verdict::Held
}

fn the_order_of_a_set_is_the_same_in_every_run() -> Verdict {
    let run = || World::python("print(list({str(n) for n in range(100)}))").run().succeeded().stdout;
    assert_eq!(run(), run());
    Verdict::Held
}
