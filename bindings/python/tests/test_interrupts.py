import asyncio
import os
import signal
import threading
import unittest

import prism
from prism import _prism
from scene import Scene


def interrupt_when(ready: threading.Event) -> threading.Thread:
    """Ctrl-C, once it is awaited."""

    def send() -> None:
        ready.wait()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


class Interrupts(Scene):
    table = os.urandom(8 << 20)

    def test_an_interrupted_upload_goes_on_with_the_same_call(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.hospital)
        begun = threading.Event()
        slow = Slow(self.table, begun)
        thread = interrupt_when(begun)
        with self.assertRaises(KeyboardInterrupt):
            agent.upload("h1.csv", slow.asset, progress=False)
        slow.released.set()
        thread.join()
        receipt = agent.upload("h1.csv", self.data, progress=False)
        self.assertEqual(receipt.entry["type"], "asset.accepted")

    def test_interrupting_a_watch_ends_the_watching_only(self) -> None:
        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        waiting = threading.Event()
        thread = interrupt_when(waiting)
        with self.assertRaises(KeyboardInterrupt):
            for entry in agent.entries():
                if entry.type == "auth.ok":
                    waiting.set()
        thread.join()
        self.assertEqual(agent.status().state, "WaitingForAlgorithm")


class Slow:
    """Bytes whose second half is not read before it is released, once they were compared with the manifest."""

    def __init__(self, content: bytes, begun: threading.Event) -> None:
        self.content, self.begun, self.passes = content, begun, 0
        self.released = threading.Event()
        self.native = _prism.Source.of_reader(len(content), self.read_at)
        self.asset = prism.Asset(self.native, "slow")

    def read_at(self, offset: int, count: int) -> bytes:
        self.passes += offset == 0
        if self.passes > 1 and offset > len(self.content) // 2:
            self.begun.set()
            self.released.wait(60)
        return self.content[offset : offset + count]


class Asynchronous(Scene):
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

        self.assertEqual(asyncio.run(everybody()), "3")

    def test_cancelling_ends_the_call_and_the_session_goes_on(self) -> None:
        room = self.serve()

        async def scenario() -> str:
            agent = await prism.aio.connect(room.address, self.sign(), self.lab)
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(agent.watch(), 0.3)
            return (await agent.status()).state

        self.assertEqual(asyncio.run(scenario()), "WaitingForAlgorithm")

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


class Forks(Scene):
    @unittest.skipUnless(hasattr(os, "fork"), "skipped: this system has no fork")
    def test_a_forked_child_is_refused_clearly(self) -> None:
        import warnings

        room = self.serve()
        agent = prism.connect(room.address, self.sign(), self.lab)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                agent.status()
            except prism.Usage as error:
                os._exit(0 if "forked" in str(error) else 1)
            os._exit(2)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertEqual(agent.status().state, "WaitingForAlgorithm")
