"""Dead agents, deadlines, callbacks that call, threads that share: what waits says so, and ends when it shall."""

import contextlib
import io
import logging
import os
import socket
import threading
import unittest

import prism
from cable import cable_to
from scene import Scene
from test_interrupts import Slow, until


class Records(logging.Handler):
    """What the logger of the package heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []
        self.retried = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)
        if "trying again" in record.getMessage():
            self.retried.set()


class DeadAgents(Scene):
    def setUp(self) -> None:
        super().setUp()
        self.records, logger = Records(), logging.getLogger("prism")
        before = logger.level
        logger.addHandler(self.records)
        logger.setLevel(logging.INFO)
        self.addCleanup(logger.setLevel, before)
        self.addCleanup(logger.removeHandler, self.records)

    def test_each_new_attempt_is_a_record_of_the_logger_and_so_is_its_success(self) -> None:
        room = self.serve()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, self.sign(), self.lab)
            entries = agent.entries()
            heard = [next(entries).index]
            cable.cut()

            def mend() -> None:
                self.records.retried.wait(60)
                cable.mend()

            thread = threading.Thread(target=mend)
            thread.start()
            self.assertEqual(agent.status().state, "WaitingForAlgorithm")
            thread.join()
            # The stream goes on over the new connection, without a gap.
            agent.stop()
            heard += [entry.index for entry in entries]
        self.assertEqual(heard, list(range(len(heard))))
        first = self.records.heard[0]
        self.assertEqual((first.name, first.levelname), ("prism", "WARNING"))
        self.assertRegex(first.getMessage(), r"^127\.0\.0\.1:\d+: connection lost \(.+\); trying again in 0\.25 s")
        self.assertRegex(first.getMessage(), r"attempt 1 of 8$")
        self.assertIn(
            "connected and attested again", [record.getMessage().split(": ")[1] for record in self.records.heard]
        )

    def test_a_deadline_ends_the_attempts(self) -> None:
        room = self.serve()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, self.sign(), self.lab)
            cable.cut()
            with self.assertRaises(prism.DeadlinePassed):
                agent.watch(show=False, timeout=1)
            self.assertTrue(self.records.retried.is_set())
            cable.mend()
            self.assertEqual(agent.status().state, "WaitingForAlgorithm")

    def test_a_handler_that_raises_ends_the_call_with_what_it_raised(self) -> None:
        room = self.serve()

        class Broken(logging.Handler):
            def handle(self, record: logging.LogRecord) -> bool:
                raise ZeroDivisionError

        broken = Broken()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, self.sign(), self.lab)
            cable.cut()
            logging.getLogger("prism").addHandler(broken)
            try:
                with self.assertRaises(ZeroDivisionError):
                    agent.status()
            finally:
                logging.getLogger("prism").removeHandler(broken)


class Deadlines(Scene):
    table = os.urandom(8 << 20)

    def test_a_watch_says_where_the_run_is_and_who_is_awaited(self) -> None:
        room, signed = self.serve(), self.sign()
        agent = prism.connect(room.address, signed, self.lab)
        agent.upload("count.py", self.algorithm, progress=False)
        with self.assertRaises(TimeoutError) as caught:
            agent.watch("delivering", show=False, timeout=0.5)
        error = caught.exception
        assert isinstance(error, prism.DeadlinePassed)
        self.assertEqual(
            str(error), "expected Delivering within 0.5 s, found WaitingForDatasets, waiting for h1.csv (hospital-1)"
        )
        self.assertEqual(error.details, {"state": "WaitingForDatasets", "waiting_for": {"h1.csv": "hospital-1"}})
        self.assertIsInstance(error, prism.Cancelled)

    def test_a_stream_goes_on_after_a_deadline(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        entries, heard = agent.entries(), []
        with self.assertRaises(prism.DeadlinePassed):
            while entry := entries.next_within(0.3):
                heard.append(entry.index)
        agent.stop()
        heard += [entry.index for entry in entries]
        self.assertEqual(heard, list(range(len(heard))))
        self.assertIsNone(entries.next_within(0.3))

    def test_an_upload_whose_time_is_over_goes_on_with_the_same_call(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        slow = Slow(self.table)
        with self.assertRaises(prism.DeadlinePassed) as caught:
            agent.upload("h1.csv", slow.asset, progress=False, timeout=0.5)
        self.assertIn("goes on", "".join(caught.exception.__notes__))
        slow.released.set()
        self.assertEqual(agent.upload("h1.csv", self.data, progress=False, timeout=60).entry["type"], "asset.accepted")

    def test_whoever_does_not_answer_is_not_waited_for(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            with self.assertRaises(prism.DeadlinePassed):
                prism.connect(address, self.sign(), self.lab, timeout=0.2)

    def test_what_is_no_time_is_refused(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        for timeout in (-1, float("nan"), float("inf"), "5", True, 1e12):
            with self.subTest(timeout), self.assertRaises(prism.Usage):
                agent.watch(timeout=timeout)  # type: ignore[arg-type]


class Callbacks(Scene):
    table = os.urandom(2 << 20)

    def test_a_callback_may_call_the_agent_and_forget_it(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        calls: list[str] = []

        def tell(at: prism.Progress) -> None:
            nonlocal agent
            if not calls:
                calls.append(agent.status().state)
                calls.append(next(agent.entries()).type)
                calls.append(agent.upload("count.py", self.algorithm, self.lab, progress=False).entry["type"])
                del agent

        agent.upload("h1.csv", self.data, progress=tell)
        self.assertEqual(calls, ["WaitingForAlgorithm", "log.open", "asset.accepted"])

    def test_what_a_callback_raises_comes_through_and_the_same_call_goes_on(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        for kind in (ZeroDivisionError, SystemExit, KeyboardInterrupt, GeneratorExit):

            def tell(at: prism.Progress, kind: type[BaseException] = kind) -> None:
                raise kind

            with self.assertRaises(kind):
                agent.upload("h1.csv", self.data, progress=tell)
        self.assertEqual(agent.upload("h1.csv", self.data, progress=False).entry["type"], "asset.accepted")

    def test_nobody_who_can_read_it_is_no_reason_to_stop(self) -> None:
        agent = prism.connect(self.serve().address, self.sign(), self.hospital)
        closed = io.StringIO()
        closed.close()
        for place in (closed, None):
            with contextlib.redirect_stderr(place):
                agent.upload("h1.csv", self.data, progress="text")
                agent.upload("h1.csv", self.data)
                with self.assertRaises(prism.DeadlinePassed):
                    agent.watch(timeout=0.1)

    def test_a_terminal_has_its_line_back_whatever_ends_the_upload(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        agent, slow = prism.connect(self.serve().address, self.sign(), self.hospital), Slow(self.table)
        for asset, timeout, end in ((slow.asset, 0.5, prism.DeadlinePassed), (self.data, 60, ())):
            with contextlib.redirect_stderr(Terminal()) as terminal, contextlib.suppress(end):  # type: ignore[arg-type]
                agent.upload("h1.csv", asset, timeout=timeout)
            drawn = terminal.getvalue()
            self.assertEqual((drawn.count("\n"), drawn[-1:]), (1, "\n"))
        slow.released.set()

    def test_one_reader_at_a_time_reads_a_stream(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        logs = agent.logs()
        begun, found = threading.Event(), list[object]()

        def read() -> None:
            begun.set()
            while not found:
                try:
                    found.append(list(logs))
                except prism.Usage:
                    pass  # the other thread was the first

        thread = threading.Thread(target=read)
        thread.start()
        begun.wait()

        def second() -> bool:
            try:
                logs.next_within(0)
            except prism.DeadlinePassed:
                return False  # the other thread has not begun to wait yet
            except prism.Usage:
                return True
            raise AssertionError("expected nothing to read")

        until(second)
        agent.stop()
        thread.join()
        self.assertEqual(found, [[]])


class Sharing(Scene):
    def test_threads_share_an_agent_and_its_keys(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign())
        start, names, failed = threading.Barrier(8), [], []

        def work(key: prism.Key) -> None:
            start.wait()
            try:
                names.append(agent.authenticate(key))
                for _ in range(5):
                    agent.status(key)
                    next(agent.entries(key))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(key,)) for key in (self.lab, self.hospital) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(sorted(names), ["hospital-1"] * 4 + ["lab"] * 4)

    def test_a_closed_agent_is_refused_clearly_and_what_was_begun_goes_on(self) -> None:
        room = self.serve()
        with prism.connect(room.address, self.sign(), self.lab) as agent:
            entries = agent.entries()
            next(entries)
            native = agent._session(None)
        for use in (agent.status, agent.entries, agent.watch, lambda: agent.upload("count.py", self.algorithm)):
            with self.assertRaises(prism.Usage) as caught:
                use()
            self.assertIn("closed", str(caught.exception))
        with self.assertRaises(prism.Usage):
            native.status()
        agent.close()
        self.assertEqual(next(entries).index, 1)
        entries.close()
        self.assertEqual(list(entries), [])
        self.assertIn("at its end", repr(entries))


if __name__ == "__main__":
    unittest.main()
