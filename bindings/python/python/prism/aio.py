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

from os import PathLike
from pathlib import Path
from types import TracebackType

from . import agents
from ._progress import ProgressOption
from ._tasks import AsyncStream
from ._tasks import call as _call
from .assets import Asset
from .keys import Key
from .results import Result
from .terms import Manifest
from .verdicts import Verdict

__all__ = ["Agent", "AsyncStream", "connect"]


async def connect(address: str, terms: Manifest, key: Key | None = None, *, timeout: float | None = None) -> Agent:
    """As :func:`prism.connect`.

    >>> asyncio.run(prism.aio.connect(room.address, terms, lab))
    Agent at 127.0.0.1:...
    """
    return Agent(await _call(lambda: agents.connect(address, terms, key, timeout=timeout)))


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
    def address(self) -> str:
        """Where it listens.

        >>> asyncio.run(prism.aio.connect(room.address, terms)).address == room.address
        True
        """
        return self._inner.address

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
        timeout: float | None = None,
    ) -> agents.Receipt:
        """As :meth:`prism.Agent.upload`; a callback for progress is called on another thread."""
        return await _call(lambda: self._inner.upload(name, asset, key, salt=salt, progress=progress, timeout=timeout))

    def entries(self, key: Key | None = None, first: int = 0, *, follow: bool = True) -> AsyncStream[agents.Entry]:
        """As :meth:`prism.Agent.entries`; it begins with the first item that is awaited."""
        return AsyncStream(lambda: self._inner.entries(key, first, follow=follow))

    async def watch(
        self, until: str = "closed", key: Key | None = None, *, timeout: float | None = None
    ) -> agents.Entry | None:
        """As :meth:`prism.Agent.watch`, silently."""
        return await _call(lambda: self._inner.watch(until, key, show=False, timeout=timeout))

    def logs(self, key: Key | None = None) -> AsyncStream[tuple[str, bytes]]:
        """As :meth:`prism.Agent.logs`; it begins with the first item that is awaited."""
        return AsyncStream(lambda: self._inner.logs(key))

    def metrics(self, key: Key | None = None) -> AsyncStream[agents.Figures]:
        """As :meth:`prism.Agent.metrics`; it begins with the first item that is awaited."""
        return AsyncStream(lambda: self._inner.metrics(key))

    async def result(
        self,
        key: Key | None = None,
        to: str | PathLike[str] = "result.zip",
        *,
        keep_sealed: bool = False,
        progress: ProgressOption = False,
        timeout: float | None = None,
    ) -> Result:
        """As :meth:`prism.Agent.result`; a callback for progress is called on another thread."""
        take = self._inner.result
        return await _call(lambda: take(key, to, keep_sealed=keep_sealed, progress=progress, timeout=timeout))

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

    async def close(self) -> None:
        """As :meth:`prism.Agent.close`.

        >>> async def there_and_back():
        ...     async with await prism.aio.connect(room.address, terms, lab) as agent:
        ...         return (await agent.status()).state
        >>> asyncio.run(there_and_back())
        'WaitingForAlgorithm'
        """
        self._inner.close()

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _repr_html_(self) -> str:
        return self._inner._repr_html_()

    def __repr__(self) -> str:
        return repr(self._inner)
