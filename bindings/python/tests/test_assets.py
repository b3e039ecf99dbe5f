import gzip
import hashlib
import io
import os
import tempfile
import unittest
import zipfile
from collections.abc import Callable
from pathlib import Path

import prism


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Assets(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)

    def test_every_way_to_bring_bytes_gives_the_same_digest(self) -> None:
        content = os.urandom(3 << 20)
        path = self.folder / "data.bin"
        path.write_bytes(content)
        (self.folder / "data.gz").write_bytes(gzip.compress(content))
        read, write = os.pipe()
        with open(path, "rb") as file, tempfile.TemporaryFile() as nameless, os.fdopen(read, "rb") as pipe:
            nameless.write(content)
            file.read(5)  # an object is read from its beginning
            assets = {
                "path": prism.Asset.from_file(path),
                "text path": prism.Asset.from_path(str(path)),
                "open file": prism.Asset.from_file(file),
                "nameless file": prism.Asset.from_file(nameless),
                "bytes": prism.Asset.from_bytes(content),
                "bytearray": prism.Asset.from_bytes(bytearray(content)),
                "memoryview": prism.Asset.from_bytes(memoryview(content)),
                "BytesIO": prism.Asset.from_file(io.BytesIO(content)),
                "gzip": prism.Asset.from_file(gzip.open(self.folder / "data.gz")),
            }
            for name, asset in assets.items():
                with self.subTest(name):
                    self.assertEqual((asset.digest, asset.size), (digest(content), len(content)))
            os.write(write, b"short")
            os.close(write)
            self.assertEqual(prism.Asset.from_file(pipe).digest, digest(b"short"))
        for asset in assets.values():
            getattr(asset._keep, "_file", io.BytesIO()).close()

    def test_a_folder_is_its_canonical_archive(self) -> None:
        folder = self.folder / "h1"
        (folder / "b").mkdir(parents=True)
        (folder / "b" / "x.txt").write_text("x")
        (folder / "a.txt").write_text("a")
        asset = prism.Asset.from_folder(folder)
        self.assertEqual(asset.names, ["a.txt", "b/x.txt"])
        before = asset.digest
        os.utime(folder / "a.txt", (1, 1))
        self.assertEqual(prism.Asset.from_path(folder).digest, before)

    def test_what_cannot_be_brought_is_a_clear_error(self) -> None:
        (self.folder / "file").write_bytes(b"x")
        (self.folder / "d").mkdir()
        (self.folder / "d" / "link").symlink_to("/etc/passwd")
        closed = open(self.folder / "file", "rb")
        closed.close()
        cases: dict[str, Callable[[], object]] = {
            "nothing": lambda: prism.Asset.from_path(self.folder / "nothing"),
            "a file as a folder": lambda: prism.Asset.from_folder(self.folder / "file"),
            "a folder as a file": lambda: prism.Asset.from_file(self.folder),
            "a link in a folder": lambda: prism.Asset.from_folder(self.folder / "d"),
            "a number": lambda: prism.Asset.from_bytes(3),
            "text": lambda: prism.Asset.from_bytes("text"),
            "gaps": lambda: prism.Asset.from_bytes(memoryview(b"abcdef")[::2]),
            "a closed file": lambda: prism.Asset.from_file(closed),
            "text from a file": lambda: prism.Asset.from_file(io.StringIO("x")),  # type: ignore[arg-type]
            "a list as a table": lambda: prism.Asset.from_frame([1, 2]),
            "no array": lambda: prism.Asset.from_numpy(),
        }
        for name, case in cases.items():
            with self.subTest(name), self.assertRaises(prism.PrismError):
                case()

    def test_a_file_object_that_fails_says_so(self) -> None:
        class Broken(io.RawIOBase):
            def seekable(self) -> bool:
                return True

            def seek(self, offset: int, whence: int = 0) -> int:
                return 100

            def read(self, size: int = -1) -> bytes:
                raise OSError("the tape broke")

        asset = prism.Asset.from_file(Broken())
        with self.assertRaises(prism.FileIo) as caught:
            asset.measure()
        self.assertIn("the tape broke", str(caught.exception))

    def test_bytes_are_read_where_they_lie(self) -> None:
        content = bytearray(b"a" * (1 << 20))
        asset = prism.Asset.from_bytes(content)
        content[0] = ord("b")
        self.assertEqual(asset.digest, digest(bytes(content)))

    def test_numbers_that_are_not_bytes_are_taken_as_their_bytes(self) -> None:
        import array

        numbers = array.array("d", [1.0, 2.0])
        self.assertEqual(prism.Asset.from_bytes(numbers).digest, digest(numbers.tobytes()))


class Numpy(unittest.TestCase):
    def setUp(self) -> None:
        try:
            import numpy
        except ImportError:
            self.skipTest("skipped: numpy is not installed")
        self.np = numpy

    def read(self, asset: prism.Asset) -> bytes:
        keep = asset._keep
        return keep.read_at(0, asset.size)  # type: ignore[attr-defined, no-any-return]

    def test_arrays_are_what_numpy_reads(self) -> None:
        np = self.np
        for array in (np.arange(12.0).reshape(3, 4), np.arange(12).reshape(3, 4).T, np.array(3.5), np.zeros((0, 2))):
            content = self.read(prism.Asset.from_numpy(array))
            np.testing.assert_array_equal(np.load(io.BytesIO(content)), array)
        content = self.read(prism.Asset.from_numpy(x=np.arange(5), y=np.ones((2, 2))))
        with np.load(io.BytesIO(content)) as arrays:
            np.testing.assert_array_equal(arrays["x"], np.arange(5))
            np.testing.assert_array_equal(arrays["y"], np.ones((2, 2)))
        self.assertEqual(zipfile.ZipFile(io.BytesIO(content)).testzip(), None)

    def test_the_same_arrays_give_the_same_digest(self) -> None:
        one, two = (prism.Asset.from_numpy(y=self.np.ones(3), x=self.np.arange(5)) for _ in range(2))
        self.assertEqual(one.digest, two.digest)

    def test_one_array_is_what_numpy_saves(self) -> None:
        file = io.BytesIO()
        self.np.save(file, self.np.arange(12.0).reshape(3, 4))
        self.assertEqual(self.read(prism.Asset.from_numpy(self.np.arange(12.0).reshape(3, 4))), file.getvalue())

    def test_objects_gaps_and_masks_are_refused(self) -> None:
        np = self.np
        masked = np.ma.array([61, 47], mask=[0, 1], dtype="u1")
        for array in (np.array([{}], dtype=object), np.arange(10)[::2], [1, 2], masked):
            with self.assertRaises(prism.Usage):
                prism.Asset.from_numpy(array)


class Tables(unittest.TestCase):
    def test_tables_of_every_package_are_read_again(self) -> None:
        found = 0
        for package in ("pandas", "polars"):
            try:
                module = __import__(package)
            except ImportError:
                continue
            found += 1
            frame = module.DataFrame({"age": [61, 47], "label": [1, 0]})
            asset = prism.Asset.from_frame(frame)
            self.assertEqual(asset.digest, digest(b"age,label\n61,1\n47,0\n"))
            self.assertTrue((asset.writer or "").startswith(package))
        if not found:
            self.skipTest("skipped: neither pandas nor polars is installed")


class Readers(unittest.TestCase):
    def test_an_object_is_read_to_the_length_it_had_and_no_further(self) -> None:
        class Growing(io.RawIOBase):
            def seekable(self) -> bool:
                return True

            def seek(self, offset: int, whence: int = 0) -> int:
                return 1000

            def read(self, size: int = -1) -> bytes:
                return b"x" * size

        self.assertEqual(prism.Asset.from_file(Growing()).measure(), (digest(b"x" * 1000), 1000))

    def test_an_object_that_ends_early_is_an_error(self) -> None:
        class Short(io.RawIOBase):
            def seekable(self) -> bool:
                return True

            def seek(self, offset: int, whence: int = 0) -> int:
                return 1000

            def read(self, size: int = -1) -> bytes:
                return b""

        with self.assertRaises(prism.FileIo):
            prism.Asset.from_file(Short()).measure()
