//! Help stands on its own: every command shows an example.

use crate::support::Place;

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // Descriptions that go on are indented deeper.
    lines
        .filter(|line| !line.starts_with("    "))
        .filter_map(|l| l.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn walk(place: &Place, path: &[String], seen: &mut Vec<String>) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = place.prism(&arguments);
    help.ok();
    let name = path.join(" ");
    assert!(help.out.contains("Example"), "`prism {name} --help` has no example:\n{}", help.out);
    assert!(help.out.contains("--json"), "`prism {name}` has no --json");
    for line in help.out.lines() {
        assert!(line.chars().count() <= 110, "`prism {name} --help` is too wide: {line}");
    }
    seen.push(name);
    for command in commands(&help.out) {
        let mut deeper = path.to_vec();
        deeper.push(command);
        walk(place, &deeper, seen);
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let place = Place::new();
    let mut seen = Vec::new();
    walk(&place, &[], &mut seen);
    for expected in [
        "keys new",
        "checksum",
        "manifest approve",
        "policy new",
        "policy check",
        "policy show",
        "requirements lock",
        "requirements wheelhouse",
        "measure snp",
        "measure log",
        "simulator root",
        "simulate evidence",
        "simulate mutations",
        "agent serve",
        "attester probe",
        "attest",
        "attestation verify",
        "algo",
        "data",
        "watch",
        "logs",
        "metrics",
        "status",
        "stop",
        "result",
        "transcript",
        "audit",
        "keys identity",
        "seal",
        "open",
        "endorsements fetch",
        "endorsements check",
        "endorsements show",
        "doctor",
        "explain",
        "completions",
    ] {
        assert!(seen.iter().any(|name| name == expected), "{expected} is missing in {seen:?}");
    }
}

#[test]
fn the_help_documents_every_exit_code() {
    let help = Place::new().run("--help").out;
    for code in ["0  done", "1  ", "2  ", "3  ", "4  ", "5  ", "6  ", "7  ", "130  "] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(code)), "{code}");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.prism(&["completions", shell]);
        assert!(script.ok().out.contains("checksum"), "{shell}");
    }
}
