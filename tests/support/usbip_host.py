"""``haltpoint sim`` inside the test's process, in a thread: programs connect to it, the test holds its boards."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.serve import Served, ServeOptions, listen, put_on_bus, serve, statistics
from haltpoint.sim.usbip_server import Server

T = TypeVar("T")

START = 30.0  # seconds a thread may take to open its boards' port


@dataclass
class Host:
    """A running server. Touch its boards through :meth:`call` only: they live in its thread."""

    served: Sequence[Served]
    server: Server
    token: trio.lowlevel.TrioToken
    port: int
    lines: list[str] = field(default_factory=list)  # the trace

    @property
    def address(self) -> str:
        """For USBIP_SERVER."""
        return f"127.0.0.1:{self.port}"

    @property
    def board(self) -> Board:
        """The first board."""
        return self.served[0].board

    def call(self, work: Callable[[], T]) -> T:
        """Run ``work`` between two transfers."""
        return trio.from_thread.run_sync(work, trio_token=self.token)

    def statistics(self) -> dict[str, Any]:
        """What --stats would write."""
        return self.call(lambda: statistics(self.server, self.served))


@contextmanager
def hosting(*selectors: str, pace: bool = False, pause: float = 1.0) -> Iterator[Host]:
    """Serve boards on a free port of the loopback interface until the block ends."""
    options = ServeOptions(boards=selectors, port=0, pace=pace, pause=pause)
    started: queue.Queue[Host | BaseException] = queue.Queue()
    scopes: list[trio.CancelScope] = []

    async def run() -> None:
        lines: list[str] = []
        served = put_on_bus([open_board(selector) for selector in selectors], options, lines.append)
        server = Server([one.export for one in served])
        listener = listen(options)
        async with trio.open_nursery() as nursery:
            scopes.append(nursery.cancel_scope)
            await nursery.start(serve, server, listener)
            port = listener.socket.getsockname()[1]
            started.put(Host(served, server, trio.lowlevel.current_trio_token(), port, lines))

    def body() -> None:
        try:
            trio.run(run)
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            started.put(error)

    thread = threading.Thread(target=body, name="usbip host")
    thread.start()
    host = started.get(timeout=START)
    if isinstance(host, BaseException):
        thread.join()
        raise host
    try:
        yield host
    finally:
        host.call(scopes[0].cancel)
        thread.join()
    if not started.empty():
        failure = started.get()
        assert isinstance(failure, BaseException)
        raise failure
