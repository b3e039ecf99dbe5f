"""Cards: a fragment each, whoever chose the names in it."""

import unittest
import zipfile
from xml.etree import ElementTree

import prism
from scene import Scene

EVIL = "<img src=x onerror=alert(1)>\u202e.csv"


class Cards(Scene):
    def cards(self) -> dict[str, str]:
        folder = self.folder / "f"
        folder.mkdir()
        for number in range(12):
            (folder / f"{number:02}<img src=x>.csv").write_text("x")
        key = prism.Key.create(self.folder / "<b>.key")
        with self.serve() as room:
            agent = prism.connect(room.address, self.sign(), self.lab)
            receipt = agent.upload("count.py", self.algorithm, progress=False)
            return {
                "key": key._repr_html_(),
                "public key": key.public._repr_html_(),
                "asset": prism.Asset.from_bytes(b"x", EVIL)._repr_html_(),
                "folder": prism.Asset.from_path(folder)._repr_html_(),
                "manifest": self.terms._repr_html_(),
                "verdict": agent.verdict._repr_html_(),
                "agent": agent._repr_html_(),
                "status": agent.status()._repr_html_(),
                "receipt": receipt._repr_html_(),
                "timeline": prism.Timeline([prism.Entry(0, EVIL, EVIL, EVIL, {}, 1.0, EVIL)])._repr_html_(),
                "audit": prism.audit(b"no transcript")._repr_html_(),
            }

    def test_every_card_is_one_well_formed_fragment_in_which_nothing_is_markup(self) -> None:
        for name, html in self.cards().items():
            with self.subTest(name):
                root = ElementTree.fromstring(html)
                self.assertEqual((root.tag, root.get("class")), ("div", "prism-card"))
                found = {element.tag for element in root.iter()}
                self.assertLessEqual(found, ALLOWED, html)
                attributes = {attribute for element in root.iter() for attribute in element.attrib}
                self.assertFalse([one for one in attributes if one.startswith("on") or one in ("src", "href")], html)
                self.assertNotIn("\u202e", html)

    def test_names_that_are_not_unicode_are_shown(self) -> None:
        program, archive = self.folder / "\udcff.py", self.folder / "\udcff.zip"
        program.write_text("open('\\\\ud800')\n")
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("a", "b")
        algorithm = prism.Algorithm.from_script(program, args=["\udc80"])
        for one in (
            prism.Result(archive),
            algorithm,
            algorithm.lint(),
            algorithm.asset,
            prism.Readiness("\udcff", ("\udcff",)),
            prism.Timeline([prism.Entry(0, "\udcff", "\udcff", "\udcff", {}, 1.0, "\udcff")]),
        ):
            with self.subTest(type(one).__name__):
                self.assertIn("\\udc", one._repr_html_())

    def test_a_card_tells_what_its_text_tells(self) -> None:
        asset = prism.Asset.from_bytes(b"abc", "h1.csv")
        self.assertNotIn("sha256:", asset._repr_html_())
        self.assertIn(asset.digest, asset._repr_html_())
        self.assertIn(self.lab.fingerprint, self.lab._repr_html_())
        secret = (self.folder / "lab.key").read_text().splitlines()[1]
        self.assertNotIn(secret, self.lab._repr_html_())
        with self.serve() as room:
            status = prism.connect(room.address, self.sign(), self.lab).status()._repr_html_()
        self.assertTrue("SIMULATED" in status and "awaited" in status, status)


ALLOWED = {
    *("div", "style", "b", "p", "table", "tr", "td", "span", "details", "summary", "pre", "br"),
    *("svg", "title", "rect", "polyline"),
}


if __name__ == "__main__":
    unittest.main()
