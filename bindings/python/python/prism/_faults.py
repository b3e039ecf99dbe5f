"""What every error of Prism has in common, and what to do about each code in the words of Python."""

from __future__ import annotations

import errno as numbers
import os
from functools import cache
from typing import Any, TypeVar

from . import _prism
from ._tracebacks import ShortTraceback

__all__ = ["PrismError", "of_code", "register"]

# The system's number for errors that it would have raised itself.
_NUMBERS = {
    "agent.full": numbers.ENOSPC,
    "file.exists": numbers.EEXIST,
    "file.missing": numbers.ENOENT,
    "key.exposed": numbers.EACCES,
}

# Where the shared hint speaks of the command line.
_HINTS = {
    "agent.busy": "wait a moment and call again",
    "agent.unreachable": "check host and port, as in prism.connect('agent.example:6110', ...), that the agent runs, and"
    " the firewall between",
    "asset.duplicate": "nothing is to be done; agent.status() shows what the run waits for",
    "asset.mismatch": "compare prism.Asset.from_path(path).digest with terms.assets; send the approved file, or agree"
    " on a new manifest",
    "asset.other-way": "the manifest says how this asset comes: its provider uploads it, or releases the key of one"
    " that lies in a store",
    "asset.unknown": "terms.assets lists every asset; name one of yours as it stands there",
    "auth.refused": "check that the terms and the key belong to this computation, then connect again; a restarted agent"
    " is another agent",
    "auth.required": "give your private key: key=prism.Key.load(path)",
    "broker.refused": "check the broker's policy against the agent's measurement, and the resource's path in the"
    " manifest; the agent's operator names whom it trusts",
    "cancelled": "call again: what was there already is kept",
    "connection.lost": "call again: an upload goes on where the agent's disk has it, a result where the file ends",
    "endorsements.missing": "ask the operator of the machine, or its vendor, for what is missing, and give it as"
    " endorsements=",
    "endorsements.not-current": "get the vendor's endorsements again, or judge as of the time of the evidence with at=",
    "endorsements.unsigned": "whoever sent it cannot be trusted: ask the vendor or another mirror",
    "file.malformed": "check that each argument is in its place, and that the file is the one that was meant",
    "internal": "this is a fault of Prism: please report it with the message above, the call and prism.__version__",
    "key.malformed": "private keys are PKCS#8 PEM, public keys SPKI PEM, of Ed25519, ECDSA P-256 or P-384;"
    " prism.Key.create(path) makes a pair",
    "key.unknown": "use the key whose public half the owner put into the manifest: key.fingerprint shows which it is",
    "manifest.approval-invalid": "approve this very file again with terms.approve(key): a manifest that was changed or"
    " re-formatted is another manifest; terms.assemble(approvals) puts the approvals together",
    "manifest.approval-missing": "send the manifest to the participants that are named; each reads it and calls"
    " terms.approve(key); then terms.assemble(approvals)",
    "manifest.malformed": "correct the place that is named in the draft and call prism.Manifest.new again; every"
    " participant then approves anew",
    "platform.unsupported": "terms.data['platform'] has the machines that are accepted; simulated ones only where it"
    " names them; for another platform, update prism",
    "policy.malformed": "correct the place that is named; every field has to be there, and what may be anything says"
    ' "any"',
    "policy.unconfirmed": "read the file, check every line marked CONFIRM, then write confirmed = true in it",
    "result.not-ready": "agent.watch(until='delivering') waits for it and shows what the run waits for",
    "role.refused": "terms.data says who may do what; use the key of a participant with that role",
    "run.stopped": "agent.entries() shows who stopped it; a new run needs a new agent",
    "seal.unsupported": "open it with the age tool if you trust its maker, then seal it again with prism.seal.seal",
    "source.refused": "check the address in the manifest; the agent's operator names the stores that it may ask, and"
    " gives it its access",
    "source.unreachable": "check the store and the way to it, from here and from the agent's machine; then release the"
    " key again",
    "state.refused": "agent.status() shows the state and what it waits for; an agent that was started anew waits for"
    " everything again",
    "usage": "help(...) of what was called says what it takes",
    "vendor.unreachable": "check the network, or use a mirror; AMD's service wants 10 seconds between questions",
}


@cache
def _shared() -> dict[str, str]:
    return {code: hint for code, _, _, hint in _prism.codes()}


class PrismError(ShortTraceback, Exception):
    """What Prism raises.

    Attributes:
        code: The stable code, such as ``"manifest.approval-missing"``.
        hint: What to do now, in a sentence.
        details: More about it, by name; what there is depends on the code.

    An error that is also an :class:`OSError` has ``errno``, ``strerror`` and ``filename`` where the system has them.
    """

    code: str = "internal"
    hint: str
    details: dict[str, Any]

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        hint: str = "",
        details: dict[str, Any] | None = None,
        errno: int | None = None,
        filename: str | bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.hint = hint or _HINTS.get(self.code) or _shared().get(self.code, "")
        self.details = details or {}
        _system(self, errno or _NUMBERS.get(self.code), filename)
        if self.hint:
            self.add_note(f"hint: {self.hint}")

    # What an OSError prints by itself are its number and file; the message has them already.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        state["__notes__"] = list(state.get("__notes__", []))
        return (_again, (type(self), str(self), getattr(self, "errno", None), getattr(self, "filename", None)), state)


def _system(error: BaseException, number: int | None, filename: str | bytes | None) -> None:
    """What the system knows about an error, where an error has room for it."""
    if isinstance(error, OSError):
        error.errno, error.filename = number, filename
        if number is not None:
            error.strerror = os.strerror(number)


def _again(kind: type[PrismError], message: str, errno: int | None, filename: str | bytes | None) -> PrismError:
    return kind(message, errno=errno, filename=filename)


_classes: dict[str, type[PrismError]] = {}
_E = TypeVar("_E", bound=PrismError)


def register(kind: type[_E]) -> type[_E]:
    """Makes a class the one of its code."""
    _classes[kind.code] = kind
    return kind


def of_code(code: str) -> type[PrismError]:
    """The class for a code.

    Args:
        code: A stable code.

    Returns:
        Its class; :class:`PrismError` itself for a code that a newer Prism knows.

    >>> of_code("file.missing").__name__
    'FileMissing'
    """
    return _classes.get(code, PrismError)
