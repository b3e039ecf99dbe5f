import hashlib
import os
import stat

import prism
from scene import TABLE, Scene, draft


class Keys(Scene):
    def test_a_key_is_readable_by_its_owner_only_and_never_overwritten(self) -> None:
        path = self.folder / "new.key"
        key = prism.Key.create(path, "ecdsa-p384")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        for again in (path, self.folder / "lab.key"):
            before = again.read_bytes()
            with self.assertRaises(FileExistsError):
                prism.Key.create(again)
            self.assertEqual(again.read_bytes(), before)
        self.assertEqual(prism.Key.load_or_create(path).fingerprint, key.fingerprint)
        self.assertEqual(prism.PublicKey.load(path.with_suffix(".pub")), key.public)

    def test_a_key_that_others_can_read_is_refused(self) -> None:
        path = self.folder / "lab.key"
        os.chmod(path, 0o644)
        with self.assertRaises(prism.KeyExposed) as caught:
            prism.Key.load(path)
        self.assertIsInstance(caught.exception, PermissionError)

    def test_nothing_secret_is_shown(self) -> None:
        secret = (self.folder / "lab.key").read_text().splitlines()[1]
        for shown in (repr(self.lab), str(self.lab), repr(vars(self.lab))):
            self.assertNotIn(secret, shown)

    def test_each_key_has_a_public_half_of_its_own(self) -> None:
        for name in ("site.1", "site.2", "deep/er/site.key"):
            key = prism.Key.load_or_create(self.folder / name)
            self.assertEqual(prism.Key.load_or_create(self.folder / name).fingerprint, key.fingerprint)
        self.assertTrue((self.folder / "site.2.pub").exists() and (self.folder / "deep/er/site.pub").exists())

    def test_a_path_in_place_of_a_key_is_a_clear_error(self) -> None:
        signed = self.sign()
        with self.assertRaises(prism.Usage) as caught:
            prism.connect("127.0.0.1:1", signed, "lab.key")  # type: ignore[arg-type]
        self.assertIn("prism.Key.load", caught.exception.hint)

    def test_another_kind_of_key_is_a_clear_error(self) -> None:
        with self.assertRaises(prism.Usage):
            prism.Key.generate("rsa")  # type: ignore[arg-type]


class Terms(Scene):
    def test_what_everybody_approved_is_read_again(self) -> None:
        path = self.sign().save(self.folder / "terms.prism")
        again = prism.Manifest.read(path)
        self.assertTrue(again.is_signed)
        self.assertEqual((again, again.approved_by), (self.terms, ["hospital-1", "lab"]))
        bare = self.folder / "manifest.json"
        self.terms.save(bare)
        with self.assertRaises(prism.FileExists):
            again.save(bare)

    def test_what_is_saved_again_is_left_as_it_is_and_something_else_is_never_overwritten(self) -> None:
        approval = self.terms.approve(self.lab)
        for kind, save, content in (
            ("manifest", self.terms.save, self.terms.content),
            ("approval", approval.save, approval.content),
        ):
            with self.subTest(kind):
                path = self.folder / kind
                self.assertEqual((save(path), save(path)), (path, path))
                for other in (content[:-1], content + b" ", b""):
                    path.write_bytes(other)
                    with self.assertRaises(prism.FileExists) as caught:
                        save(path)
                    self.assertIn("use another name or an empty folder", caught.exception.hint)
                    self.assertEqual((path.read_bytes(), caught.exception.filename), (other, str(path)))

    def test_terms_are_said_in_plain_words_before_they_are_signed(self) -> None:
        words = self.terms.show()
        for said in (
            self.terms.digest,
            "Who takes part",
            "hospital-1",
            "What leaves, and to whom",
            "network       none",
        ):
            self.assertIn(said, words)

    def test_what_differs_between_two_manifests_is_listed(self) -> None:
        other = prism.Manifest.new({**draft(self.algorithm, self.data), "title": "Count the <b>rows</b>"}, self.folder)
        found = {one.field: (one.old, one.new) for one in self.terms.diff(other)}
        self.assertEqual(found["title"], ("Count the rows", "Count the <b>rows</b>"))
        self.assertIn("salt", found)
        self.assertNotIn("owner", found)
        with self.assertRaises(prism.Usage):
            self.terms.diff("manifest.json")  # type: ignore[arg-type]

    def test_the_card_of_a_manifest_is_a_fragment_in_which_nothing_is_markup(self) -> None:
        terms = {**draft(self.algorithm, self.data), "title": "Count the <b>rows</b>"}
        html = prism.Manifest.new(terms, self.folder)._repr_html_()
        self.assertTrue(html.startswith('<div class="prism-card">') and html.endswith("</div>"), html)
        self.assertIn("Count the &lt;b&gt;rows&lt;/b&gt;", html)
        self.assertIn("SIMULATED", html)

    def test_a_missing_approval_is_named(self) -> None:
        with self.assertRaises(prism.ApprovalMissing) as caught:
            self.terms.assemble([self.terms.approve(self.lab)])
        self.assertIn("hospital-1", str(caught.exception))
        for refused in (lambda: prism.connect("127.0.0.1:1", self.terms), lambda: prism.serve(self.terms, "simulated")):
            with self.assertRaises(prism.ApprovalMissing):
                refused()

    def test_an_approval_of_other_bytes_is_refused(self) -> None:
        other = prism.Manifest.new(draft(self.algorithm, self.data), self.folder)
        with self.assertRaises(prism.ApprovalInvalid):
            self.terms.assemble([self.terms.approve(self.lab), other.approve(self.hospital)])

    def test_a_stranger_approves_nothing(self) -> None:
        with self.assertRaises(prism.KeyUnknown):
            self.terms.approve(prism.Key.generate())
        with self.assertRaises(prism.KeyUnknown):
            self.terms.rehearse(prism.Key.generate())

    def test_a_rehearsal_compares_what_would_be_brought(self) -> None:
        ready = self.terms.rehearse(self.hospital, {"h1.csv": self.data})
        self.assertEqual((ready.participant, ready.assets), ("hospital-1", ("h1.csv",)))
        self.assertEqual(ready, self.terms.rehearse(self.hospital, **{"h1.csv": self.data}))
        self.assertIn("ready: hospital-1; h1.csv as agreed", repr(ready))
        self.assertIn("SIMULATED", ready._repr_html_())
        with self.assertRaises(prism.AssetMismatch):
            self.terms.rehearse(self.hospital, **{"h1.csv": prism.Asset.from_bytes(TABLE + b"x")})
        with self.assertRaises(prism.AssetUnknown):
            self.terms.rehearse(self.hospital, h2=self.data)
        with self.assertRaises(prism.AssetWrongProvider):
            self.terms.rehearse(self.hospital, **{"count.py": self.algorithm})
        path = self.folder / "h1.csv"
        path.write_bytes(TABLE)
        asset = prism.Asset.from_path(path)
        self.assertEqual(self.terms.rehearse(self.hospital, {"h1.csv": path}), ready)
        self.assertEqual(self.terms.rehearse(self.hospital, {"h1.csv": asset}), ready)
        path.write_bytes(TABLE + b"1,1\n")
        with self.assertRaises(prism.AssetMismatch):
            self.terms.rehearse(self.hospital, **{"h1.csv": asset})

    def named(self, name: str, digest: str) -> prism.Manifest:
        """Terms in which the hospital's table has another name and digest."""
        content = draft(self.algorithm, self.data)
        content["dataset"] = [{"provider": "hospital-1", "name": name, "digest": digest, "size": self.data.size}]
        return prism.Manifest.new(content, self.folder)

    def test_a_rehearsal_digests_as_the_terms_do(self) -> None:
        salt = "5a" * 32
        salted = hashlib.sha256(b"prism/asset/v1\0" + bytes.fromhex(salt) + TABLE).hexdigest()
        terms = self.named("h1", f"sha256-salted:{salted}")
        ready = terms.rehearse(self.hospital, {"h1": self.data}, {"h1": salt})
        self.assertEqual(ready.assets, ("h1",))
        for given in ({}, {"h1": "5a"}, {"h1": salt, "h2": salt}):
            with self.assertRaises(prism.Usage):
                terms.rehearse(self.hospital, {"h1": self.data}, given)
        for other, table in (("5b" * 32, TABLE), (salt, TABLE + b"x")):
            with self.assertRaises(prism.AssetMismatch):
                terms.rehearse(self.hospital, {"h1": prism.Asset.from_bytes(table)}, {"h1": other})
        with self.assertRaises(prism.Usage):
            self.terms.rehearse(self.hospital, {"h1.csv": self.data}, {"h1.csv": salt})
        sha3 = self.named("h1", f"sha3-256:{hashlib.sha3_256(TABLE).hexdigest()}")
        self.assertEqual(sha3.rehearse(self.hospital, h1=self.data), ready)
        with self.assertRaises(prism.AssetMismatch):
            sha3.rehearse(self.hospital, h1=self.algorithm)

    def test_an_asset_may_be_called_as_an_argument_is(self) -> None:
        for name in ("key", "assets", "salts", "self"):
            ready = self.named(name, self.data.digest).rehearse(self.hospital, **{name: self.data})
            self.assertEqual(ready.assets, (name,))

    def test_a_simulated_platform_is_said_aloud(self) -> None:
        self.assertTrue(repr(self.terms).startswith("SIMULATED"))

    def test_a_draft_is_read_from_a_file(self) -> None:
        (self.folder / "h1.csv").write_bytes(TABLE)
        (self.folder / "count.py").write_bytes(self.script)
        (self.folder / "terms.toml").write_text(
            'title = "t"\nowner = "lab"\nvalid = "1d"\n[platform]\nsimulated = true\n'
            '[participants.lab]\norganisation = "Lab"\nkey = "lab.pub"\n'
            '[participants.hospital-1]\norganisation = "H"\nkey = "hospital-1.pub"\n'
            '[algorithm]\nprovider = "lab"\nfile = "count.py"\n'
            '[[dataset]]\nprovider = "hospital-1"\nfile = "h1.csv"\n'
            '[results]\nconsumers = ["lab"]\nmax = "1 MiB"\n'
        )
        terms = prism.Manifest.new(self.folder / "terms.toml")
        self.assertEqual(terms.assets["h1.csv"]["digest"], self.data.digest)
        self.assertEqual(terms.assets["count.py"]["provider"], "lab")

    def test_nonsense_is_a_clear_error(self) -> None:
        for nonsense in (b"", b"{}", b"\x00" * 100, b'{"payloadType":1}'):
            with self.assertRaises(prism.PrismError):
                prism.Manifest.read(nonsense)
        with self.assertRaises(prism.ManifestMalformed):
            prism.Manifest.new({"title": "t"})
        with self.assertRaises(prism.FileMissing):
            prism.Manifest.read(self.folder / "nothing")
