import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import prism
from cable import cable_to
from prism import _prism
from scene import Scene

# A shell starts what it puts into the background deaf to Ctrl-C, and Python leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)

BIG = b"""\
import os, pathlib
pathlib.Path("results").mkdir(exist_ok=True)
pathlib.Path("results/big.bin").write_bytes(os.urandom(8 << 20))
"""


class Clock:
    """When Ctrl-C was pressed, and what came of it."""

    sent = 0.0

    def say(self, what: str) -> None:
        sys.stderr.write(f"measured: {what}: KeyboardInterrupt {(time.monotonic() - self.sent) * 1000:.0f} ms\n")


@contextmanager
def interrupt_when(wait: Callable[[], object], what: str) -> Iterator[None]:
    """Ctrl-C once ``wait`` returns; what is done meanwhile has to end with it."""
    clock, begun = Clock(), threading.Event()

    def send() -> None:
        # Not while the thread that is to be interrupted still starts this one.
        begun.wait()
        wait()
        clock.sent = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        begun.set()
        yield
    except KeyboardInterrupt:
        clock.say(what)
        thread.join()
    else:
        raise AssertionError(f"{what}: expected KeyboardInterrupt, found an end of the call")


class Slow:
    """Bytes whose second half is not read before it is released, once they were compared with the manifest."""

    def __init__(self, content: bytes) -> None:
        self.content, self.passes = content, 0
        self.begun, self.released = threading.Event(), threading.Event()
        self.asset = prism.Asset(_prism.Source.of_reader(len(content), self.read_at), "slow")

    def read_at(self, offset: int, count: int) -> bytes:
        self.passes += offset == 0
        if self.passes > 1 and offset > len(self.content) // 2:
            self.begun.set()
            self.released.wait(60)
        return self.content[offset : offset + count]


class Interrupts(Scene):
    table = os.urandom(8 << 20)

    def test_an_interrupted_upload_goes_on_with_the_same_call(self) -> None:
        room = self.serve()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, self.sign(), self.hospital)
            cable.hold(to_agent=4 << 20)
            with interrupt_when(cable.held.wait, "upload"):
                agent.upload("h1.csv", self.data, progress=False)
            cable.release()
            receipt = agent.upload("h1.csv", self.data, progress=False)
        self.assertEqual(receipt.entry["type"], "asset.accepted")

    def test_an_upload_that_waits_for_its_own_bytes_is_interrupted_as_well(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        slow = Slow(self.table)
        with interrupt_when(slow.begun.wait, "upload from Python"):
            agent.upload("h1.csv", slow.asset, progress=False)
        slow.released.set()
        self.assertEqual(agent.upload("h1.csv", self.data, progress=False).entry["type"], "asset.accepted")

    def test_interrupting_a_stream_ends_the_waiting_and_loses_no_entry(self) -> None:
        room = self.serve()
        signed = self.sign()
        agent = prism.connect(room.address, signed, self.lab)
        entries, waiting, heard = agent.entries(), threading.Event(), []
        with interrupt_when(waiting.wait, "entries"):
            for entry in entries:
                heard.append(entry)
                if entry.type == "auth.ok":
                    waiting.set()
        self.assertEqual(agent.status().state, "WaitingForAlgorithm")
        prism.connect(room.address, signed, self.hospital)
        while "hospital-1" not in heard[-1].actor:
            heard.append(next(entries))
        self.assertEqual([entry.index for entry in heard], list(range(len(heard))))

    def test_an_item_that_did_not_arrive_comes_again(self) -> None:
        room = self.serve()
        entries = prism.connect(room.address, self.sign(), self.lab).entries()
        convert = entries._convert

        def interrupted(item: object) -> prism.Entry:
            entries._convert = convert
            raise KeyboardInterrupt

        # Where the interpreter takes an interrupt is its own choice: here right after the item came.
        entries._convert = interrupted
        with self.assertRaises(KeyboardInterrupt):
            next(entries)
        self.assertEqual([next(entries).index, next(entries).index], [0, 1])

    def test_the_entries_that_there_are_can_be_had_without_waiting_for_more(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        there = list(agent.entries(follow=False))
        self.assertEqual([entry.index for entry in there], list(range(len(there))))
        self.assertGreaterEqual(len(there), 4)
        self.assertEqual([entry.index for entry in agent.entries(first=2, follow=False)][:2], [2, 3])
        self.assertEqual(list(agent.entries(first=10_000, follow=False)), [])

    def test_an_interrupted_watch_is_watched_again(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        # The log is written before anybody can read it.
        with interrupt_when(lambda: agent.status(), "watch"):
            agent.watch(show=False)
        agent.stop()
        with self.assertRaises(prism.RunStopped):
            agent.watch(show=False)

    def test_interrupting_while_an_agent_starts_leaves_nothing_behind(self) -> None:
        begun, program = self.folder / "begun", self.folder / "python"
        program.write_text(f"#!/bin/sh\necho $$ > {begun}.new\nmv {begun}.new {begun}\nexec sleep 1000\n")
        program.chmod(0o700)
        before, tempfile.tempdir = tempfile.tempdir, str(self.folder / "tmp")
        (self.folder / "tmp").mkdir()
        try:
            with interrupt_when(lambda: until(begun.exists), "serve"):
                prism.serve(self.sign(), "simulated", python=program)
        finally:
            tempfile.tempdir = before
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])
        until(lambda: not is_running(int(begun.read_text())))

    def test_interrupting_while_an_agent_ends_ends_it_at_once(self) -> None:
        room = self.serve()
        state = room._temporary
        assert state is not None
        with cable_to(room.address) as cable:
            prism.connect(cable.address, self.sign(), self.lab).entries().__next__()
            cable.hold(to_agent=0, from_agent=0)
            with interrupt_when(lambda: until(lambda: not listens(room.address)), "close"):
                room.close()
        self.assertFalse(state.exists())
        self.assertIsNone(room.state)
        room.close()


class InterruptedResults(Scene):
    script, most = BIG, "16 MiB"

    def finished(self) -> tuple[prism.ServedAgent, prism.Manifest]:
        room, signed = self.serve(), self.sign()
        for key, name, asset in ((self.lab, "count.py", self.algorithm), (self.hospital, "h1.csv", self.data)):
            prism.connect(room.address, signed, key).upload(name, asset, progress=False)
        prism.connect(room.address, signed, self.lab).watch("delivering", show=False)
        return room, signed

    def test_an_interrupted_result_goes_on_where_its_file_ends(self) -> None:
        room, signed = self.finished()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, signed, self.lab)
            cable.hold(from_agent=4 << 20)
            with interrupt_when(cable.held.wait, "result"):
                agent.result(to=self.folder / "result.zip", progress=False)
            cable.release()
            (payload,) = self.folder.glob("result.zip.payload-*")
            before, heard = payload.stat().st_size, list[prism.Progress]()
            self.assertGreater(before, 0)
            result = agent.result(to=self.folder / "result.zip", progress=heard.append)
        self.assertGreaterEqual(heard[0].done, before)
        self.assertEqual(len(result.bytes("big.bin")), 8 << 20)

    def test_a_result_whose_time_is_over_goes_on_likewise(self) -> None:
        room, signed = self.finished()
        with cable_to(room.address) as cable:
            agent = prism.connect(cable.address, signed, self.lab)
            cable.hold(from_agent=4 << 20)
            with self.assertRaises(TimeoutError) as caught:
                agent.result(to=self.folder / "result.zip", progress=False, timeout=1)
            self.assertIsInstance(caught.exception, prism.DeadlinePassed)
            cable.release()
            self.assertEqual(agent.result(to=self.folder / "result.zip", progress=False).names, ["big.bin"])

    def test_a_cancelled_task_goes_on_likewise(self) -> None:
        room, signed = self.finished()

        async def scenario(agent: prism.aio.Agent) -> list[str]:
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(agent.result(to=self.folder / "result.zip"), 1)
            cable.release()
            return (await agent.result(to=self.folder / "result.zip")).names

        with cable_to(room.address) as cable:
            agent = asyncio.run(prism.aio.connect(cable.address, signed, self.lab))
            cable.hold(from_agent=4 << 20)
            self.assertEqual(asyncio.run(scenario(agent)), ["big.bin"])


class Asynchronous(Scene):
    table = b"61,1\n47,0\n" * (1 << 20)

    def test_a_computation_is_driven_from_an_event_loop(self) -> None:
        room = self.serve()

        async def everybody() -> str:
            signed = self.sign()
            lab = await prism.aio.connect(room.address, signed, self.lab)
            hospital = await prism.aio.connect(room.address, signed, self.hospital)
            await asyncio.gather(lab.upload("count.py", self.algorithm), hospital.upload("h1.csv", self.data))
            await lab.watch(until="delivering")
            result = await lab.result(to=self.folder / "result.zip")
            states = [entry.state async for entry in lab.entries()]
            self.assertEqual(states[-1], "Closed")
            return result.text("count.txt")

        self.assertEqual(asyncio.run(everybody()), str(2 << 20))

    def test_cancelling_ends_the_call_and_the_session_goes_on(self) -> None:
        room = self.serve()

        async def scenario() -> str:
            agent = await prism.aio.connect(room.address, self.sign(), self.lab)
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(agent.watch(), 0.3)
            return (await agent.status()).state

        self.assertEqual(asyncio.run(scenario()), "WaitingForAlgorithm")

    def test_a_cancelled_upload_goes_on_with_the_same_call(self) -> None:
        room = self.serve()
        slow = Slow(self.table)

        async def scenario() -> str:
            agent = await prism.aio.connect(room.address, self.sign(), self.hospital)
            task = asyncio.create_task(agent.upload("h1.csv", slow.asset))
            self.assertTrue(await asyncio.to_thread(slow.begun.wait, 60))
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            return str((await agent.upload("h1.csv", self.data)).entry["type"])

        try:
            self.assertEqual(asyncio.run(scenario()), "asset.accepted")
        finally:
            slow.released.set()

    def test_cancelling_what_waits_for_an_entry_loses_none(self) -> None:
        room, signed = self.serve(), self.sign()

        async def scenario() -> list[int]:
            agent = await prism.aio.connect(room.address, signed, self.lab)
            entries, heard = agent.entries(), []
            with self.assertRaises(TimeoutError):
                while True:
                    heard.append((await asyncio.wait_for(anext(entries), 0.3)).index)
            with self.assertRaises(prism.DeadlinePassed):
                await entries.next_within(0.1)
            # Whether the thread that was cancelled has ended, and whether an item came to it, is all the same.
            await prism.aio.connect(room.address, signed, self.hospital)
            heard.append((await anext(entries)).index)
            await agent.stop()
            heard += [entry.index async for entry in entries]
            async with agent.entries() as again:
                await anext(again)
            self.assertEqual([entry async for entry in again], [])
            return heard

        heard = asyncio.run(scenario())
        self.assertEqual(heard, list(range(len(heard))))
        self.assertGreater(len(heard), 4)

    def test_a_callback_that_raises_stop_iteration_is_an_error_and_no_hang(self) -> None:
        room = self.serve()

        def broken(at: prism.Progress) -> None:
            next(iter(()))

        async def scenario() -> None:
            agent = await prism.aio.connect(room.address, self.sign(), self.hospital)
            with self.assertRaises(RuntimeError):
                await agent.upload("h1.csv", self.data, progress=broken)

        asyncio.run(scenario())

    def test_synchronous_calls_work_inside_a_running_loop(self) -> None:
        room = self.serve()

        async def cell() -> str:
            return prism.connect(room.address, self.sign(), self.lab).status().state

        self.assertEqual(asyncio.run(cell()), "WaitingForAlgorithm")

    def test_a_program_that_ends_while_a_call_waits_ends_quietly(self) -> None:
        room = self.serve()
        signed = self.sign().save(self.folder / "signed.prism")
        program = (
            "import asyncio, sys, prism\n"
            "async def main():\n"
            "    terms, key = prism.Manifest.read(sys.argv[2]), prism.Key.load(sys.argv[3])\n"
            "    agent = await prism.aio.connect(sys.argv[1], terms, key)\n"
            "    asyncio.get_running_loop().call_later(0.2, sys.exit)\n"
            "    await agent.watch()\n"
            "asyncio.run(main())\n"
        )
        arguments = [sys.executable, "-c", program, room.address, str(signed), str(self.folder / "lab.key")]
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))


class Forks(Scene):
    @unittest.skipUnless(hasattr(os, "fork"), "skipped: this system has no fork")
    def test_a_forked_child_is_refused_clearly_and_ends_nothing(self) -> None:
        import gc
        import warnings

        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        entries = agent.entries()
        first = next(entries)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            found = 0
            uses: list[Callable[[], object]] = [agent.status, entries.__next__, lambda: room.state]
            for number, use in enumerate(uses):
                try:
                    use()
                except prism.Usage as error:
                    found |= ("forked" in str(error)) << number
            agent.close()
            room.close()
            # What has threads in the parent is left alone here: no wait for them, no end of the parent's.
            room._native = agent._channel = agent._last = entries._native = None  # type: ignore[assignment]
            agent._sessions.clear()
            gc.collect()
            os._exit(found)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 7)
        self.assertEqual(agent.status().state, "WaitingForAlgorithm")
        self.assertEqual(next(entries).index, first.index + 1)


def until(condition: Callable[[], object]) -> None:
    """Waits for something that another process does."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("expected something within a minute, found that it did not happen")
        os.sched_yield()


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
