//! Secrets, looked for wherever they could be: in what is printed and logged, on the agent's disk, in its memory, in a
//! core dump.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

#[path = "../../../../prism-core/tests/secrets/marked.rs"]
mod marked;
mod memory;

use std::fs::{self, File};
use std::os::unix::fs::lchown;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use age::Identity as _;
use age::secrecy::ExposeSecret as _;
use age_core::format::Stanza;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prism_core::digest::Salt;

use self::marked::Marked;
use self::memory::{gone, line, may_look, owner_of_memory, there};
use crate::agent::{Agent, NAMES, rehearsal_of};
use crate::cable::cable;
use crate::kill::released;
use crate::support::{Place, Said, files};

const SIGNED: &str = "secret.prism";
const UPLOAD: &str = "data large.csv --key hospital.key --salt h.salt";
const RESULT: &str = "result --key institute.key --recipient x25519 --keep-sealed -o results.zip";

/// An ordinary user that no machine knows.
pub(crate) const SOMEONE: u32 = 54_321;

/// In every line of the dataset.
const CONTENT: &str = "patient 4711 of the canary islands";

/// Shows everything that it sees.
const LOUD: &str = "\
import os, sys
os.makedirs('results', exist_ok=True)
for folder, _, names in os.walk('datasets'):
    for name in names:
        data = open(os.path.join(folder, name)).read()
        print(data[:4096])
        print(data[:4096], file=sys.stderr)
        open('results/copy', 'w').write(data)
";

/// The bytes of the salt: no part of it is found by chance.
fn salt() -> Vec<u8> {
    (0..32_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// A place whose dataset is salted and takes more than one frame.
fn scene() -> Place {
    let place = rehearsal_of(LOUD, |draft| draft);
    place.write("large.csv", format!("{CONTENT}\n").repeat(200_000));
    let salt = Salt::from_bytes(salt().try_into().unwrap());
    place.write("h.salt", salt.to_text().as_bytes());
    place.set_mode("h.salt", 0o600);
    let checksum = place.run("checksum large.csv --salt h.salt --json").ok().json();
    let (digest, size) = (&checksum["files"][0]["digest"], &checksum["files"][0]["size"]);
    let dataset = format!("name = \"large.csv\"\ndigest = {digest}\nsize = {size}");
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    place.write("secret.toml", draft.replace("file = \"h1\"", &dataset));
    place.sign("secret.toml", SIGNED);
    place
}

/// An agent that logs all it can to `agent.err`.
fn talkative(place: &Place) -> Agent<'_> {
    let mut command = place.serve("simulated", "127.0.0.1:0", SIGNED);
    command.env("PRISM_LOG", "trace").stderr(File::create(place.path("agent.err")).unwrap());
    place.started(command, SIGNED)
}

/// The seed in a private key file (PKCS#8 version 1 of Ed25519 ends with it) and the text around it.
fn signing_key(place: &Place, name: &'static str) -> [Marked; 2] {
    let pem = String::from_utf8(place.read(&format!("{name}.key"))).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(&body).unwrap();
    [Marked::bytes(name, &der[der.len() - 32..]), Marked::text(name, &body)]
}

/// The key of the result: what the consumer's identity opens in the header.
fn file_key(place: &Place) -> Marked {
    let beside = |part: &str| {
        let named = |path: &std::path::PathBuf| path.to_string_lossy().contains(part);
        fs::read(files(&place.path(".")).into_iter().find(named).unwrap()).unwrap()
    };
    let header = String::from_utf8(beside("results.zip.header-")).unwrap();
    let mut lines = header.lines().skip(1);
    let share = lines.next().unwrap().strip_prefix("-> X25519 ").unwrap();
    let body = STANDARD_NO_PAD.decode(lines.next().unwrap()).unwrap();
    let stanza = Stanza { tag: "X25519".to_owned(), args: vec![share.to_owned()], body };
    let identity = identity(&String::from_utf8(beside("results.zip.identity")).unwrap());
    let identity: age::x25519::Identity = identity.parse().unwrap();
    let key = identity.unwrap_stanza(&stanza).unwrap().unwrap();
    Marked::bytes("the result's key", key.expose_secret())
}

/// The identity in the text of its file.
fn identity(file: &str) -> String {
    file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap().to_owned()
}

#[test]
fn a_salt_and_the_data_are_in_the_agents_memory_only_while_they_are_used() {
    let place = scene();
    let (salt, content) = (Marked::bytes("the salt", &salt()), Marked::text("the dataset", CONTENT));
    let agent = place.agent(SIGNED);
    if !may_look(&agent) {
        return;
    }
    let cable = cable(&agent.address, 1 << 20);
    let mut client = agent.command(UPLOAD);
    client.env("PRISM_AGENT_URL", &cable.address).stdout(Stdio::null());
    let mut client = client.spawn().unwrap();
    cable.full.recv_timeout(Duration::from_mins(2)).unwrap();
    there(&agent, &salt);
    there(&agent, &content);
    drop(cable.hold);
    assert!(client.wait().unwrap().success());
    gone(&agent, &salt);
    gone(&agent, &content);
}

#[test]
fn the_key_of_a_result_is_gone_from_memory_once_it_is_confirmed() {
    let place = scene();
    let mut agent = place.agent(SIGNED);
    agent.run(UPLOAD).ok();
    agent.run("algo train.py --key lab.key").ok();
    agent.until("Delivering");
    released(&place, &agent, RESULT);
    if !may_look(&agent) {
        return;
    }
    let key = file_key(&place);
    there(&agent, &key);
    agent.run(RESULT).ok();
    gone(&agent, &key);
    // The result is all that the dataset was.
    gone(&agent, &Marked::text("the result", CONTENT));
}

/// A whole day, with what goes wrong on such a day; all that was said meanwhile.
fn day(place: &Place) -> Vec<Said> {
    let mut agent = talkative(place);
    place.write("other.csv", format!("{CONTENT}!\n"));
    place.write("no.salt", "00".repeat(32));
    place.set_mode("no.salt", 0o600);
    let mut all = vec![
        agent.run("data other.csv --key hospital.key --salt h.salt"),
        agent.run("data large.csv --key hospital.key --salt no.salt"),
        agent.run("data large.csv --key hospital.key"),
        agent.run("data large.csv --key lab.key --salt h.salt"),
        agent.run("data large.csv --key h.salt --salt hospital.key"),
        agent.run("algo train.py --key large.csv"),
        agent.run("open large.csv --identity hospital.key -o opened"),
        agent.run("doctor --key hospital.key --json"),
        agent.run(UPLOAD),
        agent.run("algo train.py --key lab.key"),
    ];
    agent.until("Delivering");
    released(place, &agent, RESULT);
    let wrong = "open results.zip.age --identity hospital.key -o opened";
    let last = [RESULT, wrong, "watch --key lab.key --json", "transcript -o run.transcript --key hospital.key"];
    all.extend(last.map(|line| agent.run(line)));
    all.push(place.run("audit run.transcript --json"));
    assert_eq!(agent.terminate(), 0);
    all
}

#[test]
fn no_secret_is_in_what_is_said_logged_or_left_on_disk() {
    let place = scene();
    let said = day(&place);
    assert!(said.iter().filter(|said| said.code == 0).count() >= 6, "the day goes well in the end");
    assert!(said.iter().filter(|said| said.code != 0).count() >= 6, "and has its errors");
    let kept = String::from_utf8(place.read("results.zip.identity")).unwrap();
    let mut secrets = vec![
        Marked::bytes("the salt", &salt()),
        Marked::text("the dataset", CONTENT),
        Marked::text("the identity", &identity(&kept)),
    ];
    secrets.extend(NAMES.into_iter().flat_map(|name| signing_key(&place, name)));
    let mut places: Vec<(String, Vec<u8>)> = vec![("stdout and stderr of clients".to_owned(), spoken(&said))];
    for path in
        [vec![place.path("agent.err"), place.path("run.transcript")], files(&place.path("agent-state"))].concat()
    {
        places.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    for (place, content) in &places {
        let found: Vec<String> = secrets.iter().flat_map(|secret| secret.found_in(content)).collect();
        assert!(found.is_empty(), "{place}: {found:?}");
    }
    let log = &places[1].1;
    assert!(log.len() > 10_000, "at trace level the agent says more than {} bytes", log.len());
    let salted = secrets[0].found_in(&place.read("h.salt"));
    assert!(!salted.is_empty(), "the scan would find what is there");
}

fn spoken(said: &[Said]) -> Vec<u8> {
    said.iter().flat_map(|said| [said.out.as_bytes(), said.err.as_bytes()].concat()).collect()
}

/// `program` with all that `command` has: arguments, folder, environment.
pub(crate) fn with_program(program: impl AsRef<std::ffi::OsStr>, first: &[&str], command: &Command) -> Command {
    let mut other = Command::new(program);
    other.args(first).args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    other.env_clear().stdin(Stdio::null());
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other
}

/// `command` in a shell that sets a limit first.
pub(crate) fn limited(command: &Command, limit: &str) -> Command {
    let program = command.get_program().to_str().unwrap();
    with_program("sh", &["-c", &format!("{limit}; exec \"$0\" \"$@\""), program], command)
}

/// An agent that is started by an ordinary user, to whom everything in the place belongs, under a limit.
fn by_someone(place: &Place, limit: &str) -> Command {
    let command = place.serve("simulated", "127.0.0.1:0", SIGNED);
    if !rustix::process::geteuid().is_root() {
        return limited(&command, limit);
    }
    // The build directory may be closed to others.
    let program = place.path("prism");
    fs::copy(command.get_program(), &program).unwrap();
    chown(&place.path("."));
    let mut command = limited(&with_program(&program, &[], &command), limit);
    command.uid(SOMEONE).gid(SOMEONE);
    command
}

pub(crate) fn chown(path: &Path) {
    lchown(path, Some(SOMEONE), Some(SOMEONE)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            chown(&entry.unwrap().path());
        }
    }
}

#[test]
fn an_agent_that_crashes_leaves_no_core_dump() {
    let place = scene();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited && kill -QUIT $$"]).current_dir(place.path("."));
    if !shell.status().unwrap().core_dumped() {
        println!("skipped: this machine writes no core dumps");
        return;
    }
    let serve = limited(&place.serve("simulated", "127.0.0.1:0", SIGNED), "ulimit -c unlimited");
    let agent = place.started(serve, SIGNED);
    let limits = line(&agent, "limits", "Max core file size");
    let status = agent.ended_by("QUIT");
    assert_eq!((status.signal(), status.core_dumped()), (Some(3), false));
    assert_eq!(limits[..2], ["1", "1"], "a handler that reads from a pipe is started unless the limit is 1");
}

#[test]
fn an_ordinary_users_agent_is_closed_to_that_user_and_still_runs_algorithms() {
    let place = scene();
    let mut agent = place.started(by_someone(&place, ":"), SIGNED);
    assert_eq!(owner_of_memory(&agent), 0, "its memory belongs to its user");
    agent.run(UPLOAD).ok();
    agent.run("algo train.py --key lab.key").ok();
    agent.until("Delivering");
}

#[test]
fn an_asset_beyond_a_limit_on_files_is_refused_and_the_agent_lives_on() {
    let place = scene();
    // The dataset has 7 MB.
    let agent = place.started(limited(&place.serve("simulated", "127.0.0.1:0", SIGNED), "ulimit -f 4096"), SIGNED);
    agent.run(UPLOAD).refused(6, "agent.full");
    let status = agent.run("status --key hospital.key --json").ok().json();
    assert!(status["assets"].as_array().unwrap().iter().all(|asset| asset["accepted"] == false), "{status}");
    assert_eq!(agent.terminate(), 0);
}

#[test]
fn an_agent_says_what_keeps_its_memory_to_itself() {
    let place = scene();
    let agent = talkative(&place);
    let log = String::from_utf8(place.read("agent.err")).unwrap();
    for precaution in ["no-core-dumps", "no-inspection", "no-swap"] {
        assert!(log.contains(&format!("\"{precaution}\"")), "{precaution} is missing in {log}");
    }
    let locked = log.contains("memory locked");
    assert_eq!(locked, line(&agent, "status", "VmLck:")[0] != "0", "what is said is so");
    if rustix::process::geteuid().is_root() && !locked {
        println!("this root may not lock memory");
    }
}

#[test]
fn an_agent_that_may_not_lock_all_its_memory_locks_none_and_says_why() {
    let place = scene();
    let mut serve = by_someone(&place, "ulimit -l 8192");
    serve.env("PRISM_LOG", "info").stderr(File::create(place.path("agent.err")).unwrap());
    let agent = place.started(serve, SIGNED);
    assert_eq!(line(&agent, "status", "VmLck:")[0], "0");
    let log = String::from_utf8(place.read("agent.err")).unwrap();
    assert!(log.contains("unavailable (only 8388608 bytes may be locked"), "{log}");
}

/// Says how much of its own memory is locked, where it can see that.
const LOCKED: &str = "\
try:
    print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmLck')][0])
except OSError:
    print('closed')
";

#[test]
fn what_an_agent_executes_does_not_inherit_locked_memory() {
    let place = rehearsal_of(LOCKED, |draft| format!("{draft}[logs]\nstdout = [\"lab\"]\n"));
    let mut agent = place.agent("covid19.prism");
    agent.give();
    agent.until("Delivering");
    let said = agent.run("logs --key lab.key");
    assert!(["0\n", "closed\n"].contains(&said.ok().out.as_str()), "{}", said.out);
}
