"""A cable between a participant and an agent that can be held, cut and mended."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cable:
    """Forwards every connection to an agent. What it holds back is neither lost nor answered."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._room = [1 << 62, 1 << 62]
        self._flows = threading.Condition(self._lock)
        self.held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            with self._lock:
                if listener is not self._listener or listener.fileno() < 0:
                    near.close()
                    far.close()
                    return
                self._open += [near, far]
            for way, (one, other) in enumerate([(near, far), (far, near)]):
                threading.Thread(target=self._forward, args=(way, one, other), daemon=True).start()

    def _forward(self, way: int, one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(1 << 16):
                self._pass(way, len(piece))
                other.sendall(piece)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pass(self, way: int, count: int) -> None:
        with self._flows:
            self._room[way] -= count
            while self._room[way] < 0:
                self.held.set()
                self._flows.wait()

    def hold(self, *, to_agent: int = 1 << 62, from_agent: int = 1 << 62) -> None:
        """Holds everything back in a direction after so many bytes more."""
        with self._flows:
            self.held.clear()
            self._room = [to_agent, from_agent]

    def release(self) -> None:
        """Lets everything pass again, first what was held back."""
        with self._flows:
            self._room = [1 << 62, 1 << 62]
            self._flows.notify_all()

    def cut(self) -> None:
        """Ends every connection; none is made until the cable is mended."""
        self._listener.close()
        try:
            # A thread that waits for connections keeps a closed socket listening until one comes.
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            pass
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def mend(self) -> None:
        """Takes connections again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._serve()


@contextmanager
def cable_to(address: str) -> Iterator[Cable]:
    cable = Cable(address)
    try:
        yield cable
    finally:
        cable.release()
        cable.cut()
