"""A computation of the tests: a lab with a script, one hospital with a table, an agent in this process."""

import tempfile
import unittest
from pathlib import Path

import prism

SCRIPT = b"""\
import json, pathlib
rows = pathlib.Path("datasets/h1.csv").read_text().splitlines()
print("metrics " + json.dumps({"step": 1, "rows": len(rows)}))
pathlib.Path("results").mkdir(exist_ok=True)
pathlib.Path("results/count.txt").write_text(str(len(rows)))
print("counted")
"""
TABLE = b"age,label\n61,1\n47,0\n"


def draft(script: prism.Asset, table: prism.Asset, most: str = "1 MiB") -> dict[str, object]:
    return {
        "title": "Count the rows",
        "owner": "lab",
        "valid": "1d",
        "platform": {"simulated": True},
        "participants": {name: {"organisation": name, "key": f"{name}.pub"} for name in ("lab", "hospital-1")},
        "algorithm": {"provider": "lab", "name": "count.py", "digest": script.digest, "size": script.size},
        "dataset": [{"provider": "hospital-1", "name": "h1.csv", "digest": table.digest, "size": table.size}],
        "results": {"consumers": ["lab"], "max": most},
        "logs": {"stdout": ["lab"], "stderr": ["lab"], "metrics": ["lab"]},
    }


class Scene(unittest.TestCase):
    """Everybody's keys and files in a folder of their own."""

    script = SCRIPT
    table = TABLE
    most = "1 MiB"

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)
        self.lab = prism.Key.create(self.folder / "lab.key")
        self.hospital = prism.Key.create(self.folder / "hospital-1.key")
        self.algorithm = prism.Asset.from_bytes(self.script, "count.py")
        self.data = prism.Asset.from_bytes(self.table, "h1.csv")
        self.terms = prism.Manifest.new(draft(self.algorithm, self.data, self.most), self.folder)

    def sign(self) -> prism.Manifest:
        return self.terms.assemble([self.terms.approve(key) for key in (self.lab, self.hospital)])

    def serve(self) -> prism.ServedAgent:
        room = prism.serve(self.sign(), "simulated")
        self.addCleanup(room.close)
        return room
