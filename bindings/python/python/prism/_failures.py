"""Why a program failed in its run, and the one thing that helps."""

from __future__ import annotations

import re

from ._words import safe

__all__ = ["FETCHING", "LOCKING", "last_lines", "matching", "shown"]

# From the names of packages to a folder that goes along with a program.
LOCKING = "uv pip compile --generate-hashes requirements.txt -o needs/requirements.lock"
FETCHING = "pip download --only-binary :all: --require-hashes -r needs/requirements.lock -d needs"

# How much of one line is looked at: a program may print lines of any length.
_LINE = 4096

# How a run ended or what it said last, and what to do. The first that matches is the one.
_HINTS: tuple[tuple[str, str], ...] = (
    (r"memory.limit|MemoryError|Cannot allocate memory", 'give it more memory: limits={"memory": "8 GiB"}'),
    (r"requirements-failed", f"each package of the lock needs a wheel for this interpreter beside it: `{FETCHING}`"),
    (r"sandbox-unavailable", "this machine lacks a layer of the sandbox: try a newer kernel, or another machine"),
    (r"wall.limit", 'give it more time: limits={"time": "2h"}'),
    (r"disk.limit|No space left on device", 'give it more disk: limits={"disk": "20 GiB"}'),
    (
        r"datasets.limit",
        'let it write more in its copy of the data: limits={"datasets": "…"}',
    ),
    (r"process.limit|can't start new thread", 'let it start more: limits={"processes": 1024}'),
    (r"output.limit", "print less, or write it to a file below results/"),
    (
        r"No module named '(?P<what>[\w.]+)'",
        f"add {{what}} to requirements.txt, `{LOCKING}`, `{FETCHING}`, and give requirements='needs':"
        " a run has Python and nothing else",
    ),
    (
        r"URLError|gaierror|ConnectionError|Name or service not known|Temporary failure in name resolution"
        r"|Network is unreachable|requests\.exceptions|socket\.socket\(",
        "the run has no network: bring what it downloads as a dataset or an auxiliary file",
    ),
    (r"EOFError: EOF when reading a line", "give it as an argument: in a run nobody answers"),
    (
        r"Found no NVIDIA driver|CUDA (driver|error)|not compiled with CUDA|no CUDA",
        'ask for it: devices=["nvidia-gpu"]',
    ),
    (r"No such file or directory: '[^']*datasets/?(?P<what>[^/']*)", "the run's data is at datasets/NAME: {known}"),
    (
        r"No such file or directory: '(?P<what>[^']*)'",
        "bring {what}: the run sees datasets/ and results/ only ({known})",
    ),
    (r"PermissionError.*'(?P<what>[^']*)'", "write below results/: {what} is not the run's own"),
    (r"Read-only file system: '(?P<what>[^']*)'", "write below results/: {what} cannot be written"),
    (r"SyntaxError|IndentationError", "correct the program: this interpreter cannot read it"),
)

# A place in the program, as a traceback names it, and what to do where no other hint fits.
_TRACEBACK = re.compile(r'^ +File ".+", line \d+', re.MULTILINE)
_CORRECT = "correct the line that the traceback names, and rehearse again"


def last_lines(text: str, count: int = 20) -> str:
    """The end of what a program printed.

    >>> last_lines("a\\nb\\nc", 2)
    'b\\nc'
    """
    return "\n".join(text.splitlines()[-count:])


def shown(text: str) -> str:
    """The same lines for people: none too long, nothing in them that drives a terminal.

    >>> shown("a\\x1b[2J\\nb")
    'a\\\\x1b[2J\\nb'
    """
    return "\n".join(safe(line[:_LINE]) for line in text.splitlines())


def matching(end: str, stderr: str, names: list[str]) -> str:
    """The one hint that fits how a run ended; nothing when none does.

    >>> matching("exited 1", "ModuleNotFoundError: No module named 'torch'", ["h1"])
    "add torch to requirements.txt, `uv pip compile ...`, ...: a run has Python and nothing else"
    >>> matching("exited 1", '  File "/algorithm/count.py", line 3, in <module>\\nValueError: 3', ["h1"])
    'correct the line that the traceback names, and rehearse again'
    >>> matching("exited 3", "the model does not converge", ["h1"])
    ''
    """
    known = ", ".join(f"datasets/{name}" for name in names)
    # How it ended tells most, then its last words, then those before.
    for said in (line[:_LINE] for line in (end, *reversed(stderr.splitlines()))):
        for pattern, hint in _HINTS:
            found = re.search(pattern, said)
            if found is not None:
                what = safe(found.groupdict().get("what") or "")
                return hint.replace("{what}", what).replace("{known}", known)
    return _CORRECT if _TRACEBACK.search(stderr) else ""
