"""An algorithm that tries to get out of its room; the demo runs it with --tamper to show that it cannot.

Arguments are paths of files that it must not read. Every attempt is written down in results/attempts.json: what was
tried, whether it was denied, and how. It is allowed to succeed at nothing.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ATTEMPTS: list[tuple[str, Callable[[], object]]] = []


def attempt(what: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Notes a function as one attempt. It has to raise an error; returning means that the attempt succeeded."""

    def note(function: Callable[[], object]) -> Callable[[], object]:
        ATTEMPTS.append((what, function))
        return function

    return note


@attempt("call home over TCP")
def call_home() -> None:
    """Any address: the socket itself is what must fail."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as caller:
        caller.settimeout(2.0)
        caller.connect(("192.0.2.1", 443))


@attempt("send a datagram over IPv6")
def send_datagram() -> None:
    """To this machine: a network without interfaces still has an address family."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as caller:
        caller.sendto(b"patients", ("::1", 53))


@attempt("talk to the host of a virtual machine")
def talk_to_host() -> None:
    """Over vsock, which network namespaces do not close."""
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@attempt("see other processes")
def see_processes() -> str:
    """Own children do not exist yet, so every other process is somebody else's."""
    own = {os.getpid(), os.getppid(), 1}
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in own]
    if not others:
        raise PermissionError("no other process is visible")
    return f"{len(others)} processes"


@attempt("read the memory of its parent")
def read_parent() -> None:
    """The agent or its helper, if it can be seen at all."""
    Path(f"/proc/{os.getppid() or 1}/mem").open("rb").read(1)


@attempt("read the machine's passwords")
def read_passwords() -> None:
    """Needs root; an algorithm must not have it."""
    Path("/etc/shadow").read_bytes()


@attempt("write into the system")
def write_system() -> None:
    """Into a directory that every Linux has."""
    Path("/usr/prism-was-here").write_text("x")


def read_named(path: str) -> None:
    """A file or directory of the agent or of a participant."""
    if Path(path).is_dir():
        os.listdir(path)
    else:
        Path(path).read_bytes()


def main() -> int:
    """Try everything and write down what happened."""
    for path in sys.argv[1:]:
        ATTEMPTS.append((f"read {Path(path).name} of the agent's machine", partial(read_named, path)))
    outcomes = []
    for what, function in ATTEMPTS:
        try:
            outcomes.append({"attempt": what, "denied": False, "how": str(function())})
        except OSError as error:
            how = f"{type(error).__name__}: {error.strerror or error}"
            outcomes.append({"attempt": what, "denied": True, "how": how})
    Path("results").mkdir(exist_ok=True)
    Path("results/attempts.json").write_text(json.dumps(outcomes, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
