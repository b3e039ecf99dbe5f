//! Wheels that are not what they should be: each is refused with its reason, and nothing of the run begins.

use prism_agent::runner::{RequirementsError, WheelFault};

use crate::packages::{offline, refusal};
use crate::tests;
use crate::wheel::{Wheel, wheelhouse};
use crate::world::Verdict;

tests!["wheels":
    a_wheel_that_reaches_out_of_its_environment_is_refused,
    a_wheel_whose_files_are_not_those_of_its_record_is_refused,
    a_wheel_without_its_own_description_is_refused,
    a_wheel_cannot_replace_the_environments_own_files,
    a_wheel_that_unpacks_to_more_than_there_may_be_is_refused,
    programs_with_names_that_are_paths_or_code_are_refused,
];

fn fault(wheel: Wheel) -> WheelFault {
    let (world, dir) = offline("print('executed')");
    let file = wheel.file.clone();
    wheelhouse(&dir, &[wheel]);
    let found = match refusal(&world) {
        RequirementsError::Wheel { file: named, source } if named == file => source,
        other => panic!("{other:?}"),
    };
    assert!(!world.spec.work.join("stdout").exists());
    found
}

fn a_wheel_that_reaches_out_of_its_environment_is_refused() -> Verdict {
    for name in ["../escaped", "/tmp/escaped", "a/../../../../escaped", "a\\..\\escaped", "./x", "a//b"] {
        let found = fault(Wheel::probe().with(name, ""));
        assert!(matches!(found, WheelFault::Archive { .. }), "{name}: {found:?}");
        let found = fault(Wheel::probe().with(&format!("prism_probe-1.0.data/data/{name}"), ""));
        assert!(matches!(found, WheelFault::Archive { .. }), "{name}: {found:?}");
    }
    for mode in [0o120_777, 0o010_644, 0o020_644, 0o060_644, 0o140_644] {
        let found = fault(Wheel::probe().with_mode("link", "/etc/passwd", mode));
        assert!(matches!(found, WheelFault::Archive { .. }), "{mode:o}: {found:?}");
    }
    Verdict::Held
}

/// A text without the lines that begin so.
fn lines_but(text: &str, beginning: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(beginning)).collect();
    kept.join("\n") + "\n"
}

fn a_wheel_whose_files_are_not_those_of_its_record_is_refused() -> Verdict {
    let probe = || Wheel::probe().with("second.py", "x = 1\n");
    let drop_line = |name: &'static str| move |text: String| lines_but(&text, name);
    let cut_hash = |text: String| lines_but(&text.replace("second.py,sha256=", "second.py,,\nx,sha256="), "x,");
    let second = || "second.py".to_owned();
    let changed = probe().recording(|text| text).replacing("second.py", "x = 2\n");
    let longer = probe().recording(|text| text).replacing("second.py", "x = 10\n");
    for (wheel, expected) in [
        (changed, WheelFault::Content { path: second() }),
        (longer, WheelFault::Content { path: second() }),
        (probe().recording(drop_line("second.py")), WheelFault::Unlisted { path: second() }),
        (probe().recording(|text| text + "third.py,,\n"), WheelFault::Missing { path: "third.py".to_owned() }),
        (
            probe().recording(|text| text.clone() + &text),
            WheelFault::Twice { path: "prism_probe-1.0.dist-info/METADATA".to_owned() },
        ),
        (probe().recording(cut_hash), WheelFault::NoHash { path: second() }),
    ] {
        assert_eq!(fault(wheel), expected);
    }
    // Longer digests of the same family are compared as well.
    let sha512 = "e73veyKgykOKZRFOeqVV-RiHar0CPb8GFYkM-jCLUlHBkx-rU_sUNgozT0yN7lCJ48E3W_3uNVShst_MuAk21g";
    let longer_hash = |text: String| lines_but(&text, "second.py") + &format!("second.py,sha512={sha512},6\n");
    let changed = probe().recording(longer_hash).replacing("second.py", "x = 2\n");
    assert_eq!(fault(changed), WheelFault::Content { path: second() });
    for broken in ["a,b\n", "prism_probe.py,md5=abc,1\n", "../x,,\n"] {
        let found = fault(probe().recording(|text| text + broken));
        assert!(
            matches!(&found, WheelFault::Metadata { file, .. } if file.ends_with("/RECORD")),
            "{broken}: {found:?}"
        );
    }
    Verdict::Held
}

fn a_wheel_without_its_own_description_is_refused() -> Verdict {
    let about = "prism_probe-1.0.dist-info/WHEEL";
    for wheel in [
        Wheel::probe().without(about),
        Wheel::probe().replacing(about, "Wheel-Version: 2.0\n"),
        Wheel::probe().replacing(about, "Tag: py3-none-any\n"),
        Wheel::probe().recording(|_| String::new()),
    ] {
        let found = fault(wheel);
        assert!(matches!(found, WheelFault::Metadata { .. }), "{found:?}");
    }
    let mut renamed = Wheel::new("another", "py3-none-any");
    "prism_probe-1.0-1-py3-none-any.whl".clone_into(&mut renamed.file);
    assert_eq!(fault(renamed), WheelFault::DistInfo { found: 1 });
    assert_eq!(fault(Wheel::probe().with("other-1.0.dist-info/METADATA", "")), WheelFault::DistInfo { found: 2 });
    let scheme = "prism_probe-1.0.data/elsewhere/x";
    assert_eq!(fault(Wheel::probe().with(scheme, "")), WheelFault::Scheme { path: scheme.to_owned() });
    let others = "other-1.0.data/purelib/x";
    assert_eq!(fault(Wheel::probe().with(others, "")), WheelFault::Scheme { path: others.to_owned() });
    for tags in ["cp27-cp27m-linux_x86_64", "py3-none-win32", "x"] {
        let said = format!("Wheel-Version: 1.0\nTag: {tags}\n");
        assert_eq!(fault(Wheel::probe().replacing(about, &said)), WheelFault::Tags { found: tags.to_owned() });
    }
    assert_eq!(
        fault(Wheel::probe().replacing(about, "Wheel-Version: 1.0\n")),
        WheelFault::Tags { found: String::new() }
    );
    Verdict::Held
}

fn a_wheel_cannot_replace_the_environments_own_files() -> Verdict {
    for name in ["pyvenv.cfg", "bin/python", "bin", "lib64", "bin/python3/x"] {
        let found = fault(Wheel::probe().with(&format!("prism_probe-1.0.data/data/{name}"), "#!/bin/sh\n"));
        assert_eq!(found, WheelFault::Occupied { path: name.to_owned() });
    }
    let script = fault(Wheel::probe().with("prism_probe-1.0.data/scripts/python", "#!/bin/sh\n"));
    assert_eq!(script, WheelFault::Occupied { path: "bin/python".to_owned() });
    let program = "[console_scripts]\npython = prism_probe:main\n";
    let program = fault(Wheel::probe().with("prism_probe-1.0.dist-info/entry_points.txt", program));
    assert_eq!(program, WheelFault::Occupied { path: "bin/python".to_owned() });
    let twice = Wheel::probe().with("prism_probe-1.0.data/purelib/prism_probe.py", "VALUE = 43\n");
    assert!(matches!(fault(twice), WheelFault::Twice { .. }));
    Verdict::Held
}

fn a_wheel_that_unpacks_to_more_than_there_may_be_is_refused() -> Verdict {
    let (mut world, dir) = offline("print('executed')");
    world.spec.limits.install_bytes = 1 << 20;
    wheelhouse(&dir, &[Wheel::probe().with("zeros.bin", &"\0".repeat(1 << 20))]);
    match refusal(&world) {
        RequirementsError::Wheel { source, .. } => assert_eq!(source, WheelFault::TooLarge { limit: 1 << 20 }),
        other => panic!("{other:?}"),
    }
    Verdict::Held
}

fn programs_with_names_that_are_paths_or_code_are_refused() -> Verdict {
    for line in ["../x = a:b", "x = a:b; import os", "x"] {
        let text = format!("[console_scripts]\n{line}\n");
        let found = fault(Wheel::probe().with("prism_probe-1.0.dist-info/entry_points.txt", &text));
        assert!(matches!(&found, WheelFault::Metadata { file, .. } if file.ends_with("entry_points.txt")), "{found:?}");
    }
    Verdict::Held
}
