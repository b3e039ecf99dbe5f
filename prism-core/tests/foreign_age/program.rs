//! The program `age`, where it is installed: version 1.1 knows X25519, version 1.3 hybrid files too.

use std::path::Path;
use std::process::Command;

use prism_core::seal::{Identity, RecipientKind};

use super::{SIZES, data, directory, identity, opened, sealed};

/// Runs `age` on two files; what it says when it fails.
fn age(args: &[&str], output: &Path, input: &Path) -> Result<(), String> {
    let output = Command::new("age").args(args).arg("-o").arg(output).arg(input).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn both_ways(ours: &Identity, work: &Path) {
    let file = |name: &str| work.join(name);
    std::fs::write(file("identity"), ours.to_text().as_bytes()).unwrap();
    let recipient = ours.recipient().to_string();
    for size in SIZES {
        std::fs::write(file("plain"), data(size)).unwrap();
        age(&["-r", &recipient], &file("theirs.age"), &file("plain")).unwrap();
        assert!(opened(&std::fs::read(file("theirs.age")).unwrap(), ours).unwrap() == data(size), "{size}");
        std::fs::write(file("ours.age"), sealed(&data(size), ours)).unwrap();
        // The program makes no file when there is nothing to write, and an earlier run may have left one.
        let _ = std::fs::remove_file(file("opened"));
        age(&["-d", "-i", file("identity").to_str().unwrap()], &file("opened"), &file("ours.age")).unwrap();
        assert!(std::fs::read(file("opened")).unwrap_or_default() == data(size), "{size}");
    }
}

#[test]
fn the_age_program_and_we_open_each_others() {
    let version = match Command::new("age").arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => return println!("skipped: the program age is not installed ({error})"),
    };
    let work = directory("age-program").unwrap();
    both_ways(&identity(RecipientKind::X25519), &work);
    let hybrid = identity(RecipientKind::Hybrid);
    std::fs::write(work.join("plain"), b"").unwrap();
    match age(&["-r", &hybrid.recipient().to_string()], &work.join("probe.age"), &work.join("plain")) {
        Ok(()) => both_ways(&hybrid, &work),
        Err(_) => println!("skipped in part: age {version} does not know hybrid recipients"),
    }
}
