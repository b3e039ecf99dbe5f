"""What a notebook shows of a refusal: the reader's own lines, what was expected and found, and what to do."""

from __future__ import annotations

import traceback
from pathlib import Path

_HERE = str(Path(__file__).parent)


class ShortTraceback:
    """An error that notebooks show without the lines of this package, and with its hint.

    Jupyter's own traceback shows this package's lines and leaves notes out, so the hint, too. A terminal is not
    concerned, and neither is ``traceback.print_exc()``, which shows everything.
    """

    code: str
    """The stable code."""
    hint: str
    """What to do now."""

    def _render_traceback_(self) -> list[str]:
        assert isinstance(self, BaseException)
        frames = traceback.extract_tb(self.__traceback__)
        if self.code != "internal":
            frames = traceback.StackSummary.from_list([f for f in frames if not f.filename.startswith(_HERE)])
        # The first lines are of the notebook itself, which executes the cell.
        own = next((i for i, frame in enumerate(frames) if frame.name == "<module>"), 0)
        shown = [f"{frame.name}, line {frame.lineno}: {frame.line}" for frame in frames[own:]]
        shown = [line.removeprefix("<module>, ") for line in shown]
        said = [f"{type(self).__name__}: {self}"]
        said += [f"hint: {self.hint}"] if self.hint else []
        said += [note for note in getattr(self, "__notes__", []) if not note.startswith("hint: ")]
        return [*shown, "", *said]
