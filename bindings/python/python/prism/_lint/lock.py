"""The requirements that go with a program: which packages they pin, and which modules their wheels bring."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO

from .._failures import FETCHING
from .._words import safe
from ..errors import Usage

LOCK = "requirements.lock"
"""How the lock is called in a folder with its wheels."""

_LONGEST = 4 << 20
# What an archive raises that is damaged, or encrypted, or packed in a way that nobody knows here.
_DAMAGED = (
    OSError,
    ValueError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==\s*(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash[ =]sha256:[0-9a-f]{64}\b")
# Packages that are called otherwise than what is imported.
_CALLED = {
    "PIL": ["pillow"],
    "cv2": ["opencv-python", "opencv-python-headless", "opencv-contrib-python-headless"],
    "sklearn": ["scikit-learn"],
    "skimage": ["scikit-image"],
    "yaml": ["pyyaml"],
    "bs4": ["beautifulsoup4"],
    "dateutil": ["python-dateutil"],
    "Crypto": ["pycryptodome"],
    "attr": ["attrs"],
    "dotenv": ["python-dotenv"],
    "nibabel": ["nibabel"],
    "pydicom": ["pydicom"],
    "SimpleITK": ["simpleitk"],
    "faiss": ["faiss-cpu"],
    "umap": ["umap-learn"],
    "tensorflow": ["tensorflow", "tensorflow-cpu"],
}


@dataclass
class Requirements:
    """What a lock says."""

    name: str
    """The lock's name."""
    wheels: bool
    """Whether wheels lie beside it."""
    packages: dict[str, str] = field(default_factory=dict)
    """Each pinned package's normalised name and version."""
    modules: dict[str, set[str]] = field(default_factory=dict)
    """What each wheel's package brings to import."""
    faults: list[tuple[int | None, str]] = field(default_factory=list)
    """Line and reason of what an agent would refuse."""

    def bring(self, module: str) -> bool:
        """Whether a pinned package brings a module."""
        top = module.partition(".")[0]
        if any(top in modules for modules in self.modules.values()):
            return True
        named = [top, *_CALLED.get(top, []), *_installed().get(top, [])]
        if any(normalized(name) in self.packages for name in named):
            return True
        # The parts of one namespace, such as google.cloud.storage.
        return any(package.startswith(normalized(top) + "-") for package in self.packages) and "." in module


@cache
def _installed() -> Mapping[str, list[str]]:
    """Which packages bring a module here: the names differ, and every file of every package has to be read."""
    return metadata.packages_distributions()


def normalized(name: str) -> str:
    """A project's name as every index compares it.

    >>> normalized("Scikit_.Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def read(path: Path) -> Requirements:
    """Reads a lock file, or a folder or archive with a lock and its wheels."""
    if path.is_dir():
        found = Requirements(f"{path.name}/{LOCK}", True)
        text = _text(path / LOCK, found)
        for wheel in sorted(path.glob("*.whl")):
            _wheel(found, wheel.name, wheel)
    elif zipfile.is_zipfile(path):
        found = Requirements(f"{path.name}: {LOCK}", False)
        try:
            with zipfile.ZipFile(path) as archive:
                text = _archive(found, archive)
        except _DAMAGED:
            found.faults.append((None, "the archive cannot be read"))
            text = ""
    else:
        found = Requirements(path.name, False)
        text = _text(path, found)
    _lines(found, text)
    if found.wheels:
        absent = sorted(set(found.packages) - set(found.modules))
        found.faults += [(None, f"no wheel of {name} {found.packages[name]} lies beside the lock") for name in absent]
    return found


def require_wheels(path: Path) -> None:
    """Refuses packages that are named and not brought: here nothing fetches them."""
    found = read(path)
    if found.modules or not (found.packages or path.is_file()):
        return
    raise Usage(
        f"expected a folder with {LOCK} and its wheels as requirements, found no wheels at {safe(str(path))}",
        hint=f"`{FETCHING}`, and give requirements='needs'",
    )


def _archive(found: Requirements, archive: zipfile.ZipFile) -> str:
    """Reads the wheels of an archive, and gives its lock's text."""
    locks = [name for name in archive.namelist() if PurePosixPath(name).name == LOCK]
    for name in archive.namelist():
        if name.endswith(".whl"):
            found.wheels = True
            with archive.open(name) as wheel:
                _wheel(found, PurePosixPath(name).name, wheel)
    if not locks:
        return _none(found)
    with archive.open(locks[0]) as lock:
        return _bounded(found, lock)


def _text(path: Path, found: Requirements) -> str:
    if not path.is_file():
        return _none(found)
    with path.open("rb") as lock:
        return _bounded(found, lock)


def _bounded(found: Requirements, lock: IO[bytes]) -> str:
    content = lock.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        found.faults.append((None, "the lock is longer than 4 MiB"))
        return ""
    return content.decode(errors="replace")


def _none(found: Requirements) -> str:
    found.faults.append((None, f"there is no {LOCK}"))
    return ""


def _lines(found: Requirements, text: str) -> None:
    """Reads ``name==version --hash=sha256:…``; a backslash continues a line."""
    begin, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not parts:
            begin = number
        parts += line.removesuffix(chr(92)).split()
        if parts and not line.endswith("\\"):
            _line(found, begin, " ".join(parts))
            parts = []
    if parts:
        _line(found, begin, " ".join(parts))


def _line(found: Requirements, number: int, line: str) -> None:
    pinned = _PINNED.match(line)
    if line.startswith("-"):
        found.faults.append((number, f"an option, {_first(line)}, where only packages may stand"))
    elif pinned is None:
        found.faults.append((number, f"{_first(line)} is not pinned to one version"))
    else:
        found.packages[normalized(pinned["name"])] = pinned["version"]
        if not _HASH.search(line):
            found.faults.append((number, f"{pinned['name']}=={pinned['version']} has no hash"))


def _first(line: str) -> str:
    return line.split(maxsplit=1)[0][:100]


def _wheel(found: Requirements, name: str, file: Path | IO[bytes]) -> None:
    package = normalized(name.partition("-")[0])
    modules = found.modules.setdefault(package, set())
    try:
        with zipfile.ZipFile(file) as archive:
            for inner in archive.namelist():
                top, _, rest = inner.partition("/")
                if not rest:
                    top = top.partition(".")[0] if top.endswith((".py", ".so")) else ""
                if top and not top.endswith((".dist-info", ".data", ".libs")):
                    modules.add(top)
    except _DAMAGED:
        found.faults.append((None, f"{name} is not a wheel that can be read"))
