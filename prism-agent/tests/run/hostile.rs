//! Programs that take more than they were given: each ends for its own reason, and the agent answers the next request.

use prism_core::audit::entry::{Event, Outcome, RunEnd};
use prism_core::manifest::Limits;

use crate::common::{Peer, wire};
use crate::endings::{end, events};
use crate::scene::{bring_everything, computation_with, start};

crate::tests![an_agent_answers_after_every_hostile_program];

/// What is tried, with which program, under which limit, and how it may end.
struct Attempt {
    what: &'static str,
    program: &'static str,
    limit: fn(&mut Limits),
    ends: &'static [RunEnd],
}

const ATTEMPTS: &[Attempt] = &[
    Attempt {
        what: "a fork bomb",
        program: "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        limit: |limits| limits.processes = 32,
        ends: &[RunEnd::ProcessLimit],
    },
    Attempt {
        what: "memory without end",
        program: "held = []\nwhile True:\n  try: held.append(bytearray(b'x' * (1 << 24)))\n  except MemoryError: pass",
        limit: |limits| limits.memory_bytes = 128 << 20,
        ends: &[RunEnd::MemoryLimit],
    },
    Attempt {
        what: "a disk filled and held",
        program: "import time\n\
            try:\n\
            \x20 with open('results/x', 'wb', 0) as out:\n\
            \x20   while True: out.write(bytes(1 << 20))\n\
            except OSError: time.sleep(600)",
        limit: |limits| limits.disk_bytes = 8 << 20,
        ends: &[RunEnd::DiskLimit],
    },
    Attempt {
        what: "a flood of words",
        program: "import sys\nwhile True: sys.stdout.write('\\x1b[2J' * 10000)",
        limit: |limits| limits.output_bytes = 1 << 20,
        ends: &[RunEnd::OutputLimit],
    },
    Attempt {
        what: "a survivor that outlives its family",
        program: "import os, time\n\
            if os.fork() == 0:\n\
            \x20 os.setsid()\n\
            \x20 if os.fork() == 0: time.sleep(600)\n\
            \x20 os._exit(0)\n\
            raise SystemExit(3)",
        limit: |_| {},
        ends: &[RunEnd::Exited],
    },
];

async fn an_agent_answers_after_every_hostile_program() {
    for Attempt { what, program, limit, ends } in ATTEMPTS {
        let computation = computation_with(program, |manifest| limit(&mut manifest.algorithm.limits));
        let agent = start(&computation).await;
        let mut peer = Peer::join(&agent, &computation, "lab").await;
        bring_everything(&agent, &computation).await;
        assert_eq!(agent.wait_closed().await, Some(Outcome::Failed), "{what}");
        let status = peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.state, "Closed", "{what}");
        let log = events(&mut peer).await;
        assert!(ends.contains(&end(&log).0), "{what}: {:?}", end(&log));
        assert!(!log.iter().any(|event| matches!(event, Event::ResultSealed(_))), "{what}");
        // Somebody who was not there meanwhile is let in, too.
        Peer::join(&agent, &computation, "hospital-1").await;
        agent.shutdown().await;
    }
}
