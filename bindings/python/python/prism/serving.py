"""An agent in this process: for rehearsals, tests and small sites."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from . import _prism
from ._files import ours, place
from ._words import SIMULATED, need, text
from .errors import ApprovalMissing, Usage
from .terms import Manifest

__all__ = ["Platform", "ServedAgent", "serve"]

Platform = Literal["simulated", "simulated-tdx", "snp", "tdx", "azure-snp", "azure-tdx", "auto"]
"""What signs an agent's evidence; ``"auto"`` is whatever hardware this machine has, never the simulator."""

# What the sandbox helper executes: nothing but the native module, without site-packages or the environment.
_HELPER = """\
import sys, importlib.machinery as machinery, importlib.util as util
loader = machinery.ExtensionFileLoader("_prism", sys.argv[1])
module = util.module_from_spec(util.spec_from_file_location("_prism", sys.argv[1], loader=loader))
loader.exec_module(module)
module.sandbox_helper()
"""


def remove(folder: Path, process: int) -> None:
    """Removes a folder, but not in a child that was forked from the process that made it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _end(native: _prism.Agent, temporary: Path | None, process: int) -> None:
    if os.getpid() == process:
        try:
            native.close()
        finally:
            if temporary is not None:
                remove(temporary, process)


class ServedAgent:
    """An agent that is awake in this process, made by :func:`serve`; it ends with its ``with`` block.

    >>> with prism.serve(terms, "simulated") as room:
    ...     prism.connect(room.address, terms, lab).status().state
    'WaitingForAlgorithm'
    """

    def __init__(self, native: _prism.Agent, temporary: Path | None) -> None:
        self._native, self._temporary = native, temporary
        self._clean = weakref.finalize(self, _end, native, temporary, os.getpid())

    @property
    def address(self) -> str:
        """Where it listens, as ``"host:port"``.

        >>> room.address
        '127.0.0.1:...'
        """
        return self._native.address()

    @property
    def platform(self) -> str:
        """The kind of machine that signs its evidence.

        >>> room.platform
        'simulated...'
        """
        return self._native.platform()

    @property
    def is_simulated(self) -> bool:
        """Whether nothing protects what it is given.

        >>> room.is_simulated
        True
        """
        return self.platform.startswith("simulated")

    @property
    def state(self) -> str | None:
        """Where the run stands; nothing after :meth:`close`.

        >>> room.state
        'WaitingForAlgorithm'
        """
        return self._native.state()

    def close(self) -> None:
        """Ends it in order: stops the run, closes the log, destroys what it holds. Once more does nothing.

        An interrupt while this takes its time ends the agent at once: then its log is not closed.

        >>> room.close()
        >>> room.close()
        >>> room.state is None
        True
        """
        self._clean()

    def __enter__(self) -> ServedAgent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        aloud = f"\n{SIMULATED}" if self.is_simulated else ""
        return f"Agent in this process at {self.address}, {self.state or 'ended'}{aloud}"


def serve(
    terms: Manifest,
    platform: Platform,
    listen: str = "127.0.0.1:0",
    *,
    state: str | PathLike[str] | None = None,
    python: str | PathLike[str] | None = None,
    endorsements: str | PathLike[str] | None = None,
) -> ServedAgent:
    """Starts an agent for one manifest that everybody approved.

    Programs of that manifest run in a sandbox, as children of this process.

    Args:
        terms: The signed manifest.
        platform: What signs the evidence. There is no default: a simulated machine protects nothing.
        listen: The address; port 0 takes a free one.
        state: The agent's own directory; by default a temporary one that ends with it.
        python: What executes Python programs; by default this interpreter.
        endorsements: The vendor's endorsements, for platforms that are not handed them.

    Ctrl-C while it starts ends it at once and leaves nothing behind.

    Raises:
        ApprovalMissing: Somebody has not approved the terms.
        ManifestUnsupported: The terms ask for something that this machine cannot keep.
        PlatformUnsupported: This machine is not of that kind, or the terms do not accept it.

    >>> with prism.serve(terms, "simulated") as room:
    ...     prism.connect(room.address, terms, hospital).status()
    SIMULATED: no hardware protects this data
    WaitingForAlgorithm, waiting for ...
    """
    need(terms, Manifest, "read it with prism.Manifest.read(path)")
    if terms._signed is None:
        raise ApprovalMissing("expected terms that everybody approved", hint="terms.assemble(approvals) makes them")
    if platform not in get_args(Platform):
        raise Usage(f"expected {', '.join(get_args(Platform))} as platform, found {platform!r}")
    text(listen, "an address such as 127.0.0.1:0")
    # The interpreter itself: a virtual environment's is a link to it, and no site-packages are wanted.
    program = Path(sys.executable).resolve()
    helper = (program, ["-I", "-S", "-c", _HELPER, str(_prism.__file__)])
    interpreter = place(python, "the path of an interpreter") if python is not None else program
    bundle = place(endorsements, "the path of a vendor's endorsements") if endorsements is not None else None
    kept = place(state, "the path of the agent's directory") if state is not None else None
    with ours(tempfile.gettempdir(), "a place for temporary files"):
        temporary = Path(tempfile.mkdtemp(prefix="prism-agent-")) if kept is None else None
    try:
        simulators = _prism.state_directory()
        folder = kept or temporary or Path()
        native = _prism.Agent.start(terms._signed, listen, folder, platform, simulators, helper, interpreter, bundle)
        return ServedAgent(native, temporary)
    except BaseException:
        if temporary is not None:
            remove(temporary, os.getpid())
        raise
