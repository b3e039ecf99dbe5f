//! The program `age`, where it is installed or Go can make it: version 1.1 knows X25519, version 1.3 hybrid files too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity, Passphrase, RecipientKind, Sealer};
use zeroize::Zeroizing;

use super::{SIZES, data, directory, identity, opened, sealed};

/// What Go makes where there is no `age`.
const PACKAGE: &str = "filippo.io/age/cmd/age@v1.3.1";

/// The program, made once under the build directory where none is installed.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let runs =
            |path: &Path| Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success());
        let bin = directory("age-go").unwrap();
        let candidates = [PathBuf::from("age"), bin.join("age")];
        if let Some(found) = candidates.iter().find(|path| runs(path)) {
            return Some(found.clone());
        }
        let made = Command::new("go").args(["install", PACKAGE]).env("GOBIN", &bin).output();
        if runs(&candidates[1]) {
            return Some(candidates[1].clone());
        }
        println!("skipped: the program age is not installed, and Go does not make it: {made:?}");
        None
    };
    PROGRAM.get_or_init(find).as_deref()
}

/// Runs `age` on two files; what it says when it fails.
fn age(args: &[&str], output: &Path, input: &Path) -> Result<(), String> {
    let output = Command::new(program().unwrap()).args(args).arg("-o").arg(output).arg(input).output().unwrap();
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
    let Some(age_program) = program() else { return };
    let work = directory("age-program").unwrap();
    both_ways(&identity(RecipientKind::X25519), &work);
    let hybrid = identity(RecipientKind::Hybrid);
    std::fs::write(work.join("plain"), b"").unwrap();
    match age(&["-r", &hybrid.recipient().to_string()], &work.join("probe.age"), &work.join("plain")) {
        Ok(()) => both_ways(&hybrid, &work),
        Err(_) => println!("skipped in part: {} is too old for hybrid recipients", age_program.display()),
    }
}

#[test]
fn the_age_program_opens_what_a_passphrase_sealed() {
    let Some(program) = program() else { return };
    let Ok(probe) = Command::new("script").arg("--version").output() else {
        return println!("skipped: age asks a terminal for the passphrase, and there is no `script` to pretend one");
    };
    assert!(probe.status.success());
    let (work, mut file) = (directory("age-passphrase").unwrap(), Vec::new());
    let passphrase = Passphrase::new(Zeroizing::new("correct horse".to_owned()));
    Sealer::under(&passphrase).seal(b"data".as_slice(), &mut SystemEntropy::default(), &mut file).unwrap();
    std::fs::write(work.join("ours.age"), file).unwrap();
    let _ = std::fs::remove_file(work.join("opened"));
    let command = format!("{} -d -o opened ours.age", program.display());
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]).current_dir(&work).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = terminal.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let opened = std::fs::read(work.join("opened")).unwrap_or_default();
    assert_eq!(opened, b"data", "{}", String::from_utf8_lossy(&output.stdout));
}
