"""Results: taken once, whatever ends the program, and read with care."""

import errno
import glob
import os
import resource
import struct
import subprocess
import sys
import unittest
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import prism
from scene import Scene

# Takes the result, and is killed once it was confirmed and cleared up, before anything else can be done in Python.
DYING = """\
import glob, os, signal, sys
import prism
terms, key = prism.Manifest.read(sys.argv[2]), prism.Key.load(sys.argv[3])
def tell(at):
    if at.done == at.total:
        while glob.glob(sys.argv[4] + ".identity-*"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
prism.connect(sys.argv[1], terms, key).result(to=sys.argv[4], progress=tell)
"""


class Taken(Scene):
    def finished(self) -> prism.Agent:
        room, signed = self.serve(), self.sign()
        for key, name, asset in ((self.lab, "count.py", self.algorithm), (self.hospital, "h1.csv", self.data)):
            prism.connect(room.address, signed, key).upload(name, asset, progress=False)
        self.signed = signed
        agent = prism.connect(room.address, signed, self.lab)
        agent.watch("delivering", show=False)
        return agent

    def test_a_program_that_is_killed_after_the_confirmation_reads_its_result_with_the_same_call(self) -> None:
        agent = self.finished()
        terms, to = self.signed.save(self.folder / "signed.prism"), self.folder / "result.zip"
        arguments = [agent.address, str(terms), str(self.folder / "lab.key"), str(to)]
        ended = subprocess.run([sys.executable, "-c", DYING, *arguments], capture_output=True, timeout=120)
        self.assertEqual(ended.returncode, -9, ended.stderr)
        self.assertEqual(agent.result(to=to, progress=False).text("count.txt"), "3")
        with self.assertRaises(prism.ResultGone):
            agent.result(to=self.folder / "other.zip", progress=False)

    def test_what_a_callback_raises_stays_as_it_is(self) -> None:
        agent, to = self.finished(), self.folder / "result.zip"
        (self.folder / "x").write_text("x")

        def tell(at: object) -> None:
            raise FileNotFoundError(errno.ENOENT, "gone", "progress.log")

        asset = prism.Asset.from_path(self.folder / "x")
        for call in (lambda: agent.result(to=to, progress=tell), lambda: asset.measure(tell)):
            with self.assertRaises(FileNotFoundError) as caught:
                call()
            self.assertNotIsInstance(caught.exception, prism.PrismError)
            self.assertEqual(caught.exception.filename, "progress.log")
        with self.assertRaises(prism.FileMissing) as missing:
            agent.result(to=self.folder / "nowhere" / "result.zip", progress=False)
        self.assertIn("nowhere", str(missing.exception.filename))

    def test_what_is_extracted_is_for_its_owner_alone(self) -> None:
        archive, to = self.folder / "made.zip", self.folder / "out"
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("a/b/c", "c")
            made.writestr("d", "d")
        found = prism.Result(archive).extract(to)
        self.assertEqual([path.read_text() for path in found], ["c", "d"])
        self.assertEqual({path.stat().st_mode & 0o777 for path in found}, {0o600})
        self.assertEqual((to / "a" / "b").stat().st_mode & 0o777, 0o700)

    def test_a_callback_that_raises_loses_nothing(self) -> None:
        agent, to = self.finished(), self.folder / "result.zip"

        def tell(at: prism.Progress) -> None:
            raise ZeroDivisionError

        for _ in range(3):
            with self.assertRaises(ZeroDivisionError):
                agent.result(to=to, progress=tell)
        self.assertEqual(agent.result(to=to, progress=False).names, ["count.txt"])

    def test_the_result_of_an_earlier_run_is_not_taken_for_this_ones(self) -> None:
        signed, to = self.sign(), self.folder / "result.zip"
        for run in (1, 2):
            with prism.serve(signed, "simulated") as room:
                agent = prism.connect(room.address, signed, self.lab)
                agent.upload("count.py", self.algorithm, progress=False)
                agent.upload("h1.csv", self.data, self.hospital, progress=False)
                agent.watch(until="delivering", show=False)
                if run == 1:
                    agent.result(to=to, progress=False)
                    continue
                with self.assertRaises(prism.FileExists):
                    agent.result(to=to, progress=False)
                other = agent.result(to=self.folder / "second.zip", progress=False)
                self.assertEqual(other.text("count.txt"), "3")

    def test_the_receipt_beside_it_says_whose_it_is(self) -> None:
        agent, to = self.finished(), self.folder / "result.zip"
        agent.result(to=to, progress=False)
        first, _, proof = (self.folder / "result.zip.receipt").read_text().partition("\n")
        self.assertRegex(first, f"^{self.signed.digest} [0-9a-f]{{32}} lab {prism.Asset.from_path(to).digest}$")
        self.assertTrue(proof.startswith("c2sp.org/tlog-proof@v1"), proof)
        self.assertEqual(sorted(glob.glob(f"{to}*")), [str(to), f"{to}.receipt"])


class Archives(Scene):
    def archive(self, **files: bytes) -> prism.Result:
        path = self.folder / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name.replace("_", "."), content)
        return prism.Result(path)

    def test_what_is_no_archive_is_an_error_of_ours(self) -> None:
        whole = self.archive(x_json=b"[1]").path.read_bytes()
        end = whole.rindex(b"PK\x05\x06")
        broken = {
            "nothing in it": b"",
            "other bytes": b"\x00" * 100,
            "truncated": whole[:40],
            "a directory beyond its end": whole[: end + 16] + struct.pack("<I", 1 << 31) + whole[end + 20 :],
            "another version": whole.replace(b"PK\x01\x02\x14\x03\x14\x00", b"PK\x01\x02\x14\x03\xff\x00"),
        }
        for name, content in broken.items():
            path = self.folder / "b.zip"
            path.write_bytes(content)
            with self.subTest(name), self.assertRaises(prism.FileMalformed):
                prism.Result(path).json("x.json")

    def test_a_name_that_is_not_in_it_is_told_where_the_names_are(self) -> None:
        for result, found, hint in (
            (self.archive(a_txt=b"1", b_txt=b"2"), "there are a.txt, b.txt", "result.names lists the files"),
            (self.archive(), "there are none", "the program wrote no file below results/"),
        ):
            with self.assertRaises(prism.AssetUnknown) as caught:
                result.text("model.json")
            self.assertIn(found, str(caught.exception))
            self.assertEqual(caught.exception.hint, hint)

    def test_a_damaged_file_in_an_archive_is_an_error_of_ours(self) -> None:
        path = self.archive(x_json=b"[1]" * 1000).path
        content = bytearray(path.read_bytes())
        for place in (40, 44):
            damaged = bytes(content[:place]) + bytes([content[place] ^ 0xFF]) + bytes(content[place + 1 :])
            path.write_bytes(damaged)
            with self.assertRaises(prism.FileMalformed):
                prism.Result(path).bytes("x.json")
        encrypted = bytearray(content)
        encrypted[6] |= 1
        encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(encrypted)
        with self.assertRaises(prism.FileMalformed):
            prism.Result(path).bytes("x.json")

    def test_what_is_no_such_content_is_an_error_of_ours(self) -> None:
        result = self.archive(
            x_json=b"{", t_txt=b"\xff", a_npy=b"\x80\x04.", w_pt=b"\x80\x04.", f_csv=b"", d_parquet=b"x"
        )
        cases: dict[str, tuple[str, Callable[[], object]]] = {
            "json": ("json", lambda: result.json("x.json")),
            "text": ("json", lambda: result.text("t.txt")),
            "a pickle as an array": ("numpy", lambda: result.numpy("a.npy")),
            "a pickle as weights": ("torch", lambda: result.state_dict("w.pt")),
            "an empty table": ("pandas", lambda: result.frame("f.csv")),
            "no parquet": ("pandas", lambda: result.frame("d.parquet")),
            "an empty table of polars": ("polars", lambda: result.frame("f.csv", engine="polars")),
        }
        for name, (package, case) in cases.items():
            with self.subTest(name), self.assertRaises((prism.FileMalformed, prism.Usage)) as caught:
                case()
            if isinstance(caught.exception, prism.Usage):
                self.assertIn("not installed", str(caught.exception))
                print(f"skipped: {name}: {package} is not installed", file=sys.stderr)

    def test_names_and_places_that_cannot_be_are_errors_of_ours(self) -> None:
        result = self.archive(x_json=b"[1]")
        (self.folder / "file").write_bytes(b"")
        cases: dict[str, tuple[type[prism.PrismError], Callable[[], object]]] = {
            "no text": (prism.Usage, lambda: result.open(3)),  # type: ignore[arg-type]
            "half a character": (prism.Usage, lambda: result.open("\ud800")),
            "no such file": (prism.AssetUnknown, lambda: result.open("y")),
            "no engine": (prism.Usage, lambda: result.frame("x.json", engine="os")),  # type: ignore[arg-type]
            "out of a file": (prism.FileIo, lambda: result.extract(self.folder / "file" / "d")),
            "into a file": (prism.FileIo, lambda: result.extract(self.folder / "file")),
            "over a file": (prism.FileExists, lambda: result.zip(self.folder / "file")),
            "into nothing": (prism.FileMissing, lambda: result.zip(self.folder / "nowhere" / "x.zip")),
            "a directory": (prism.FileMalformed, lambda: prism.Result(self.folder)),
            "a number": (prism.Usage, lambda: prism.Result(3)),  # type: ignore[arg-type]
        }
        for name, (kind, case) in cases.items():
            with self.subTest(name), self.assertRaises(kind):
                case()

    def test_a_file_that_cannot_be_written_whole_is_removed_and_the_reason_told(self) -> None:
        result = self.archive(x_bin=os.urandom(1 << 20))
        with files_of_at_most(1000), self.assertRaises(prism.FileIo) as caught:
            result.zip(self.folder / "copy.zip")
        self.assertEqual(
            (caught.exception.errno, caught.exception.filename), (errno.EFBIG, str(self.folder / "copy.zip"))
        )
        self.assertFalse((self.folder / "copy.zip").exists())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write longer files, as it does when a quota is used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


if __name__ == "__main__":
    unittest.main()
