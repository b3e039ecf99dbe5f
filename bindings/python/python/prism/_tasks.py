"""Blocking work for an event loop: each call on a thread of its own, which ends when nobody waits any more."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextvars import copy_context
from types import TracebackType
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from . import _prism
from ._streams import Stream
from ._words import seconds
from .errors import Cancelled, DeadlinePassed

__all__ = ["AsyncStream", "call"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

# How long threads may take to notice that the interpreter ends, in seconds.
_GOODBYE = 2.0


class _Work(Generic[_T]):
    """One call, begun."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work, self._context = work, copy_context()
        self._cancel = _prism.Cancel()
        self.done: Future[_T] = Future()
        self.done.set_running_or_notify_cancel()
        self.thread = threading.Thread(target=self._run, name="prism-aio", daemon=True)
        self.thread.start()
        _begun.add(self)

    def _run(self) -> None:
        try:
            value = self._context.run(_prism.cancellable, self._cancel, self._work)
        except StopIteration as raised:
            # A future cannot hold it: it would end a generator instead.
            error = RuntimeError("a callback raised StopIteration")
            error.__cause__ = raised
            self.done.set_exception(error)
        except BaseException as raised:
            self.done.set_exception(raised)
        else:
            self.done.set_result(value)

    def cancel(self) -> None:
        self._cancel.cancel()

    async def wait(self) -> _T:
        try:
            return await asyncio.wrap_future(self.done)
        except asyncio.CancelledError:
            self.cancel()
            raise


_begun: WeakSet[_Work[Any]] = WeakSet()


def _end() -> None:
    # A daemon's thread that outlives the interpreter would be torn down in the middle of native code.
    working = [work for work in _begun if work.thread.is_alive()]
    for work in working:
        work.cancel()
    for work in working:
        work.thread.join(_GOODBYE)


atexit.register(_end)


async def call(work: Callable[[], _T]) -> _T:
    """Does blocking work on a thread of its own; cancelling ends it within 50 ms."""
    return await _Work(work).wait()


class AsyncStream(AsyncIterator[_T_co], Generic[_T_co]):
    """As :class:`prism.agents.Stream`, awaited: ``async for item in stream``.

    Cancelling what waits for an item loses none: iterate again and it goes on. One task reads it at a time.

    >>> async def first():
    ...     agent = await prism.aio.connect(room.address, terms, lab)
    ...     async with agent.entries() as entries:
    ...         return (await anext(entries)).type
    >>> asyncio.run(first())
    'log.open'
    """

    def __init__(self, begin: Callable[[], Stream[_T_co]]) -> None:
        self._begin = begin
        self._stream: Stream[_T_co] | None = None
        self._reading: _Work[Any] | None = None
        self._over = False

    def __aiter__(self) -> AsyncStream[_T_co]:
        return self

    async def __anext__(self) -> _T_co:
        item: Any = await self._read()
        if item is _END:
            raise StopAsyncIteration
        return item  # type: ignore[no-any-return]

    async def next_within(self, timeout: float | None) -> _T_co | None:
        """As :meth:`prism.agents.Stream.next_within`.

        >>> async def first():
        ...     agent = await prism.aio.connect(room.address, terms, lab)
        ...     return (await agent.entries().next_within(60)).type
        >>> asyncio.run(first())
        'log.open'
        """
        limit = seconds(timeout)
        try:
            async with asyncio.timeout(limit):
                item: Any = await self._read()
        except TimeoutError:
            raise DeadlinePassed(f"expected an item within {limit} s, found none") from None
        return None if item is _END else item

    async def _read(self) -> Any:
        if self._reading is not None:
            # Whoever waited was cancelled, perhaps in the very moment in which an item came.
            try:
                return await self._take(self._reading)
            except Cancelled:
                pass
        return _END if self._over else await self._take(_Work(self._next))

    async def _take(self, reading: _Work[Any]) -> Any:
        self._reading = reading
        try:
            item = await reading.wait()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._reading = None
            raise
        self._reading = None
        return item

    def _next(self) -> Any:
        if self._stream is None:
            self._stream = self._begin()
        return next(self._stream, _END)

    async def aclose(self) -> None:
        """Ends the stream now; once more does nothing.

        >>> async def nothing():
        ...     agent = await prism.aio.connect(room.address, terms, lab)
        ...     entries = agent.entries()
        ...     await entries.aclose()
        ...     return [entry async for entry in entries]
        >>> asyncio.run(nothing())
        []
        """
        self._over = True
        if self._reading is not None:
            self._reading.cancel()
        if self._stream is not None:
            self._stream.close()

    async def __aenter__(self) -> AsyncStream[_T_co]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return "Stream of an agent, awaited"


_END = object()
