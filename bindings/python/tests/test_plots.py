import math
import unittest
from dataclasses import dataclass

import prism
from prism import _prism
from prism._plots import curves, spans, sparkline


@dataclass
class At:
    state: str
    time: float


@dataclass
class Step:
    values: dict[str, float]


class Plots(unittest.TestCase):
    def test_a_line_of_bars_rises_with_its_figures_and_is_never_long(self) -> None:
        self.assertEqual(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█")
        self.assertEqual(sparkline(list(range(1_000_000)))[-1], "█")
        self.assertEqual(len(sparkline(list(range(1_000_000)))), 40)

    def test_hostile_figures_are_left_out(self) -> None:
        self.assertEqual(sparkline([math.nan, math.inf, -math.inf]), "")
        self.assertEqual(sparkline([1.7e308, -1.7e308]), "█▁")
        self.assertIn("no figures", _prism.card("t", None, False, [("f", [math.nan])], []))

    def test_states_are_as_long_as_their_entries_and_a_clock_that_goes_back_takes_nothing(self) -> None:
        entries = [At("Waiting", 10), At("Waiting", 11), At("Running", 13), At("Closed", 12)]
        self.assertEqual(spans(entries), [("Waiting", 3), ("Running", 0), ("Closed", 0)])
        self.assertEqual(spans([]), [])

    def test_figures_that_come_and_go_keep_their_order(self) -> None:
        steps = [Step({"loss": 2.0}), Step({"accuracy": 0.5}), Step({"loss": 1.0})]
        self.assertEqual(curves(steps), {"loss": [2.0, 1.0], "accuracy": [0.5]})

    def test_a_timeline_says_the_same_as_text_and_names_from_outside_drive_no_terminal(self) -> None:
        def entry(index: int, state: str, time: float) -> prism.Entry:
            return prism.Entry(index, state, "state", "agent", {}, time)

        entries = [entry(0, "Running", 10.0), entry(1, "Closed", 12.5)]
        run = prism.Timeline(entries, [prism.Figures(1, {"a\x1b[2J": 1.0}), prism.Figures(2, {"a\x1b[2J": 2.0})])
        self.assertEqual(run.states, [("Running", 2.5), ("Closed", 0.0)])
        said = "Timeline of 2 entries in 2.5 s\n  Running 2.5 s, Closed 0.0 s\n  a\\x1b[2J ▁█ 2"
        self.assertEqual(repr(run), said)
        self.assertEqual(repr(prism.Timeline([])), "Timeline of 0 entries in 0.0 s")
        aloud = prism.Entry(0, "Running", "log.open", "agent", {"body": {"simulated": True}}, 10.0)
        self.assertTrue(repr(prism.Timeline([aloud])).startswith("SIMULATED"))
        many = prism.Figures(1, {str(number): 1.0 for number in range(1000)})
        self.assertLess(len(repr(prism.Timeline(entries, [many])).splitlines()), 12)

    def test_a_card_draws_figures_and_states_and_escapes_their_names(self) -> None:
        html = _prism.card("t", None, False, [("<i>", [1.0, 2.0]), ("run", [("<script>", 1.0)])], [])
        self.assertIn("<polyline", html)
        self.assertIn("<rect", html)
        self.assertNotIn("<i>", html)
        self.assertNotIn("<script", html)

    def test_a_timeline_is_a_card_too(self) -> None:
        entries = [prism.Entry(0, "Running", "state", "agent", {}, 1.0)]
        html = prism.Timeline(entries, [prism.Figures(1, {"loss": 0.5})])._repr_html_()
        self.assertIn("<rect", html)
        self.assertIn("<polyline", html)
