//! What programs leave in `results/`: regular files under names that every system can tell apart are taken, nothing
//! else, and nothing is followed.

use prism_agent::runner::{CollectError, Collected, End, Layer, ResultLimits, collect_results};

use super::{Outside, the_next_run_succeeds};
use crate::world::{Verdict, World, available};

/// What is taken: names in order, and how many entries stay inside as links and the like, and for their names.
type Taken = Result<(&'static [&'static str], usize, usize), &'static str>;

/// A name, a program, and what is taken; the program's first argument is a folder of the agent with a file `agent.key`.
type Row = (&'static str, &'static str, Taken);

const MISSING: Taken = Err("missing");
const TOO_LARGE: Taken = Err("too large");
const TOO_MANY: Taken = Err("too many");

const ROWS: &[Row] = &[
    (
        "links instead of results",
        "os.symlink(S + '/agent.key', R + 'key'); os.symlink(S, R + 'state'); os.symlink('/', R + 'root')\n\
         os.symlink('model', R + 'self'); write('model')",
        Ok((&["model"], 4, 0)),
    ),
    (
        "pipes and sockets instead of results",
        "import socket\nos.mkfifo(R + 'pipe'); socket.socket(socket.AF_UNIX).bind(R + 'socket'); write('model')",
        Ok((&["model"], 2, 0)),
    ),
    ("two names of one result", "write('a'); os.link(R + 'a', R + 'b')", Ok((&["a", "b"], 0, 0))),
    (
        "names that type into a terminal",
        "for name in ('\\x1b]0;x\\x07', 'a\\nb', 'a\\rb', '\\x7f', '\\x9b', 'a\\tb'): write(name)\nwrite('model')",
        Ok((&["model"], 0, 6)),
    ),
    (
        "names that are no text",
        "for name in (b'\\xff', b'\\xc3\\x28', b'\\xed\\xa0\\x80'): open(b'results/' + name, 'w').close()\nwrite('model')",
        Ok((&["model"], 0, 3)),
    ),
    (
        "names that lead elsewhere",
        "for name in ('C:', 'a\\\\b', '..\\\\up', '-rf', '~', '...'): write(name)\nwrite('model')",
        Ok((&["-rf", "...", "model", "~"], 0, 3)),
    ),
    ("the longest name", "write('x' * 255); write('model')", Ok((&["model", LONGEST], 0, 0))),
    ("twins but for case", "write('Model'); write('model'); write('MODEL')", Ok((&["MODEL"], 0, 2))),
    ("twins but for accents", "write('caf\\u00e9'); write('cafe\\u0301')", Ok((&["cafe\u{301}"], 0, 1))),
    ("a folder like a file", "os.mkdir(R + 'a'); write('a/x'); write('A')", Ok((&["A"], 0, 1))),
    ("results beside results", "os.rename('results', 'other'); os.symlink('other', 'results')", MISSING),
    ("results that are the agent's", "os.rmdir('results'); os.symlink(S, 'results')", MISSING),
    ("results that are a file", "os.rmdir('results'); open('results', 'w').close()", MISSING),
    ("no results", "os.rmdir('results')", MISSING),
    ("results that are nothing but long", "f = open(R + 'x', 'w'); f.truncate(48 << 20)", TOO_LARGE),
    ("many long results", "for i in range(9): open(R + str(i), 'w').truncate(4 << 20)", TOO_LARGE),
    ("more results than there may be", "for i in range(10_001): os.close(os.open(R + str(i), os.O_CREAT))", TOO_MANY),
    ("folders too deep for an archive", "os.makedirs(R + '/'.join('d' * 40)); write('model')", TOO_MANY),
    ("folders five thousand deep", "os.chdir(R)\nfor _ in range(5_000): os.mkdir('d'); os.chdir('d')", TOO_MANY),
];

const LONGEST: &str = match str::from_utf8(&[b'x'; 255]) {
    Ok(name) => name,
    Err(_) => "",
};

const PRELUDE: &str = "
import os, sys
R, S = 'results/', sys.argv[1]
def write(name): open(R + name, 'w').write('x')
";

pub(super) fn names() -> Vec<&'static str> {
    ROWS.iter().map(|(name, ..)| *name).collect()
}

pub(super) fn each_is_taken_as_it_is_or_not_at_all() -> Verdict {
    let outside = Outside::new();
    let state = outside.at("state");
    let mut wrong = Vec::new();
    for (name, program, expected) in ROWS {
        let world = World::python(&format!("{PRELUDE}{program}\n")).args([state.to_str().unwrap()]);
        let ran = world.limit(|limits| limits.disk_bytes = 1 << 30).run();
        // Where the disk is walked, what is too deep to be walked ends the run.
        let deep = !available().is_active(Layer::MountNamespace) && name.contains("thousand deep");
        if deep && ran.outcome.end == End::DiskLimit {
            continue;
        }
        let mut limits = ResultLimits::default();
        limits.total_bytes = 32 << 20;
        let found = collect_results(&ran.outcome.results, &limits);
        if ran.outcome.end != End::Exited(0) || !fits(&found, expected) {
            wrong.push(format!("{name}: {:?} {found:?} {}", ran.outcome.end, ran.stderr));
        }
    }
    outside.is_untouched();
    the_next_run_succeeds();
    assert!(wrong.is_empty(), "{wrong:#?}");
    Verdict::Held
}

fn fits(found: &Result<Collected, CollectError>, expected: &Taken) -> bool {
    match (found, expected) {
        (Ok(found), Ok((names, special, misnamed))) => {
            let taken: Vec<&str> = found.files.iter().map(prism_agent::runner::ResultFile::name).collect();
            taken == *names && found.withheld.special == *special && found.withheld.misnamed == *misnamed
        }
        (Err(CollectError::Missing), Err(reason)) => *reason == "missing",
        (Err(CollectError::TooLarge { .. }), Err(reason)) => *reason == "too large",
        (Err(CollectError::TooMany { .. }), Err(reason)) => *reason == "too many",
        _ => false,
    }
}
