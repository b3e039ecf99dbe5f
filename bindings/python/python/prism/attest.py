"""Evidence judged offline, without an agent: is this machine real, and is it the one that was agreed?"""

from __future__ import annotations

from os import PathLike

from . import _prism
from ._files import read
from ._words import moment, need, text
from .errors import Usage
from .verdicts import Verdict

__all__ = ["verify"]

# The longest bundle or policy that is read, in bytes.
_MOST = 64 << 20


def verify(
    evidence: bytes,
    endorsements: bytes | str | PathLike[str],
    policy: bytes | str | PathLike[str],
    *,
    platform: str,
    report_data: str | None = None,
    at: int | None = None,
) -> Verdict:
    """Judges what a machine signed: genuine, wanted, and bound as expected? Uses no network.

    Args:
        evidence: The report or quote, as the machine gave it.
        endorsements: The vendor's certificates and lists: a bundle's bytes, or its file.
        policy: What is accepted: a policy in TOML or JSON that a person has confirmed, or its file.
        platform: The kind of machine: ``"snp"``, ``"tdx"``, ``"azure-snp"``, ``"azure-tdx"``, ``"simulated"``.
        report_data: The 64 bytes that it has to have signed for, in 128 hex digits. Without it nobody knows what the
            evidence stands for, and the verdict says so: its ``data["binding"]`` is ``"none"``.
        at: Judges as of this time, in Unix seconds, instead of now.

    Returns:
        The verdict with every finding; ``.require()`` raises unless all hold.

    Raises:
        PlatformUnsupported: There is no such platform.
        PolicyUnconfirmed: Nobody has confirmed the policy yet.
        FileMissing: A file that is named is not there.

    >>> transcript = json.loads(done.save_transcript(folder / "run.transcript").read_bytes())
    >>> held = transcript["evidence"][0]
    >>> evidence, endorsements = (base64.b64decode(held[part]) for part in ("evidence", "endorsements"))
    >>> agreed = prism.Manifest.read(base64.b64decode(transcript["manifest"])).data["platform"]
    >>> policy = json.dumps({"version": 1, "confirmed": True, **agreed}).encode()
    >>> prism.attest.verify(evidence, endorsements, policy, platform=held["platform"], report_data="00" * 64)
    SIMULATED: no hardware protects this data
    REFUSED  simulated  ...
      ✘ binding.report-data: expected 0000..., found ...
    """
    if not isinstance(evidence, bytes | bytearray | memoryview):
        raise Usage(f"expected evidence as bytes, found {type(evidence).__name__}", hint="read the file first")
    text(platform, "a platform such as snp")
    need(report_data, str | None, "give 128 hex digits")
    bundle, terms = _bytes(endorsements, "endorsements"), _bytes(policy, "a policy")
    good, told, html = _prism.judge(platform, bytes(evidence), bundle, terms, moment(at), report_data)
    return Verdict._of(told, html, good)


def _bytes(source: bytes | str | PathLike[str], what: str) -> bytes:
    return source if isinstance(source, bytes) else read(source, what, _MOST)
