import base64
import hashlib
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import prism


class Evidence(unittest.TestCase):
    """What a pretend machine signed, as its transcript keeps it, judged without an agent."""

    case: ClassVar[dict[str, Any]]
    policy: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = prism.simulate(prism.samples.covid19)
            transcript = json.loads(done.save_transcript(Path(folder, "run.transcript")).read_bytes())
            done.close()
        held = transcript["evidence"][0]
        evidence = base64.b64decode(held["evidence"])
        binding = hashlib.sha256(base64.b64decode(transcript["binding"])).digest()
        # The nonce of whoever asked, then the digest of what the evidence is bound to.
        nonce = evidence[evidence.index(binding) - 32 : evidence.index(binding)]
        cls.case = {
            "evidence": evidence,
            "endorsements": base64.b64decode(held["endorsements"]),
            "platform": held["platform"],
            "report_data": (nonce + binding).hex(),
        }
        terms = prism.Manifest.read(base64.b64decode(transcript["manifest"]))
        cls.policy = {"version": 1, "confirmed": True, **terms.data["platform"]}

    def verify(self, policy: dict[str, Any] | None = None, **changes: Any) -> prism.Verdict:
        return prism.attest.verify(policy=json.dumps(policy or self.policy).encode(), **{**self.case, **changes})

    def test_genuine_evidence_that_is_bound_as_expected_holds(self) -> None:
        verdict = self.verify().require()
        self.assertTrue(verdict.is_simulated)
        self.assertEqual(verdict.unmet, [])

    def test_files_are_read_like_bytes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "endorsements.json").write_bytes(self.case["endorsements"])
            (place / "policy.json").write_text(json.dumps(self.policy))
            rest = {name: self.case[name] for name in ("evidence", "platform", "report_data")}
            prism.attest.verify(
                endorsements=place / "endorsements.json", policy=str(place / "policy.json"), **rest
            ).require()

    def test_each_alteration_is_refused_with_its_reason(self) -> None:
        evidence = bytearray(self.case["evidence"])
        evidence[0x90] ^= 1  # the measurement
        other = json.loads(json.dumps(self.policy))
        other["accept"][0]["simulated"]["snp"]["measurements"] = ["00" * 48]
        cases = {
            "altered evidence": self.verify(evidence=bytes(evidence)),
            "another binding": self.verify(report_data="00" * 64),
            "another program": self.verify(other),
            "ten years later": self.verify(at=2_100_000_000),
        }
        for name, verdict in cases.items():
            with self.subTest(name):
                self.assertTrue(verdict.unmet)
                with self.assertRaises(prism.EvidenceRefused) as caught:
                    verdict.require()
                self.assertEqual(caught.exception.details["verdict"]["verdict"], "refused")

    def test_a_verdict_on_evidence_for_nobody_says_so(self) -> None:
        self.assertNotEqual(self.verify().data["binding"], "none")
        self.assertEqual(self.verify(report_data=None).data["binding"], "none")

    def test_what_cannot_be_judged_is_a_clear_error(self) -> None:
        with self.assertRaises(prism.PolicyUnconfirmed):
            self.verify({**self.policy, "confirmed": False})
        with self.assertRaises(prism.PlatformUnsupported):
            self.verify(platform="sgx")
        with self.assertRaises(prism.Usage):
            self.verify(report_data="short")
