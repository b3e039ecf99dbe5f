import ctypes
import gc
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import prism
from scene import Scene, draft

MIB = 1 << 20
AGENT = """\
import prism, sys
with prism.serve(prism.Manifest.read(sys.argv[1]), "simulated") as room:
    print(room.address, flush=True)
    sys.stdin.read()
"""


class Extra:
    """The most resident memory, in MiB, beyond what was there when it began."""

    def __enter__(self) -> "Extra":
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)  # what was given back before is not there to be used again unseen
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
        self._before = status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.mib = status("VmHWM") - self._before


def status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def available() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))


class Memory(Scene):
    def setUp(self) -> None:
        try:
            with Extra():
                pass
        except (OSError, StopIteration):
            self.skipTest("skipped: this system does not tell how much memory a process takes")
        if available() < 2048:
            self.skipTest(f"skipped: needs 2 GiB of free memory, found {available():.0f} MiB")
        super().setUp()

    def need(self, *packages: str) -> None:
        for package in packages:
            if find_spec(package) is None:
                self.skipTest(f"skipped: {package} is not installed")

    def agent(self, terms: prism.Manifest) -> str:
        """The address of an agent that is a process of its own: its memory is not this one's."""
        manifest = terms.save(self.folder / "terms.prism")
        command = [sys.executable, "-c", AGENT, str(manifest)]
        agent = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(agent.communicate)
        assert agent.stdout is not None
        return agent.stdout.readline().strip()

    def test_an_array_is_uploaded_without_a_copy(self) -> None:
        self.need("numpy")
        import numpy as np

        array = np.random.default_rng(7).integers(0, 255, (256, MIB), dtype="u1")
        self.data = prism.Asset.from_numpy(array)
        self.terms = prism.Manifest.new(draft(self.algorithm, self.data), self.folder)
        signed = self.sign()
        address = self.agent(signed)
        with Extra() as extra:
            asset = prism.Asset.from_numpy(array)
            prism.connect(address, signed, self.hospital).upload("h1.csv", asset, progress=False)
        self.assertLess(extra.mib, 64)
        with Extra() as copied:
            copy = array.copy()
        self.assertGreater(copied.mib, 250, "the measure would not see a copy")
        del copy

    def test_a_wide_table_is_written_piece_by_piece(self) -> None:
        self.need("numpy", "pandas")
        import numpy as np
        import pandas as pd

        frame = pd.DataFrame(np.random.default_rng(7).integers(0, 1000, (600, 5000)))
        with Extra() as extra:
            prism.Asset.from_frame(frame)
        self.assertLess(extra.mib, 48)

    def test_text_in_parquet_is_written_piece_by_piece(self) -> None:
        self.need("numpy", "pandas", "pyarrow")
        import numpy as np
        import pandas as pd
        import pyarrow.parquet  # noqa: F401 - what is loaded for it is not what is measured

        wards = np.array(["surgery and trauma", "medicine", "paediatrics"], dtype=object)
        frame = pd.DataFrame({name: wards[np.arange(1_000_000) % 3] for name in "abcdefgh"}, dtype=object)
        with Extra() as extra:
            prism.Asset.from_frame(frame, format="parquet")
        self.assertLess(extra.mib, 128)
