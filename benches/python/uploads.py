"""What an upload from Python costs: the most extra memory it ever takes, and its speed beside the Rust client's.

An array of one GiB, a table of 5 million rows and a folder of 20,000 files go to an agent that is a process of its own,
in turns from this process and from the ``prism`` command, which is the Rust client. Each turn has terms and an agent of
its own, so that neither finds what the other left. Both times begin before connecting and end with the receipt.

    python3 benches/python/uploads.py --prism target/release/prism          # everything
    python3 benches/python/uploads.py --prism target/release/prism array    # one of: array, table, parquet, folder

Needs numpy and pandas, for ``parquet`` pyarrow too, and 4 GB of memory and of disk in ``--scratch``.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import prism
from prism._tables import write_table

MIB = 1 << 20
LIMIT = 128
TARGET = 0.9
TURNS = 3
ROWS = 5_000_000
FILES, FILE_BYTES = 20_000, 16 << 10


def memory(field: str) -> float:
    """A field of this process's status (proc(5)), in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


class Extra:
    """The most resident memory, in MiB, beyond what was there when it began."""

    def __enter__(self) -> Extra:
        # What was given back earlier is not there to be used again unseen.
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        if "pyarrow" in sys.modules:
            sys.modules["pyarrow"].default_memory_pool().release_unused()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew here
        self._before = memory("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.mib = memory("VmHWM") - self._before


@dataclass
class Took:
    """What the turns of one client took, in seconds."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@contextmanager
def timed(took: Took, who: int) -> Iterator[None]:
    """Adds the time on the wall and of the processor, of this process or of its children."""
    spent = resource.getrusage(who)
    begun = time.perf_counter()
    yield
    took.wall.append(time.perf_counter() - begun)
    now = resource.getrusage(who)
    took.processor.append(now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime)


class Room:
    """Terms for one asset, an agent for them as a process of its own, and both clients."""

    def __init__(self, command: Path, folder: Path, asset: prism.Asset) -> None:
        self.command, self.folder = command, folder
        self.keys = {name: prism.Key.load_or_create(folder / f"{name}.key") for name in ("lab", "hospital")}
        terms = prism.Manifest.new(draft(asset), folder)
        self.terms = terms.assemble([terms.approve(key) for key in self.keys.values()])

    @contextmanager
    def agent(self) -> Iterator[str]:
        """The address of a fresh agent."""
        manifest, state = self.folder / "terms.prism", self.folder / "agent"
        manifest.unlink(missing_ok=True)
        self.terms.save(manifest)
        serve = ["agent", "serve", "--platform", "simulated", "--listen", "127.0.0.1:0"]
        serve += ["--manifest", str(manifest), "--state", str(state), "--python", sys.executable]
        agent = subprocess.Popen([self.command, *serve], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert agent.stdout is not None
        try:
            said = (line.partition("listening on ")[2].strip() for line in agent.stdout)
            yield next(address for address in said if address)
        finally:
            agent.terminate()
            agent.wait()
            agent.stdout.close()
            shutil.rmtree(state, ignore_errors=True)

    def from_python(self, address: str, asset: prism.Asset) -> None:
        agent = prism.connect(address, self.terms, self.keys["hospital"])
        agent.upload("asset", asset, progress=False)

    def from_rust(self, address: str, path: Path) -> None:
        terms, key = self.folder / "terms.prism", self.folder / "hospital.key"
        named = ["--asset", "asset", "--agent", address, "--manifest", str(terms), "--key", str(key)]
        subprocess.run([self.command, "--quiet", "data", str(path), *named], check=True, stdout=subprocess.DEVNULL)


def draft(asset: prism.Asset) -> dict[str, object]:
    script = prism.Asset.from_bytes(b"pass\n")
    return {
        "title": "One upload",
        "owner": "lab",
        "valid": "1d",
        "platform": {"simulated": True},
        "participants": {name: {"organisation": name, "key": f"{name}.pub"} for name in ("lab", "hospital")},
        "algorithm": {"provider": "lab", "name": "none.py", "digest": script.digest, "size": script.size},
        "dataset": [{"provider": "hospital", "name": "asset", "digest": asset.digest, "size": asset.size}],
        "results": {"consumers": ["lab"], "max": "1 MiB"},
    }


@dataclass(frozen=True)
class Subject:
    """Something to upload: from Python as an asset, and by the command as the file or folder of the same bytes."""

    title: str
    make: Callable[[], prism.Asset]
    lay: Callable[[Path], object]


def array(place: Path) -> Subject:
    import numpy as np

    numbers = np.frombuffer(np.random.default_rng(7).bytes(1 << 30), dtype="f8").reshape(-1, 1024)

    def lay(path: Path) -> None:
        with open(path, "wb") as file:  # numpy.save would add a suffix to a path
            np.save(file, numbers)

    return Subject(f"array {numbers.shape} of {numbers.dtype}", lambda: prism.Asset.from_numpy(numbers), lay)


def table(place: Path, format: Literal["csv", "parquet"] = "csv") -> Subject:
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(7)
    columns = {
        "patient": np.arange(ROWS),
        "age": chance.integers(18, 95, ROWS),
        "pressure": chance.normal(128, 14, ROWS).round(1),
        "glucose": chance.normal(5.6, 1.1, ROWS),
        "ward": chance.choice(np.array(["surgery", "medicine", "paediatrics"]), ROWS),
        "label": chance.integers(0, 2, ROWS).astype("i1"),
    }
    frame = pd.DataFrame(columns)

    def lay(path: Path) -> None:
        with open(path, "wb") as file:
            write_table(frame, file, format)

    title = f"table of {ROWS:,} rows as {format}"
    return Subject(title, lambda: prism.Asset.from_frame(frame, format=format), lay)


def parquet(place: Path) -> Subject:
    return table(place, "parquet")


def folder(place: Path) -> Subject:
    for number in range(FILES):
        file = place / f"{number % 100:02}" / f"{number:05}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(FILE_BYTES))
    title = f"folder of {FILES:,} files of {FILE_BYTES >> 10} KiB"
    return Subject(title, lambda: prism.Asset.from_folder(place), lambda path: path.symlink_to(place))


SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "array": array,
    "table": table,
    "parquet": parquet,
    "folder": folder,
}


def measure(command: Path, scratch: Path, name: str) -> bool:
    subject = SUBJECTS[name](scratch / "made")
    path, extra = scratch / "asset", 0.0
    making, python, rust = Took(), Took(), Took()
    for turn in range(TURNS):
        with Extra() as made, timed(making, resource.RUSAGE_SELF):
            asset = subject.make()
        if turn == 0:
            subject.lay(path)
            if prism.Asset.from_path(path).digest != asset.digest:
                sys.exit(f"expected both clients to have the same bytes of {name}, found others")
        with Extra() as agreed:
            room = Room(command, scratch, asset)
        with room.agent() as address, Extra() as sent, timed(python, resource.RUSAGE_SELF):
            room.from_python(address, asset)
        extra = max(extra, made.mib, agreed.mib, sent.mib)
        with room.agent() as address, timed(rust, resource.RUSAGE_CHILDREN):
            room.from_rust(address, path)
    print(f"{subject.title}, {asset.size / MIB:.0f} MiB, made in {statistics.median(making.wall):.2f} s")
    return report(asset.size / MIB, extra, python, rust)


def report(size: float, extra: float, python: Took, rust: Took) -> bool:
    walls = statistics.median(python.wall), statistics.median(rust.wall)
    processors = statistics.median(python.processor), statistics.median(rust.processor)
    ratio = walls[1] / walls[0]
    print(f"  peak extra memory         {extra:7.1f} MiB   (at most {LIMIT})")
    print(f"  upload from Python        {size / walls[0]:7.0f} MiB/s, {processors[0]:.2f} s of processor time")
    print(f"  upload by prism data      {size / walls[1]:7.0f} MiB/s, {processors[1]:.2f} s of processor time")
    print(f"  Python : Rust, throughput {ratio:7.2f}       (at least {TARGET})", flush=True)
    return extra <= LIMIT and ratio >= TARGET


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], metavar="SUBJECT")
    parser.add_argument("--prism", type=Path, required=True, help="the prism command, of the same build profile")
    parser.add_argument("--scratch", type=Path, help="where files are written; by default the system's place for it")
    options = parser.parse_args()
    met = True
    for subject in options.subjects or SUBJECTS:
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            met &= measure(options.prism.resolve(), Path(scratch), subject)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
