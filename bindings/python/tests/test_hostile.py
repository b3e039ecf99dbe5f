"""Whatever is given, what comes back is an error of ours, of the class that fits: no crash, no raw exception."""

import array
import ctypes
import importlib
import io
import os
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prism
from cable import cable_to
from scene import Scene
from test_results import files_of_at_most

SURROGATE, NUL = "a\ud800b", "a\0b"

Row = tuple[str, Callable[[], object], type[prism.PrismError]]


class Table(Scene):
    def try_all(self, rows: list[Row]) -> None:
        for name, call, kind in rows:
            with self.subTest(name):
                try:
                    call()
                except prism.PrismError as error:
                    self.assertIs(type(error), kind, f"{name}: {error!r}")
                    self.assertTrue(str(error) and error.hint, name)
                    str(error).encode()
                else:
                    self.fail(f"{name}: expected {kind.__name__}, found no error")


class WrongThings(Table):
    def test_paths_that_are_none(self) -> None:
        any_key = self.lab
        uses: dict[str, Callable[[Any], object]] = {
            "Asset.from_path": prism.Asset.from_path,
            "Asset.from_file": prism.Asset.from_file,
            "Asset.from_folder": prism.Asset.from_folder,
            "Key.load": prism.Key.load,
            "Key.create": prism.Key.create,
            "Key.load_or_create": prism.Key.load_or_create,
            "PublicKey.load": prism.PublicKey.load,
            "PublicKey.save": any_key.public.save,
            "Result": prism.Result,
            "audit": prism.audit,
            "Identity.load": prism.seal.Identity.load,
            "Identity.create": prism.seal.Identity.create,
            "seal": lambda path: prism.seal.seal(self.data, path, recipients=[self.identity().recipient]),
            "open": lambda path: prism.seal.open(path, self.folder / "x", identity=self.identity()),
            "open to": lambda path: prism.seal.open(self.folder / "lab.pub", path, identity=self.identity()),
        }
        values = {"None": None, "a number": 3, "surrogates": SURROGATE, "NUL": NUL, "nothing": "", "a list": ["x"]}
        self.try_all(
            [(f"{use}({name})", lambda c=call, v=value: c(v), prism.Usage)  # type: ignore[misc]
             for use, call in uses.items() for name, value in values.items()]
        )  # fmt: skip

    def identity(self) -> prism.seal.Identity:
        path = self.folder / "identity"
        return prism.seal.Identity.load(path) if path.exists() else prism.seal.Identity.create(path)

    def test_places_that_cannot_be_used(self) -> None:
        folder, nowhere = self.folder / "d", self.folder / "nowhere" / "x"
        folder.mkdir()
        file = self.folder / "lab.pub"
        long = self.folder / ("x" * 300)
        identity = self.identity()
        self.try_all([
            ("a folder as a key", lambda: prism.Key.load(folder), prism.FileMalformed),
            ("a folder as a transcript", lambda: prism.audit(folder), prism.FileMalformed),
            ("a folder as a result", lambda: prism.Result(folder), prism.FileMalformed),
            ("below a file", lambda: prism.Key.load(file / "x"), prism.FileIo),
            ("a transcript below a file", lambda: prism.audit(file / "x"), prism.FileIo),
            ("a name too long", lambda: prism.Key.load(long), prism.FileIo),
            ("an asset's name too long", lambda: prism.Asset.from_file(long), prism.FileIo),
            ("a home of nobody", lambda: prism.Key.load("~nobody-of-this-name/x"), prism.Usage),
            ("no such folder", lambda: prism.Key.create(nowhere), prism.FileMissing),
            ("a key's folder that is a file", lambda: prism.Key.load_or_create(file / "a" / "b"), prism.FileIo),
            ("a pipe as an asset", lambda: prism.Asset.from_path(self.pipe()), prism.FileMalformed),
            ("a device as a key", lambda: prism.Key.load("/dev/zero"), prism.FileMalformed),
            ("an endless policy", lambda: self.verify(policy="/dev/zero"), prism.FileMalformed),
            ("no policy", lambda: self.verify(policy=nowhere), prism.FileMissing),
            ("a sealed file that is none", lambda: prism.seal.open(file, nowhere, identity=identity), prism.SealBroken),
            ("nothing to open", lambda: prism.seal.open(nowhere, file, identity=identity), prism.FileMissing),
        ])  # fmt: skip

    def pipe(self) -> Path:
        os.mkfifo(self.folder / "pipe")
        return self.folder / "pipe"

    def verify(self, **changed: Any) -> object:
        given: dict[str, Any] = {"evidence": b"", "endorsements": b"", "policy": b"", "platform": "snp"}
        given |= {"report_data": None} | changed
        return prism.attest.verify(given.pop("evidence"), given.pop("endorsements"), given.pop("policy"), **given)

    def test_what_is_no_terms(self) -> None:
        terms, folder, key = self.terms, self.folder, self.lab
        loop: dict[str, Any] = {}
        loop["a"] = loop
        toml = self.folder / "bad.toml"
        toml.write_bytes(b"\xff")
        anything: Any = object()
        self.try_all([
            ("a number", lambda: prism.Manifest.read(3), prism.Usage),  # type: ignore[arg-type]
            ("a folder", lambda: prism.Manifest.read(folder), prism.FileMalformed),
            ("without an end", lambda: prism.Manifest.read("/dev/zero"), prism.FileMalformed),
            ("a draft as a number", lambda: prism.Manifest.new(3), prism.Usage),  # type: ignore[arg-type]
            ("a draft of objects", lambda: prism.Manifest.new({"title": anything}), prism.Usage),
            ("a draft within itself", lambda: prism.Manifest.new(loop), prism.Usage),
            ("a draft of no number", lambda: prism.Manifest.new({"title": float("nan")}), prism.Usage),
            ("a draft of half a character", lambda: prism.Manifest.new({"title": SURROGATE}), prism.ManifestMalformed),
            ("a draft that is no TOML", lambda: prism.Manifest.new(toml), prism.FileMalformed),
            ("a draft's folder", lambda: prism.Manifest.new({}, 3), prism.Usage),  # type: ignore[arg-type]
            ("approved by nobody", lambda: terms.approve(None), prism.Usage),  # type: ignore[arg-type]
            ("whose key", lambda: terms.participant_of("x"), prism.Usage),  # type: ignore[arg-type]
            ("no approvals", lambda: terms.assemble(None), prism.Usage),  # type: ignore[arg-type]
            ("approvals of bytes", lambda: terms.assemble([b"x"]), prism.Usage),  # type: ignore[list-item]
            ("an approval of text", lambda: prism.Approval("x"), prism.Usage),  # type: ignore[arg-type]
            ("an approval that is none", lambda: terms.assemble([prism.Approval(b"x")]), prism.EnvelopeMalformed),
            ("an approval of a folder", lambda: prism.Approval.read(folder), prism.FileMalformed),
            ("saved in nothing", lambda: terms.save(folder / "a" / "b"), prism.FileMissing),
            ("saved over a key", lambda: terms.approve(key).save(folder / "lab.key"), prism.FileExists),
        ])  # fmt: skip

    def test_what_was_meant_is_named_where_a_path_is_expected(self) -> None:
        script, anything = self.folder / "s.py", ["data.csv", Path("b/h1")]
        script.write_text("pass")
        calls: dict[str, Callable[[Any], object]] = {
            'give {"data.csv": "data.csv", "h1": "b/h1"}': lambda given: prism.simulate(script, given),
            "prism.Key.load(path)": prism.Key,
            "prism.PublicKey.load(path)": prism.PublicKey,
            "prism.Manifest.read(path)": prism.Manifest,
        }
        for hint, call in calls.items():
            with self.subTest(hint):
                self.assertIn(hint, self.hint_of(call, anything))
        self.assertIn('give {"x.csv": "a/x.csv"}', self.hint_of(lambda data: prism.simulate(script, data), "a/x.csv"))
        self.assertIn("by its name", self.hint_of(lambda data: prism.simulate(script, data), [self.data]))

    def test_content_where_a_path_is_expected_names_what_brings_it(self) -> None:
        values: dict[str, list[Any]] = {"Asset.from_bytes": [b"61,1", bytearray(b"61,1"), memoryview(b"61,1")]}
        for package, make, called in (
            ("numpy", "zeros", "Asset.from_numpy"),
            ("pandas", "DataFrame", "Asset.from_frame"),
            ("polars", "DataFrame", "Asset.from_frame"),
            ("pyarrow", "table", "Asset.from_frame"),
        ):
            try:
                made = getattr(importlib.import_module(package), make)(3 if make == "zeros" else {"age": [61]})
                values.setdefault(called, []).append(made)
            except ImportError:
                print(f"skipped: {package} is not installed", file=sys.stderr)
        script = self.folder / "s.py"
        script.write_text("pass")
        uses: list[Callable[[Any], object]] = [
            prism.Asset.from_path,
            lambda data: prism.simulate(script, {"h1": data}),
            lambda data: self.terms.rehearse(self.hospital, {"h1.csv": data}),
        ]
        for called, contents in values.items():
            for content in contents:
                for use in uses:
                    with self.subTest(called, found=type(content).__name__):
                        self.assertIn(f"prism.{called}(", self.hint_of(use, content))
        self.assertNotIn("Asset", self.hint_of(prism.Asset.from_path, 3))

    def hint_of(self, call: Callable[[Any], object], value: Any) -> str:
        with self.assertRaises(prism.Usage) as caught:
            call(value)
        return caught.exception.hint

    def test_what_is_no_program_and_no_data(self) -> None:
        script = self.folder / "s.py"
        script.write_text("pass")
        make, run = prism.Algorithm.from_script, prism.simulate
        anything: Any = 3
        self.try_all([
            ("a program as a number", lambda: make(anything), prism.Usage),
            ("half a program", lambda: make(SURROGATE), prism.Usage),
            ("a folder as a number", lambda: prism.Algorithm.from_folder(anything), prism.Usage),
            ("requirements as a number", lambda: make(script, requirements=anything), prism.Usage),
            ("arguments as text", lambda: make(script, args=anything), prism.Usage),
            ("a number to simulate", lambda: run(anything, {"h1": self.data}), prism.Usage),
            ("data as a number", lambda: run(script, anything), prism.Usage),
            ("a dataset as a number", lambda: run(script, {"h1": anything}), prism.Usage),
            ("a number as a dataset's name", lambda: run(script, {anything: self.data}), prism.Usage),
            ("limits as a number", lambda: run(script, {"h1": self.data}, limits=anything), prism.Usage),
            ("a key by its path", lambda: prism.Key(anything), prism.Usage),
            ("a public key by its path", lambda: prism.PublicKey(anything), prism.Usage),
            ("a manifest by its path", lambda: prism.Manifest(anything), prism.Usage),
            ("an asset by its path", lambda: prism.Asset(anything, "x"), prism.Usage),
            ("data to rehearse with as a number", lambda: make(script).rehearse(datasets=anything), prism.Usage),
        ])  # fmt: skip

    def seal(self, recipients: Any) -> object:
        return prism.seal.seal(self.data, self.folder / "sealed", recipients=recipients)

    def serve_with(self, listen: Any = "127.0.0.1:0", **options: Any) -> object:
        return prism.serve(self.sign(), options.pop("platform", "simulated"), listen, **options)

    def test_arguments_of_other_kinds(self) -> None:
        identity = self.identity()
        recipient = identity.recipient
        self.try_all([
            ("evidence as text", lambda: self.verify(evidence="x"), prism.Usage),
            ("a platform as a number", lambda: self.verify(platform=3), prism.Usage),
            ("no platform", lambda: self.verify(platform=SURROGATE), prism.Usage),
            ("a time as text", lambda: self.verify(at="now"), prism.Usage),
            ("a time before time", lambda: self.verify(at=-1), prism.Usage),
            ("a time beyond 64 bits", lambda: prism.audit(b"", at=1 << 64), prism.Usage),
            ("a manifest as text", lambda: prism.audit(b"", "x"), prism.Usage),  # type: ignore[arg-type]
            ("PEM as bytes", lambda: prism.PublicKey.from_pem(b""), prism.Usage),  # type: ignore[arg-type]
            ("PEM with half a character", lambda: prism.PublicKey.from_pem(SURROGATE), prism.Usage),
            ("PEM of nothing", lambda: prism.PublicKey.from_pem(""), prism.KeyMalformed),
            ("a kind of key", lambda: prism.Key.generate(None), prism.Usage),  # type: ignore[arg-type]
            ("a recipient as text", lambda: self.seal(recipient), prism.Usage),
            ("no recipient", lambda: self.seal([]), prism.Usage),
            ("half a recipient", lambda: self.seal([recipient[:9]]), prism.KeyMalformed),
            ("a number as a recipient", lambda: self.seal([3]), prism.Usage),
            ("a key as an identity", lambda: prism.seal.open("x", "y", identity=self.lab), prism.Usage),  # type: ignore[arg-type]
            ("terms as text", lambda: prism.connect("127.0.0.1:1", "x"), prism.Usage),  # type: ignore[arg-type]
            ("terms to serve as text", lambda: prism.serve("x", "simulated"), prism.Usage),  # type: ignore[arg-type]
            ("an address as a number", lambda: prism.connect(1, self.sign()), prism.Usage),  # type: ignore[arg-type]
            ("half an address", lambda: prism.connect(SURROGATE, self.sign()), prism.Usage),
            ("no address", lambda: prism.connect("nonsense", self.sign()), prism.Usage),
            ("nobody there", lambda: prism.connect("127.0.0.1:1", self.sign()), prism.AgentUnreachable),
            ("a platform to serve", lambda: self.serve_with(platform="sgx"), prism.Usage),
            ("a list as a platform to serve", lambda: self.serve_with(platform=["snp"]), prism.Usage),
            ("an address to serve", lambda: self.serve_with("nonsense"), prism.Usage),
            ("a number to listen on", lambda: self.serve_with(3), prism.Usage),
            ("somebody else's address", lambda: self.serve_with("192.0.2.1:1"), prism.AgentUnreachable),
            ("a state that is a file", lambda: self.serve_with(state=self.folder / "lab.pub"), prism.FileIo),
            ("an interpreter that is none", lambda: self.serve_with(python=NUL), prism.Usage),
        ])  # fmt: skip


class Calls(Table):
    def test_what_an_agent_is_asked(self) -> None:
        agent = prism.connect(self.serve().address, self.sign(), self.hospital)
        to, folder = self.folder / "x", self.folder
        self.try_all([
            ("no key", lambda: prism.connect(agent.address, agent.terms).status(), prism.Usage),
            ("a key as text", lambda: agent.status("lab.key"), prism.Usage),  # type: ignore[arg-type]
            ("None as who you are", lambda: agent.authenticate(None), prism.Usage),  # type: ignore[arg-type]
            ("a stranger's key", lambda: agent.status(prism.Key.generate()), prism.KeyUnknown),
            ("an asset's name as a number", lambda: agent.upload(3, self.data), prism.Usage),  # type: ignore[arg-type]
            ("half a name", lambda: agent.upload(SURROGATE, self.data), prism.Usage),
            ("a name that drives a terminal", lambda: agent.upload("\x1b[2J", self.data), prism.AssetUnknown),
            ("a huge name", lambda: agent.upload("x" * (1 << 20), self.data), prism.AssetUnknown),
            ("an asset as bytes", lambda: agent.upload("h1.csv", b"x"), prism.Usage),  # type: ignore[arg-type]
            ("an asset as a number", lambda: agent.upload("h1.csv", 3), prism.Usage),  # type: ignore[arg-type]
            ("no salt", lambda: agent.upload("h1.csv", self.data, salt="zz"), prism.Usage),
            ("a salt as a number", lambda: agent.upload("h1.csv", self.data, salt=3), prism.Usage),  # type: ignore[arg-type]
            ("a salt that is not needed", lambda: agent.upload("h1.csv", self.data, salt="00" * 32), prism.Usage),
            ("a progress", lambda: agent.upload("h1.csv", self.data, progress="x"), prism.Usage),  # type: ignore[arg-type]
            ("a state", lambda: agent.watch(3), prism.Usage),  # type: ignore[arg-type]
            ("no state", lambda: agent.watch(SURROGATE), prism.Usage),
            ("a first entry", lambda: agent.entries(first=-1), prism.Usage),
            ("a first entry beyond 64 bits", lambda: agent.entries(first=1 << 64), prism.Usage),
            ("half an entry", lambda: agent.entries(first=1.5), prism.Usage),  # type: ignore[arg-type]
            ("another's logs", lambda: next(agent.logs()), prism.RoleRefused),
            ("another's figures", lambda: next(agent.metrics()), prism.RoleRefused),
            ("another's result", lambda: agent.result(to=to), prism.RoleRefused),
            ("a result to a number", lambda: agent.result(to=3), prism.Usage),  # type: ignore[arg-type]
            ("a result to half a name", lambda: agent.result(to=SURROGATE), prism.Usage),
            ("a transcript to a folder", lambda: agent.transcript(folder), prism.FileExists),
            ("a transcript to nowhere", lambda: agent.transcript(folder / "a" / "b"), prism.FileMissing),
        ])  # fmt: skip


class Shrinking(Scene):
    table = bytes(64 << 20)

    def test_a_file_that_shrinks_while_it_is_sent_is_told_as_changed(self) -> None:
        path = self.folder / "h1.csv"
        path.write_bytes(self.table)
        with cable_to(self.serve().address) as cable:
            agent = prism.connect(cable.address, self.sign(), self.hospital)
            cable.hold(to_agent=1 << 20)

            def shrink() -> None:
                cable.held.wait(60)
                os.truncate(path, 0)
                cable.release()

            thread = threading.Thread(target=shrink)
            thread.start()
            with self.assertRaises(prism.AssetMismatch) as caught:
                agent.upload("h1.csv", path, progress=False)
            thread.join()
            self.assertIn("changed while they were sent", str(caught.exception))
            with self.assertRaises(prism.AssetMismatch):
                agent.upload("h1.csv", path, progress=False)
            self.assertEqual(agent.upload("h1.csv", self.data, progress=False).entry["type"], "asset.accepted")


class Changing(io.RawIOBase):
    """A file object that says and does what a test wants."""

    def __init__(self, length: Any = 100, read: Callable[[int], Any] = lambda size: b"x" * size) -> None:
        self.length, self.reading = length, read

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> Any:
        return self.length if whence == os.SEEK_END else offset

    def read(self, size: int = -1) -> Any:
        return self.reading(size)


def failing(error: BaseException) -> Callable[[int], Any]:
    def read(size: int) -> Any:
        raise error

    return read


class Sources(Table):
    def test_file_objects(self) -> None:
        path = self.folder / "file"
        path.write_bytes(b"x" * 100)
        closed, text = open(path, "rb"), open(path)
        closed.close()
        self.addCleanup(text.close)
        kept = Changing()
        later = prism.Asset.from_file(kept)
        kept.close()

        def pipe(read: Callable[[int], Any]) -> object:
            file = Changing(read=read)
            file.seekable = lambda: False  # type: ignore[method-assign]
            return prism.Asset.from_file(file)

        measured = [
            ("gives text", lambda size: "x" * size),
            ("gives nothing at once", lambda size: None),
            ("gives numbers", lambda size: [1]),
            ("ends early", lambda size: b""),
            ("raises", failing(ZeroDivisionError())),
            ("raises the end of an iteration", failing(StopIteration())),
            ("is left", failing(SystemExit())),
        ]
        self.try_all([
            *[(f"one that {name}", lambda r=read: prism.Asset.from_file(Changing(read=r)).measure(), prism.FileIo)
              for name, read in measured],
            ("one that was closed", lambda: prism.Asset.from_file(closed), prism.Usage),
            ("one that is closed later", lambda: self.assert_open(later, kept), prism.FileIo),
            ("one that gives text", lambda: prism.Asset.from_file(text), prism.Usage),  # type: ignore[arg-type]
            ("one whose end is nowhere", lambda: prism.Asset.from_file(Changing(None)), prism.Usage),
            ("one that ends before it begins", lambda: prism.Asset.from_file(Changing(-1)), prism.Usage),
            ("one whose end is beyond 64 bits", lambda: prism.Asset.from_file(Changing(1 << 64)), prism.Usage),
            ("a pipe of text", lambda: pipe(lambda size: "x"), prism.Usage),
            ("a pipe that breaks", lambda: pipe(failing(OSError(5, "broken"))), prism.FileIo),
            ("no file", lambda: prism.Asset.from_file(3), prism.Usage),  # type: ignore[arg-type]
            ("None", lambda: prism.Asset.from_file(None), prism.Usage),  # type: ignore[arg-type]
            ("half a name", lambda: prism.Asset.from_file(io.BytesIO(b""), SURROGATE), prism.Usage),
            ("a name as a number", lambda: prism.Asset.from_file(io.BytesIO(b""), 3), prism.Usage),  # type: ignore[arg-type]
        ])  # fmt: skip

    def assert_open(self, asset: prism.Asset, file: Changing) -> object:
        def closed(size: int) -> Any:
            raise ValueError("I/O operation on closed file")

        file.reading = closed
        return asset.measure()

    def test_more_than_was_asked_for_is_not_taken(self) -> None:
        asset = prism.Asset.from_file(Changing(read=lambda size: b"x" * (size + 1000)))
        self.assertEqual(asset.measure(), prism.Asset.from_bytes(b"x" * 100).measure())

    def test_buffers(self) -> None:
        released = memoryview(b"x")
        released.release()
        grid = memoryview(bytes(16)).cast("B", (4, 4))

        class Point(ctypes.Structure):
            _fields_ = [("x", ctypes.c_int), ("o", ctypes.py_object)]

        self.try_all([
            ("released", lambda: prism.Asset.from_bytes(released), prism.Usage),
            ("with gaps", lambda: prism.Asset.from_bytes(memoryview(b"abcdef")[::2]), prism.Usage),
            ("backwards", lambda: prism.Asset.from_bytes(memoryview(b"abcdef")[::-1]), prism.Usage),
            ("with pointers", lambda: prism.Asset.from_bytes((Point * 2)()), prism.Usage),
            ("text", lambda: prism.Asset.from_bytes("x"), prism.Usage),
            ("a number", lambda: prism.Asset.from_bytes(1 << 80), prism.Usage),
            ("None", lambda: prism.Asset.from_bytes(None), prism.Usage),
            ("half a name", lambda: prism.Asset.from_bytes(b"x", SURROGATE), prism.Usage),
        ])  # fmt: skip
        for empty in (b"", bytearray(), memoryview(b""), array.array("d"), memoryview(b"abc")[3:]):
            self.assertEqual(prism.Asset.from_bytes(empty).size, 0)
        self.assertEqual(prism.Asset.from_bytes(grid).size, 16)

    def test_an_array_that_shrinks_is_held_as_it_is(self) -> None:
        data = bytearray(b"x" * 100)
        asset = prism.Asset.from_bytes(data)
        with self.assertRaises(BufferError):
            data.clear()
        self.assertEqual(asset.size, 100)


class Arrays(Table):
    def test_arrays_of_numpy(self) -> None:
        try:
            import numpy as np
        except ImportError:
            self.skipTest("skipped: numpy is not installed")
        whole = prism.Asset.from_numpy
        half: dict[str, Any] = {SURROGATE: np.zeros(1)}
        self.try_all([
            ("objects", lambda: whole(np.array([{}], dtype=object)), prism.Usage),
            ("objects in a record", lambda: whole(np.zeros(2, dtype=[("a", "i4"), ("b", "O")])), prism.Usage),
            ("gaps", lambda: whole(np.arange(10)[::2]), prism.Usage),
            ("a list", lambda: whole([1]), prism.Usage),
            ("a number", lambda: whole(np.float64(1)), prism.Usage),
            ("half a name of an array", lambda: whole(**half), prism.Usage),
            ("half a name", lambda: whole(np.zeros(1), name=SURROGATE), prism.Usage),
            ("both", lambda: whole(np.zeros(1), x=np.zeros(1)), prism.Usage),
            ("objects as bytes", lambda: prism.Asset.from_bytes(np.array([{}], dtype=object)), prism.Usage),
        ])  # fmt: skip
        for array_ in (np.zeros(0), np.zeros((0, 3)), np.array("", "U0"), np.zeros(2, "M8[s]"), np.zeros(2, ">i4"),
                       np.zeros(3, "V0"), np.zeros((2, 3)).T, np.ones(1, bool)):  # fmt: skip
            with self.subTest(array_.dtype):
                asset = whole(array_)
                asset.digest  # noqa: B018 - what is measured can be read
                content = asset._keep.read_at(0, asset.size)  # type: ignore[attr-defined]
                np.testing.assert_array_equal(np.load(io.BytesIO(content)), array_)

    def test_tables_of_pandas(self) -> None:
        try:
            import pandas as pd
        except ImportError:
            self.skipTest("skipped: pandas is not installed")
        frame = prism.Asset.from_frame
        plain = pd.DataFrame({"a": [1, 2]})
        named = plain.set_index(pd.Index(["p1", "p2"], name="patient"))
        twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
        self.try_all([
            ("an index of its own", lambda: frame(named), prism.Usage),
            ("an index of texts", lambda: frame(plain.set_index(pd.Index(["x", "y"]))), prism.Usage),
            ("an index of levels", lambda: frame(plain.set_index([["x", "y"], [1, 2]])), prism.Usage),
            ("a named index of numbers", lambda: frame(plain.rename_axis("patient")), prism.Usage),
            ("a series", lambda: frame(plain["a"]), prism.Usage),
            ("another format", lambda: frame(plain, format="xlsx"), prism.Usage),  # type: ignore[arg-type]
            ("an index that is no choice", lambda: frame(plain, index="yes"), prism.Usage),  # type: ignore[arg-type]
            ("two columns of a name", lambda: frame(twice, format="parquet"), prism.Usage),
            ("half a character", lambda: frame(pd.DataFrame({"a": [SURROGATE]}, dtype=object)), prism.Usage),
            ("mixed objects", lambda: frame(pd.DataFrame({"a": [1, "x", {}]}), format="parquet"), prism.Usage),
        ])  # fmt: skip
        content = {index: self.text(frame(named, index=index)) for index in (True, False)}
        self.assertEqual(content, {True: "patient,a\np1,1\np2,2\n", False: "a\n1\n2\n"})
        self.assertEqual(self.text(frame(plain.iloc[[1, 0]])), "a\n2\n1\n")
        self.assertEqual(self.text(frame(plain.iloc[:0])), "a\n")
        with files_of_at_most(10), self.assertRaises(prism.FileIo):
            frame(pd.DataFrame({"a": range(1000)}))

    def text(self, asset: prism.Asset) -> str:
        """What was written, as it would be sent."""
        identity = prism.seal.Identity.create(Path(tempfile.mkdtemp(dir=self.folder)) / "i")
        place = Path(tempfile.mkdtemp(dir=self.folder))
        sealed = prism.seal.seal(asset, place / "a.age", recipients=[identity.recipient], progress=False)
        return prism.seal.open(sealed.path, place / "a", identity=identity, progress=False).read_text()

    def test_tables_of_polars_and_arrow(self) -> None:
        frame = prism.Asset.from_frame
        try:
            import polars as pl

            self.try_all([
                ("a query", lambda: frame(pl.LazyFrame({"a": [1]})), prism.Usage),
                ("nested columns as text", lambda: frame(pl.DataFrame({"a": [[1]]})), prism.Usage),
                ("an index", lambda: frame(pl.DataFrame({"a": [1]}), index=True), prism.Usage),
            ])  # fmt: skip
        except ImportError:
            print("skipped: polars is not installed", file=sys.stderr)
        try:
            import pyarrow as pa
        except ImportError:
            self.skipTest("skipped: pyarrow is not installed")
        self.try_all([
            ("nested columns", lambda: frame(pa.table({"a": [[1]]})), prism.Usage),
            ("an array", lambda: frame(pa.array([1])), prism.Usage),
        ])  # fmt: skip
        self.assertEqual(self.text(frame(pa.table({"a": pa.array([], pa.int8())}))).splitlines(), ['"a"'])


if __name__ == "__main__":
    unittest.main()
