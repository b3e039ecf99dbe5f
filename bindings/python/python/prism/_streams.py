"""What an agent tells as it happens, one item at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from . import _prism
from ._words import seconds

__all__ = ["Stream", "bounded"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Native(Protocol):
    """A stream of the native half."""

    def next(self, had: int) -> Any: ...


def bounded(timeout: float | None, work: Callable[[], _T]) -> _T:
    """Does what waits; ``timeout`` seconds at most.

    Raises:
        DeadlinePassed: The time is over.
    """
    limit = seconds(timeout)
    return work() if limit is None else _prism.within(limit, work)


class Stream(Iterator[_T_co], Generic[_T_co]):
    """Items as they come: ``for item in stream`` waits for each, until there can be no more.

    What ends the waiting, an interrupt or a deadline, does not end the stream: iterate it again and it goes on with the
    item that was waited for. One thread reads it at a time.

    >>> with agent.entries() as entries:
    ...     next(entries).type
    'log.open'
    """

    def __init__(self, native: Native, convert: Callable[[Any], _T_co], most: int | None = None) -> None:
        self._native: Native | None = native
        self._convert = convert
        self._had = 0
        self._most = most

    def __iter__(self) -> Stream[_T_co]:
        return self

    def __next__(self) -> _T_co:
        native = self._native if self._most is None or self._had < self._most else None
        item = native.next(self._had) if native is not None else None
        if item is None:
            self._native = None
            raise StopIteration
        converted = self._convert(item)
        # An interrupt before this gives the same item again; between this and the return the interpreter takes none.
        self._had += 1
        return converted

    def next_within(self, timeout: float | None) -> _T_co | None:
        """The next item, or nothing at the end.

        Args:
            timeout: Seconds to wait at most; nothing waits without an end.

        Raises:
            DeadlinePassed: Nothing came in that time; the stream goes on.

        >>> agent.entries().next_within(60).type
        'log.open'
        """
        return bounded(timeout, lambda: next(self, None))

    def close(self) -> None:
        """Ends the stream now; once more does nothing.

        >>> entries = agent.entries()
        >>> entries.close()
        >>> list(entries)
        []
        """
        self._native = None

    def __enter__(self) -> Stream[_T_co]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Stream of an agent, {'open' if self._native is not None else 'at its end'}"
