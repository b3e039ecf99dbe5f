"""Watching a run in a notebook: one card, whatever comes."""

import sys
import types
import unittest
from typing import Any

import prism
from prism import _watching
from prism._course import Course
from scene import Scene


class Notebook:
    """What IPython gives: a place that can be drawn on again."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def display(self, html: str, display_id: bool) -> Any:
        assert display_id
        self.drawn.append(html)
        return types.SimpleNamespace(update=self.drawn.append)


def entry(index: int, state: str, words: str = "", body: dict[str, Any] | None = None) -> prism.Entry:
    kind = "asset.accepted" if body else "auth.ok"
    return prism.Entry(index, state, kind, "lab", {"body": body or {}}, 100.0 + index, words)


class Watching(Scene):
    def card(self) -> tuple[Notebook, Course, _watching.Silent]:
        place, course = Notebook(), Course(self.terms)
        return place, course, _watching.Card(course, 60.0, place.display, str)

    def test_the_card_says_who_is_awaited_and_until_when(self) -> None:
        place, course, card = self.card()
        for one in (
            entry(0, "WaitingForAlgorithm", "the manifest was accepted"),
            entry(1, "WaitingForDatasets", "count.py accepted", {"asset": "count.py"}),
        ):
            course.take(one)
            card.show(one)
        shown = place.drawn[-1]
        self.assertIn("h1.csv from hospital-1", shown)
        self.assertNotIn("count.py from lab", shown)
        self.assertIn("watching ends after 60 s", shown)
        self.assertIn("count.py accepted", shown)

    def test_a_flood_of_entries_is_drawn_a_few_times_and_its_end_always(self) -> None:
        place, course, card = self.card()
        for index in range(10_000):
            one = entry(index, "Running", f"entry {index}")
            course.take(one)
            card.show(one)
        drawn = len(place.drawn)
        card.end()
        card.end()
        self.assertIn("entry 9999", place.drawn[-1])
        self.assertLessEqual(len(place.drawn), drawn + 1)
        self.assertLess(drawn, 1_000)

    def test_nothing_that_was_logged_is_markup(self) -> None:
        place, course, card = self.card()
        one = entry(0, "Running", "<script>alert(1)</script>")
        course.take(one)
        card.show(one)
        self.assertNotIn("<script", place.drawn[-1])
        self.assertIn("&lt;script&gt;", place.drawn[-1])

    def test_a_simulated_machine_is_said_aloud(self) -> None:
        place, course, card = self.card()
        one = prism.Entry(0, "WaitingForAlgorithm", "log.open", "agent", {"body": {"simulated": True}}, 1.0, "boot")
        course.take(one)
        card.show(one)
        self.assertIn("SIMULATED", place.drawn[-1])

    def test_a_run_that_was_closed_is_good_only_when_it_was_completed(self) -> None:
        for outcome, good in (("completed", True), ("failed", False), ("stopped", False), (None, False)):
            place, course, card = self.card()
            body = {} if outcome is None else {"outcome": outcome}
            one = prism.Entry(0, "Closed", "log.close", "agent", {"body": body}, 1.0, "closed")
            course.take(one)
            card.show(one)
            told = "Run: Closed" if good else f"Run: Closed, {outcome or 'without an outcome'}"
            self.assertIn(prism._words.card(told, good, False, [], []).partition("</b>")[0], place.drawn[-1])

    def test_a_function_hears_every_entry_in_plain_words_and_ends_the_watching_when_it_raises(self) -> None:
        with self.serve() as room:
            agent = prism.connect(room.address, self.sign(), self.lab)
            heard: list[prism.Entry] = []
            agent.watch(until="waiting for algorithm", show=heard.append)
            self.assertEqual(heard[0].type, "log.open")
            self.assertTrue(any("manifest accepted" in one.words for one in heard), heard)

            def enough(_: prism.Entry) -> None:
                raise LookupError("enough")

            with self.assertRaises(LookupError):
                agent.watch(show=enough)

    def test_another_way_to_show_is_a_clear_error(self) -> None:
        with self.assertRaises(prism.Usage):
            _watching.watching("loud", Course(self.terms), None)  # type: ignore[arg-type]

    def test_outside_a_notebook_there_are_lines(self) -> None:
        self.assertNotIn("ipykernel", sys.modules)
        self.assertIsInstance(_watching.watching("auto", Course(self.terms), None), _watching.Lines)


if __name__ == "__main__":
    unittest.main()
