"""Bytes that lie in several places, read as if they were one after the other."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

__all__ = ["Pieces"]


class Pieces:
    """Several buffers as one, none of them copied.

    >>> Pieces([b"ab", b"", b"cde"]).read_at(1, 3)
    b'bcd'
    """

    def __init__(self, buffers: Iterable[bytes | memoryview]) -> None:
        views = (memoryview(buffer) for buffer in buffers)
        self._views = [view.cast("B") for view in views if view.nbytes]
        self._ends: list[int] = []
        end = 0
        for view in self._views:
            end += len(view)
            self._ends.append(end)
        self.length = end
        """Bytes in all."""

    def read_at(self, offset: int, count: int) -> bytes:
        """At most ``count`` bytes from ``offset`` on; fewer only at the end."""
        found = bytearray()
        at = bisect.bisect_right(self._ends, offset)
        while at < len(self._views) and len(found) < count:
            view = self._views[at]
            begin = offset + len(found) - (self._ends[at] - len(view))
            found += view[begin : begin + count - len(found)]
            at += 1
        return bytes(found)
