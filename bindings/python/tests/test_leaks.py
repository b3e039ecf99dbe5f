"""Ten thousand objects of each native class, made and dropped: neither memory nor files nor threads are left."""

import ctypes
import gc
import os
import subprocess
import sys
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import prism
from prism import _prism
from scene import Scene
from test_interrupts import until

ROUNDS = int(os.environ.get("PRISM_TEST_ROUNDS", "10000"))
# What needs a connection or an agent of its own takes longer; all of it: PRISM_TEST_CONNECTIONS=10000.
CONNECTIONS = int(os.environ.get("PRISM_TEST_CONNECTIONS", "80"))
AGENTS = int(os.environ.get("PRISM_TEST_AGENTS", "10"))

# What allocators keep for themselves may differ by this, in KiB, whatever the number of rounds.
SLACK = 4 << 10


def memory() -> int:
    """Anonymous memory of this process in KiB, without what the allocator keeps for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


@unittest.skipUnless(Path("/proc/self/status").exists(), "skipped: this system has no /proc")
class Leaks(Scene):
    def drop(self, name: str, make: Callable[[], object], rounds: int) -> None:
        """Half of the rounds warm everything up; the other half must leave nothing."""
        for _ in range(rounds // 2):
            make()
        before = memory()
        for _ in range(rounds - rounds // 2):
            make()
        # Tasks and connections of what was dropped end by themselves, on threads of their own.
        end = time.monotonic() + 30
        while (grown := memory() - before) >= SLACK and time.monotonic() < end:
            os.sched_yield()
        sys.stderr.write(f"measured: {name}: {rounds} rounds, {grown} KiB, {files()} files, {threads()} threads\n")
        self.assertLess(grown, SLACK, name)

    def test_what_lives_in_memory_leaves_nothing(self) -> None:
        signed, draft = self.sign(), self.terms._native
        envelope, content, pem = signed.save(self.folder / "signed").read_bytes(), draft.content(), self.lab.public.pem
        path, keep = self.folder / "lab.pub", bytearray(1000)
        identity = _prism.Identity.generate(False)
        identity.save(self.folder / "identity")
        makes: dict[str, Callable[[], object]] = {
            "SigningKey": lambda: _prism.SigningKey.generate("ed25519"),
            "SigningKey from a file": lambda: _prism.SigningKey.load(self.folder / "lab.key").public(),
            "PublicKey": lambda: _prism.PublicKey.from_pem(pem),
            "Terms": lambda: _prism.Terms.read(content),
            "SignedManifest": lambda: _prism.SignedManifest.read(envelope).terms(),
            "Source of a file": lambda: _prism.Source.open(path),
            "Source of a folder": lambda: _prism.Source.open(self.folder),
            "Source of an array": lambda: _prism.Source.of_buffer(memoryview(keep)),
            "Source of a reader": lambda: _prism.Source.of_reader(1, lambda at, count: b"x"),
            "Asset that is measured": lambda: prism.Asset.from_bytes(b"x" * 1000).measure(lambda read: None),
            "Identity": lambda: _prism.Identity.generate(False),
            "Identity from a file": lambda: _prism.Identity.load(self.folder / "identity").recipient(),
            "Cancel": lambda: _prism.cancellable(_prism.Cancel(), lambda: None),
            "deadline": lambda: _prism.within(1, lambda: None),
            "error": lambda: self.fails(lambda: prism.Key.load("nowhere")),
            "error of a callback": lambda: self.fails(
                lambda: prism.Asset.from_bytes(b"x").measure(lambda read: self.fail())
            ),
        }
        before = files()
        for name, make in makes.items():
            with self.subTest(name):
                self.drop(name, make, ROUNDS)
        self.assertEqual(files(), before)

    def fails(self, call: Callable[[], object]) -> None:
        try:
            call()
        except (prism.PrismError, AssertionError):
            pass

    def test_what_an_agent_tells_leaves_nothing(self) -> None:
        agent = prism.connect(self.serve().address, self.sign(), self.lab)
        session = agent._session(None)
        makes: dict[str, tuple[Callable[[], object], int]] = {
            "Watch": (lambda: session.watch(0), ROUNDS),
            "Logs": (session.logs, ROUNDS),
            "Metrics": (session.metrics, ROUNDS),
            "Watch that is read": (lambda: session.watch(0).next(0), CONNECTIONS),
            "status": (session.status, CONNECTIONS),
        }
        before = files()
        for name, (make, rounds) in makes.items():
            with self.subTest(name):
                self.drop(name, make, rounds)
        self.assertEqual(agent.status().state, "WaitingForAlgorithm")
        self.assertLessEqual(files(), before + 4)

    def test_connections_leave_nothing(self) -> None:
        signed = self.sign()
        # An agent remembers everybody who came: its memory is not what is measured here.
        with agent_elsewhere(signed.save(self.folder / "signed")) as address:
            prism.connect(address, signed, self.lab).close()
            until(lambda: threads() == 1)
            before = files()
            self.drop("Channel", lambda: prism.connect(address, signed), CONNECTIONS)
            # An agent lets each participant in a thousand times.
            self.drop("Session", lambda: prism.connect(address, signed, self.lab), min(CONNECTIONS, 990))
            until(lambda: threads() == 1)
            self.assertLessEqual(files(), before)

    def test_agents_leave_nothing(self) -> None:
        signed = self.sign()
        # The first one opens what all of them share.
        prism.serve(signed, "simulated").close()
        before = files(), threads()
        self.drop("Agent", lambda: prism.serve(signed, "simulated").close(), AGENTS)
        self.assertEqual((files(), threads()), before)


SERVE = """\
import sys, prism
with prism.serve(prism.Manifest.read(sys.argv[1]), "simulated") as room:
    print(room.address, flush=True)
    sys.stdin.read()
"""


@contextmanager
def agent_elsewhere(signed: Path) -> Iterator[str]:
    """An agent in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SERVE, str(signed)], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().strip()


if __name__ == "__main__":
    unittest.main()
