"""Agents: look at the machine first, then give, watch and take."""

from __future__ import annotations

import os
import threading
import time
from os import PathLike
from pathlib import Path
from types import TracebackType

from . import _prism
from ._course import Course, belongs, state, why
from ._files import Callback, ours, place
from ._progress import Progress, ProgressOption, display
from ._records import Entry, Figures, Receipt, Status
from ._streams import Stream, bounded
from ._watching import Silent, WatchOption, watching
from ._words import address as host_and_port
from ._words import need, seconds, text
from .assets import Asset
from .errors import ApprovalMissing, DeadlinePassed, FileExists, ResultGone, RunFailed, RunStopped, Usage
from .keys import Key
from .results import Result
from .terms import Manifest
from .verdicts import Verdict

__all__ = ["Agent", "Entry", "Figures", "Receipt", "Status", "Stream", "connect"]


def connect(address: str, terms: Manifest, key: Key | None = None, *, timeout: float | None = None) -> Agent:
    """Connects to an agent, has it prove what it is, and refuses unless every finding is good.

    Nothing but a nonce is sent before that. The connection itself is part of what the machine signs.

    Args:
        address: Where it listens, as ``"host:port"``.
        terms: The manifest that everybody approved.
        key: Your private key; it can also be given to each call.
        timeout: Seconds to wait at most.

    Returns:
        An agent that earned trust.

    Raises:
        ApprovalMissing: Somebody has not approved the terms yet.
        AgentUnreachable: Nobody answers there.
        Usage: The address is no host with its port.
        EvidenceRefused: The machine is not genuine, or not the one that was agreed. ``details["verdict"]`` has every
            finding. Nothing was sent.
        LogForked: The agent's log contradicts one that was seen before.
        DeadlinePassed: ``timeout`` is over.

    >>> agent = prism.connect(room.address, terms, hospital)
    >>> agent.verdict.require().word
    'trusted...'
    >>> prism.connect("127.0.0.1:1", terms)
    Traceback (most recent call last):
    prism.errors.AgentUnreachable: ...
    """
    need(terms, Manifest, "read it with prism.Manifest.read(path)")
    need(key, Key | None, "read it with prism.Key.load(path)")

    def meet() -> Agent:
        agent = Agent(address, terms)
        if key is not None:
            agent.authenticate(key)
        return agent

    return bounded(timeout, meet)


class Agent:
    """An agent that earned trust, made by :func:`connect`. Threads may share it; a forked child may not.

    Its connections end with :meth:`close`, with a ``with`` block, or when nothing refers to it any more.

    >>> agent = prism.connect(room.address, terms, lab)
    >>> _ = agent.upload("count.py", folder / "count.py", progress=False)
    >>> _ = agent.upload("h1.csv", folder / "h1.csv", hospital, progress=False)
    >>> agent.watch(until="delivering", show=False).state
    'Delivering'
    >>> agent.result(to=folder / "result.zip", progress=False).text("count.txt")
    '3'
    >>> prism.audit(agent.transcript(folder / "run.transcript"), agent.terms).require().holds
    True
    >>> agent.address == room.address, agent.verdict.is_simulated
    (True, True)
    """

    def __init__(self, address: str, terms: Manifest) -> None:
        need(terms, Manifest, "read it with prism.Manifest.read(path)")
        if terms._signed is None:
            missing = sorted(set(terms.participants) - set(terms.approved_by))
            raise ApprovalMissing(
                f"expected terms that everybody approved, found {', '.join(missing)} missing",
                hint="assemble everybody's approvals first: terms.assemble(approvals)",
            )
        self.address = host_and_port(address)
        """Where it listens."""
        self.terms = terms
        """The terms that it works under."""
        self._signed = terms._signed
        self._sessions: dict[str, _prism.Session] = {}
        self._last: _prism.Session | None = None
        self._process, self._lock, self._open = os.getpid(), threading.RLock(), True
        self._channel: _prism.Channel | None = self._attest()
        self.verdict = Verdict._of(self._channel.verdict(), self._channel.verdict_html(), True)
        """The verdict on the machine, with every finding."""

    def _attest(self) -> _prism.Channel:
        checkpoints = _prism.state_directory() / "checkpoints"
        return _prism.connect(self.address, self._signed, checkpoints, int(time.time()))

    def authenticate(self, key: Key) -> str:
        """Says who you are, and returns the name that the manifest gives you.

        Raises:
            KeyUnknown: The manifest names nobody with this key.

        >>> agent.authenticate(hospital)
        'hospital-1'
        """
        need(key, Key, "read it with prism.Key.load(path)")
        self._last = self._session(key)
        return self._last.participant()

    def _session(self, key: Key | None) -> _prism.Session:
        need(key, Key | None, "read it with prism.Key.load(path)")
        if os.getpid() != self._process:
            raise Usage(
                "expected the process that connected, found one that was forked from it",
                hint='connect anew here, or start workers with multiprocessing.get_context("spawn")',
            )
        with self._lock:
            if not self._open:
                raise Usage("expected an agent in use, found one that was closed", hint="connect again")
            if key is None:
                if self._last is None:
                    raise Usage("expected a key, found none", hint="give key= here, or to prism.connect")
                return self._last
            known = self._sessions.get(key.fingerprint)
            if known is not None:
                return known
            channel, self._channel = self._channel, None
        # A channel is one participant's: another key gets one of its own, which is attested anew; other calls go on.
        session = (channel or self._attest()).authenticate(key._native)
        with self._lock:
            if self._open:
                known = self._sessions.setdefault(key.fingerprint, session)
                self._last = self._last or known
        if known is not session:
            session.close()
        return known or self._session(key)

    def close(self) -> None:
        """Ends the connections once what uses them is done; calls are refused from then on. Once more does nothing.

        >>> agent.close()
        >>> agent.status()
        Traceback (most recent call last):
        prism.errors.Usage: ...
        """
        if os.getpid() != self._process:
            return
        with self._lock:
            sessions, self._sessions, self._last, self._channel = self._sessions, {}, None, None
            self._open = False
        for session in sessions.values():
            session.close()

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def status(self, key: Key | None = None) -> Status:
        """How things stand, as the agent says it.

        Raises:
            ConnectionLost: Nobody answers any more.

        >>> agent.status()
        SIMULATED: no hardware protects this data
        WaitingForAlgorithm, waiting for ...
        """
        session = self._session(key)
        told = session.status()
        assets = {name: accepted for name, accepted, _, _ in told["assets"]}
        return Status(told["state"], assets, told["log_size"], session.simulated())

    def upload(
        self,
        name: str,
        asset: Asset | str | PathLike[str],
        key: Key | None = None,
        *,
        salt: str | None = None,
        progress: ProgressOption = "auto",
        timeout: float | None = None,
    ) -> Receipt:
        """Sends one asset. It is compared with the manifest before anything leaves.

        An upload that was interrupted goes on with the same call, from what the agent holds durably.

        Args:
            name: The asset's name in the manifest.
            asset: The asset, or the path of a file or folder.
            key: Your private key, unless :func:`connect` was given it.
            salt: The salt, in 64 hex digits, if the manifest's digest is salted.
            progress: How to show how far it is. A callback may call the agent; what it raises ends the upload.
            timeout: Seconds to wait at most.

        Returns:
            The agent's word that it holds the asset.

        Raises:
            AssetMismatch: The bytes are not those that were agreed; nothing was sent.
            AssetUnknown: The manifest names no such asset.
            AssetWrongProvider: Somebody else brings it.
            DeadlinePassed: ``timeout`` is over; call again to go on.
            KeyboardInterrupt: You interrupted it; call again to go on.

        >>> heard = []
        >>> _ = agent.upload("h1.csv", folder / "h1.csv", hospital, progress=heard.append)
        >>> heard[-1].done
        20
        """
        text(name, "an asset's name in the manifest")
        need(salt, str | None, "give the salt's 64 hex digits")
        asset = asset if isinstance(asset, Asset) else Asset.from_path(asset)
        shown = display(name, progress)
        last = Progress(0, 0, 0)

        def tell(measured: int, sent: int, durable: int, total: int) -> None:
            nonlocal last
            last = Progress(sent, durable, total, measured)
            shown.show(last)

        def send() -> Receipt:
            session = self._session(key)
            return Receipt._of(session.upload(name, asset._native, salt, tell), session.simulated())

        try:
            receipt = bounded(timeout, send)
            shown.show(last, last=True)
            return receipt
        except (KeyboardInterrupt, DeadlinePassed) as interrupt:
            interrupt.add_note("paused: the same call goes on from what the agent holds")
            raise
        finally:
            shown.end()

    def entries(self, key: Key | None = None, first: int = 0, *, follow: bool = True) -> Stream[Entry]:
        """The log's entries as they are proven, until the log is closed. Interrupting ends the waiting only.

        Args:
            key: Your private key, unless :func:`connect` was given it.
            first: The number of the first entry that is wanted, from 0.
            follow: ``False`` for those only that there are now; nothing is waited for that has not happened yet.

        >>> entry = next(iter(agent.entries()))
        >>> entry.index, entry.type
        (0, 'log.open')
        """
        if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 1 << 63:
            raise Usage(f"expected the number of an entry as first, found {first!r}", hint="0 is the first")
        session = self._session(key)
        most = None if follow else max(0, session.status()["log_size"] - first)
        return Stream(session.watch(first), Entry._of, most)

    def watch(
        self,
        until: str = "closed",
        key: Key | None = None,
        show: WatchOption = "auto",
        *,
        timeout: float | None = None,
    ) -> Entry | None:
        """Waits until the run reaches a state, and shows what happens meanwhile.

        Args:
            until: The state, such as ``"delivering"`` or ``"closed"``; capitals do not matter.
            key: Your private key, unless :func:`connect` was given it.
            show: ``"auto"`` for one card in a notebook and a line for each entry elsewhere, ``"text"`` for lines, a
                function that is called with each entry and ends the watching when it raises, or ``False``.
            timeout: Seconds to wait at most.

        Returns:
            The entry that reached the state; nothing if the log was closed before.

        Raises:
            RunFailed: The program failed.
            RunStopped: Somebody stopped the computation.
            DeadlinePassed: ``timeout`` is over; the message says which state the run is in and what it waits for.
            Usage: There is no such state.

        >>> agent.watch(until="waiting for algorithm", show=False).type
        '...'
        """
        wanted = state(until)
        limit = seconds(timeout)
        course = Course(self.terms)
        shown = watching(show, course, limit)
        try:
            return bounded(limit, lambda: self._watch(wanted, key, shown, course))
        except DeadlinePassed as passed:
            raise DeadlinePassed(
                f"expected {wanted} within {limit} s, found {course.place()}",
                hint="nothing is lost: call again to wait on",
                details={"state": course.state, "waiting_for": course.awaited()},
            ) from passed
        finally:
            shown.end()

    def _watch(self, wanted: str, key: Key | None, shown: Silent, course: Course) -> Entry | None:
        ended = ""
        for entry in self.entries(key):
            course.take(entry)
            if entry.type in ("run.exit", "error"):
                ended = why(entry)
            shown.show(entry)
            if entry.state == wanted:
                return entry
            if entry.state == "Failed":
                raise RunFailed(f"expected a result, found the run failed: {ended}", details={"end": ended})
            if entry.state == "Stopped":
                raise RunStopped(f"expected a result, found the run stopped by {entry.actor}")
        return None

    def logs(self, key: Key | None = None) -> Stream[tuple[str, bytes]]:
        """What the program prints, as far as the manifest lets you read it: ``("stdout" | "stderr", bytes)``.

        Args:
            key: Your private key, unless :func:`connect` was given it.

        >>> b"".join(piece for stream, piece in finished.logs() if stream == "stdout")
        b'...counted...'
        """
        return Stream(self._session(key).logs(), lambda piece: piece)

    def metrics(self, key: Key | None = None) -> Stream[Figures]:
        """The figures that the program prints, as far as the manifest lets you read them.

        Args:
            key: Your private key, unless :func:`connect` was given it.

        >>> [(figures.step, figures.values) for figures in finished.metrics()]
        [(1, {'rows': 3.0})]
        """
        return Stream(self._session(key).metrics(), lambda item: Figures(item[0], dict(item[1])))

    def result(
        self,
        key: Key | None = None,
        to: str | PathLike[str] = "result.zip",
        *,
        keep_sealed: bool = False,
        progress: ProgressOption = "auto",
        timeout: float | None = None,
    ) -> Result:
        """Takes your result: downloads, checks, opens and writes it, and then confirms it, after which nobody can.

        Until it is confirmed the same call with the same ``to`` goes on where it ended, whatever ended it. Once it is
        there, the same call reads it from the disk. The receipt lies beside it, as ``result.zip.receipt``.

        Args:
            key: Your private key, unless :func:`connect` was given it.
            to: The archive to write.
            keep_sealed: Keeps the sealed file and its identity beside it, for the ``age`` tool.
            progress: How to show how far it is. A callback may call the agent; what it raises ends the call.
            timeout: Seconds to wait at most; a result that is not there yet is not waited for.

        Raises:
            ResultNotReady: There is none yet.
            ResultReleased: It went to another recipient already.
            FileExists: Another file has that name, such as the result of an earlier run.
            DeadlinePassed: ``timeout`` is over; call again to go on.

        >>> finished.result(to=folder / "result.zip", progress=False).names
        ['count.txt']
        """
        archive = place(to, "the path of an archive to write")
        shown = display("result", progress)
        show = Callback(shown.show)
        last = Progress(0, 0, 0)

        def tell(received: int, total: int) -> None:
            nonlocal last
            last = Progress(received, 0, total)
            show(last)

        def take() -> Result:
            session = self._session(key)
            try:
                session.result(archive, True, bool(keep_sealed), tell)
                shown.show(last, last=True)
            except (FileExists, ResultGone):
                # It may have come before, and be confirmed.
                if not belongs(archive, f"{self.terms.digest} {session.boot()} {session.participant()}"):
                    raise
            return Result(archive, session.simulated())

        try:
            with ours(archive, theirs=show):
                return bounded(timeout, take)
        except (KeyboardInterrupt, DeadlinePassed) as interrupt:
            interrupt.add_note("paused: the same call goes on from what lies beside the archive")
            raise
        finally:
            shown.end()

    def stop(self, key: Key | None = None) -> Receipt:
        """Stops the computation for good: the run is killed, data and results are destroyed, the log is closed.

        Raises:
            RoleRefused: The terms do not let you.

        >>> agent.stop().entry["type"]
        '...'
        """
        session = self._session(key)
        return Receipt._of(session.stop(), session.simulated())

    def transcript(self, to: str | PathLike[str], key: Key | None = None) -> Path:
        """Fetches everything that a stranger needs to judge the computation into a new file.

        Raises:
            FileExists: Something is there already.

        >>> finished.transcript(folder / "run.transcript").name
        'run.transcript'
        """
        file = place(to, "the path of a file to write")
        with ours(file):
            self._session(key).transcript(file)
        return file

    def _repr_html_(self) -> str:
        return self.verdict._repr_html_()

    def __repr__(self) -> str:
        return f"Agent at {self.address}\n{self.verdict!r}"
