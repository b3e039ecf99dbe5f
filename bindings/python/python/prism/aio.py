"""The same for asyncio: the same names, awaited.

Each call works on a thread of its own, so the event loop stays free. Cancelling a task ends its call within 50 ms: what
it was waiting for is dropped, and nothing is lost.

Example:

    async with asyncio.timeout(600):
        agent = await prism.aio.connect("agent.example:6110", terms, key)
        await agent.upload("h1.zip", "h1.zip")
        async for entry in agent.entries():
            print(entry)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from . import _prism, agents
from ._progress import ProgressOption
from .assets import Asset
from .keys import Key
from .results import Result
from .terms import Manifest
from .verdicts import Verdict

__all__ = ["Agent", "connect"]

_T = TypeVar("_T")


async def _call(work: Callable[[], _T]) -> _T:
    """Does blocking work on a thread of its own; cancelling ends it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    cancel = _prism.Cancel()

    def settle(value: _T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value: _T | None = None
        error: BaseException | None = None
        try:
            value = _prism.cancellable(cancel, work)
        except StopIteration as raised:
            # A future cannot hold it: it would end a generator instead.
            error = RuntimeError("a callback raised StopIteration")
            error.__cause__ = raised
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            pass  # the loop is closed: nobody waits

    threading.Thread(target=run, name="prism-aio", daemon=True).start()
    try:
        return await future
    except asyncio.CancelledError:
        cancel.cancel()
        raise


async def _iterate(begin: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
    end = object()
    items = begin()
    while True:
        item: Any = await _call(lambda: next(items, end))
        if item is end:
            return
        yield item


async def connect(address: str, terms: Manifest, key: Key | None = None) -> Agent:
    """As :func:`prism.connect`.

    >>> asyncio.run(prism.aio.connect(room.address, terms, lab))
    Agent at 127.0.0.1:...
    """
    return Agent(await _call(lambda: agents.connect(address, terms, key)))


class Agent:
    """As :class:`prism.Agent`, made by :func:`connect`.

    >>> async def everything():
    ...     agent = await prism.aio.connect(room.address, terms)
    ...     print(await agent.authenticate(lab), agent.verdict.is_simulated, agent.terms == terms)
    ...     print((await agent.status()).state)
    ...     await agent.upload("count.py", folder / "count.py")
    ...     await agent.upload("h1.csv", folder / "h1.csv", hospital)
    ...     await agent.watch(until="delivering")
    ...     async for stream, piece in agent.logs():
    ...         print(stream, piece.decode().splitlines()[-1])
    ...     print([figures.values async for figures in agent.metrics()])
    ...     result = await agent.result(to=folder / "result.zip")
    ...     print([entry.state async for entry in agent.entries()][-1])
    ...     print((await agent.transcript(folder / "run.transcript")).name)
    ...     return result.text("count.txt")
    >>> asyncio.run(everything())
    lab True True
    WaitingForAlgorithm
    stdout counted
    [{'rows': 3.0}]
    Closed
    run.transcript
    '3'
    """

    def __init__(self, inner: agents.Agent) -> None:
        self._inner = inner

    @property
    def terms(self) -> Manifest:
        """The terms that it works under."""
        return self._inner.terms

    @property
    def verdict(self) -> Verdict:
        """The verdict on the machine, with every finding."""
        return self._inner.verdict

    async def authenticate(self, key: Key) -> str:
        """As :meth:`prism.Agent.authenticate`."""
        return await _call(lambda: self._inner.authenticate(key))

    async def status(self, key: Key | None = None) -> agents.Status:
        """As :meth:`prism.Agent.status`."""
        return await _call(lambda: self._inner.status(key))

    async def upload(
        self,
        name: str,
        asset: Asset | str | PathLike[str],
        key: Key | None = None,
        *,
        salt: str | None = None,
        progress: ProgressOption = False,
    ) -> agents.Receipt:
        """As :meth:`prism.Agent.upload`; a callback for progress is called on another thread."""
        return await _call(lambda: self._inner.upload(name, asset, key, salt=salt, progress=progress))

    def entries(self, key: Key | None = None, first: int = 0) -> AsyncIterator[agents.Entry]:
        """As :meth:`prism.Agent.entries`."""
        return _iterate(lambda: self._inner.entries(key, first))

    async def watch(self, until: str = "closed", key: Key | None = None) -> agents.Entry | None:
        """As :meth:`prism.Agent.watch`, silently."""
        return await _call(lambda: self._inner.watch(until, key, show=False))

    def logs(self, key: Key | None = None) -> AsyncIterator[tuple[str, bytes]]:
        """As :meth:`prism.Agent.logs`."""
        return _iterate(lambda: self._inner.logs(key))

    def metrics(self, key: Key | None = None) -> AsyncIterator[agents.Figures]:
        """As :meth:`prism.Agent.metrics`."""
        return _iterate(lambda: self._inner.metrics(key))

    async def result(
        self,
        key: Key | None = None,
        to: str | PathLike[str] = "result.zip",
        *,
        keep_sealed: bool = False,
        progress: ProgressOption = False,
    ) -> Result:
        """As :meth:`prism.Agent.result`."""
        return await _call(lambda: self._inner.result(key, to, keep_sealed=keep_sealed, progress=progress))

    async def stop(self, key: Key | None = None) -> agents.Receipt:
        """As :meth:`prism.Agent.stop`.

        >>> async def end():
        ...     agent = await prism.aio.connect(room.address, terms, lab)
        ...     return (await agent.stop()).index > 0
        >>> asyncio.run(end())
        True
        """
        return await _call(lambda: self._inner.stop(key))

    async def transcript(self, to: str | PathLike[str], key: Key | None = None) -> Path:
        """As :meth:`prism.Agent.transcript`."""
        return await _call(lambda: self._inner.transcript(to, key))

    def _repr_html_(self) -> str:
        return self._inner._repr_html_()

    def __repr__(self) -> str:
        return repr(self._inner)
