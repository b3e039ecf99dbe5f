import os
import zipfile
from collections.abc import Callable

import prism
from scene import Scene


class Run(Scene):
    def test_an_address_is_a_host_with_its_port(self) -> None:
        signed, address = self.sign(), self.serve().address
        port = address.rpartition(":")[2]
        for wrong in (
            "localhost", "http://agent.example:6110", f"http://{address}", "agent.example:", ":6110", "a b:6110", "",
            "agent.example:0", "agent.example:65536", "agent.example:http", "https://agent.example", f"{address}/path",
        ):  # fmt: skip
            with self.subTest(wrong), self.assertRaises(prism.Usage) as caught:
                prism.connect(wrong, signed)
            self.assertIn("expected host:port, such as agent.example:6110, found", str(caught.exception))
        for right in (address, f"https://{address}/", f"localhost:{port}"):
            with prism.connect(right, signed) as agent:
                self.assertIn(agent.address, (address, f"localhost:{port}"))
        with self.assertRaises(prism.AgentUnreachable):
            prism.connect("[::1]:1", signed)

    def test_everybody_plays_their_part(self) -> None:
        room = self.serve()
        lab = prism.connect(room.address, self.sign_again(), self.lab)
        self.assertTrue(lab.verdict.is_simulated)
        self.assertEqual(lab.verdict.unmet, [])
        with self.assertRaises(TypeError):
            bool(lab.verdict)
        heard: list[prism.Progress] = []
        receipt = lab.upload("count.py", self.algorithm, progress=heard.append)
        self.assertEqual(receipt.entry["type"], "asset.accepted")
        self.assertEqual(heard[-1].done, self.algorithm.size)
        self.assertEqual(lab.status().assets, {"count.py": True, "h1.csv": False})
        with self.assertRaises(prism.ResultNotReady):
            lab.result(to=self.folder / "result.zip", progress=False)
        hospital = prism.connect(room.address, self.signed, self.hospital)
        hospital.upload("h1.csv", self.data, progress=False)
        entry = lab.watch(until="delivering", show=False)
        assert entry is not None
        self.assertEqual(entry.state, "Delivering")
        result = lab.result(to=self.folder / "result.zip", progress=False)
        self.assertEqual(result.text("count.txt"), "3")
        # Once more reads it from the disk; elsewhere it is gone for good.
        self.assertEqual(lab.result(to=self.folder / "result.zip", progress=False).names, ["count.txt"])
        with self.assertRaises(prism.PrismError):
            lab.result(to=self.folder / "other.zip", progress=False)
        # Another computation's result, or an altered one, is never taken for this one's.
        kept = (self.folder / "result.zip").read_bytes()
        for name, content in (("result.zip", kept + b"x"), ("result.zip.receipt", b"x")):
            before = self.swap(name, content)
            with self.assertRaises(prism.PrismError):
                lab.result(to=self.folder / "result.zip", progress=False)
            before()
        with self.assertRaises(prism.Usage):
            lab.watch(until="delivring", show=False)
        self.assertEqual(b"".join(piece for _, piece in lab.logs()).splitlines()[-1], b"counted")
        self.assertEqual([(f.step, f.values) for f in lab.metrics()], [(1, {"rows": 3.0})])
        self.assertEqual(next(iter(lab.entries())).type, "log.open")
        transcript = lab.transcript(self.folder / "run.transcript")
        report = prism.audit(transcript, self.terms).require()
        self.assertTrue(report.is_simulated)
        altered = transcript.read_bytes().replace(b"count.py", b"other.py")
        broken = prism.audit(altered)
        self.assertFalse(broken.holds)
        with self.assertRaises(prism.AuditFailed) as caught:
            broken.require()
        self.assertTrue(caught.exception.details["broken"])

    def swap(self, name: str, content: bytes) -> Callable[[], object]:
        """Replaces a file; what is returned puts it back."""
        path = self.folder / name
        before = path.read_bytes()
        path.write_bytes(content)
        return lambda: path.write_bytes(before)

    def sign_again(self) -> prism.Manifest:
        self.signed = self.sign()
        return self.signed

    def test_wrong_bytes_never_leave(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        with self.assertRaises(prism.AssetMismatch) as caught:
            agent.upload("h1.csv", prism.Asset.from_bytes(self.table[:-1] + b"!"), progress=False)
        self.assertIn("nothing was sent", str(caught.exception))
        for name, kind in {"h2.csv": prism.AssetUnknown, "count.py": prism.AssetWrongProvider}.items():
            with self.assertRaises(kind):
                agent.upload(name, self.data, progress=False)
        with self.assertRaises(prism.KeyUnknown):
            agent.authenticate(prism.Key.generate())

    def test_an_agent_with_other_terms_is_refused_with_its_verdict(self) -> None:
        room = self.serve()
        self.terms = prism.Manifest.new(__import__("scene").draft(self.algorithm, self.data), self.folder)
        with self.assertRaises(prism.EvidenceRefused) as caught:
            prism.connect(room.address, self.sign())
        verdict = caught.exception.details["verdict"]
        self.assertTrue([finding for finding in verdict["findings"] if not finding["ok"]])

    def test_a_stopped_computation_says_who_stopped_it(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        self.assertEqual(agent.stop().entry["type"], "stop")
        with self.assertRaises(prism.RunStopped):
            agent.watch(show=False)

    def test_an_agent_that_nobody_answers_for_is_unreachable(self) -> None:
        room = self.serve()
        address = room.address
        room.close()
        room.close()
        self.assertIsNone(room.state)
        with self.assertRaises(ConnectionError):
            prism.connect(address, self.sign())

    def test_a_callback_that_fails_ends_the_upload(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)

        def broken(at: prism.Progress) -> None:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            agent.upload("h1.csv", self.data, progress=broken)


class Simulations(Scene):
    def test_the_sample_trains_and_its_audit_holds(self) -> None:
        done = prism.simulate(prism.samples.covid19)
        self.assertTrue(done.audit.require().is_simulated)
        self.assertGreater(done.result.json("metrics.json")["accuracy"], 0.9)
        self.assertEqual([figures.step for figures in done.metrics], [1, 2, 3])
        self.assertIn("held-back", done.log)
        self.assertIn("SIMULATED", done._repr_html_())

    def test_a_program_that_fails_shows_what_it_printed(self) -> None:
        script = self.folder / "broken.py"
        script.write_text("raise SystemExit('no such column: age')")
        with self.assertRaises(prism.RunFailed) as caught:
            prism.simulate(script, {"h1": prism.Asset.from_bytes(b"x")})
        self.assertIn("no such column", caught.exception.details["stderr"])

    def test_a_program_has_no_network(self) -> None:
        script = self.folder / "call.py"
        script.write_text(
            "import pathlib, socket\n"
            "try:\n    socket.socket(socket.AF_INET)\n    found = 'open'\n"
            "except OSError as error:\n    found = type(error).__name__\n"
            "pathlib.Path('results').mkdir(exist_ok=True)\npathlib.Path('results/found').write_text(found)\n"
        )
        done = prism.simulate(script, {"h1": prism.Asset.from_bytes(b"x")})
        self.assertEqual(done.result.text("found"), "PermissionError")

    def test_names_that_no_manifest_takes_are_named(self) -> None:
        script = self.folder / "s.py"
        script.write_text("import pathlib\npathlib.Path('results').mkdir(exist_ok=True)\nopen('results/x','w')")
        for name in ("a b", "münchen", "", "..", "a/b", "x" * 65):
            with self.assertRaises(prism.Usage) as caught:
                prism.simulate(script, {name: prism.Asset.from_bytes(b"x")})
            self.assertIn("expected a name", str(caught.exception))
        prism.simulate(
            script, {"a_b": prism.Asset.from_bytes(b"x"), "a-b": prism.Asset.from_bytes(b"y")}
        ).audit.require()

    def test_a_forked_child_takes_nothing_away(self) -> None:
        done = prism.simulate(prism.samples.covid19)
        child = os.fork()
        if child == 0:
            done.close()
            os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual(done.result.json("metrics.json")["images"], 180)

    def test_nothing_to_work_on_is_a_clear_error(self) -> None:
        with self.assertRaises(prism.Usage):
            prism.simulate(self.folder / "lab.key")


class Sealing(Scene):
    def test_only_the_recipient_opens_what_was_sealed(self) -> None:
        mine = prism.seal.Identity.create(self.folder / "mine.identity")
        other = prism.seal.Identity.create(self.folder / "other.identity", hybrid=False)
        sealed = prism.seal.seal(self.data, self.folder / "h1.age", recipients=[mine.recipient], progress=False)
        self.assertEqual((sealed.digest, sealed.size), (self.data.digest, self.data.size))
        prism.seal.open(sealed.path, self.folder / "out", identity=mine, progress=False)
        self.assertEqual((self.folder / "out").read_bytes(), self.table)
        with self.assertRaises(prism.SealNotForYou):
            prism.seal.open(sealed.path, self.folder / "other", identity=other, progress=False)
        content = bytearray(sealed.path.read_bytes())
        content[-1] ^= 1
        (self.folder / "bad.age").write_bytes(content)
        with self.assertRaises(prism.SealBroken):
            prism.seal.open(self.folder / "bad.age", self.folder / "bad", identity=mine, progress=False)
        self.assertFalse((self.folder / "bad").exists())


class Results(Scene):
    def test_files_of_a_result_are_read_by_name(self) -> None:
        path = self.folder / "result.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.json", "[1]")
        result = prism.Result(path)
        self.assertEqual(result.json("a.json"), [1])
        with self.assertRaises(prism.AssetUnknown) as caught:
            result.bytes("b.json")
        self.assertIn("a.json", str(caught.exception))
        self.assertEqual([p.name for p in result.extract(self.folder / "out")], ["a.json"])
        with self.assertRaises(FileExistsError):
            result.extract(self.folder / "out")
        for name in ("../up", "/root", "./dup"):
            with zipfile.ZipFile(self.folder / "hostile.zip", "w") as archive:
                archive.writestr(name, "x")
            with self.assertRaises(prism.ArchiveUnsafe):
                prism.Result(self.folder / "hostile.zip").extract(self.folder / "hostile")
