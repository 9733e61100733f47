"""The TCP side: a port, one client at a time, signals.

A target is borrowed for each client through a TargetSource, so that a probe that was unplugged can be
opened anew for the next one while the port stays open.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable
from typing import Protocol

import trio

from ..probes.errors import HaltpointError, UserError
from .answers import ALIVE, KEEP_ALIVE
from .line import Line, SessionOver
from .refusal import refuse
from .session import Session
from .target import Target

__all__ = ["TargetSource", "bind", "serve"]

log = logging.getLogger(__name__)

BUSY = (
    "Haltpoint serves one GDB at a time and another one is connected. Detach or close that one first"
    " (if it hangs, restart Haltpoint)."
)

FAREWELL = 0.5
"""Seconds for which a client waits for the one before it to be gone: a user who disconnects and connects again,
or an IDE that restarts, comes back while the target is still being let go."""


class TargetSource(Protocol):
    """Where a session gets its target from."""

    async def acquire(self) -> Target:
        """A target under control; raises HaltpointError with a sentence for the client."""
        ...

    async def forget(self) -> None:
        """The probe was lost: close it, and open it anew at the next ``acquire``. Never raises HaltpointError."""
        ...


def bind(host: str, port: int) -> trio.SocketListener:
    """Listen on ``host``:``port`` (0: any free port); raises UserError with what to do."""
    attempt = f"Listening on {host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        plain = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(
            attempt, f"{error.strerror or error}", "Name an address of this machine with --host."
        ) from error
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.bind(address)
        plain.listen()
    except OSError as error:
        plain.close()
        if error.errno == errno.EADDRINUSE:
            advice = "Close the other server, or choose another port with --port."
            raise UserError(attempt, "another program uses that port", advice) from error
        if error.errno == errno.EACCES:
            raise UserError(attempt, "ports below 1024 need privileges", "Choose another one with --port.") from error
        raise UserError(attempt, f"{error.strerror}", "Name an address of this machine with --host.") from error
    return trio.SocketListener(trio.socket.from_stdlib_socket(plain))


class Desk:
    """Takes clients in, one at a time."""

    def __init__(self, source: TargetSource) -> None:
        self._source = source
        self._place = trio.Lock()
        self._session: Session | None = None

    async def receive(self, stream: trio.SocketStream) -> None:
        """One connection, from accept to close. Runs as a task of its own."""
        try:
            # Packets are small and each waits for its answer: Nagle's algorithm would add 40 ms to them.
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A client whose machine is gone must not hold the target for ever.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            host, port, *_ = stream.socket.getpeername()
        except OSError:
            log.info("A client left before it was received.")
            return
        try:
            async with trio.open_nursery() as nursery:
                line = Line(stream)
                nursery.start_soon(line.receive)
                nursery.start_soon(_tell_of_life, line, waiting := trio.CancelScope())
                await self._admit(line, f"{host} port {port}", waiting)
                nursery.cancel_scope.cancel()
        except Exception:
            log.exception("The session ended by a defect in Haltpoint; please report it. The server goes on.")

    async def _admit(self, line: Line, who: str, waiting: trio.CancelScope) -> None:
        """``waiting`` is cancelled once the client's wait is over."""
        if not await self._take_place():
            waiting.cancel()
            log.warning("A second client (%s) was refused: one is connected already.", who)
            await refuse(line, BUSY)
            return
        try:
            log.info("GDB connected from %s", who)
            await self._serve(line, waiting)
            log.info("GDB from %s is gone", who)
        finally:
            self._session = None
            self._place.release()

    async def _take_place(self) -> bool:
        """Wait for the client before to be gone, as long as its target is being let go; False while it stays."""
        while True:
            with trio.move_on_after(FAREWELL):
                await self._place.acquire()
                return True
            if self._session is None or not self._session.leaving:
                return False

    async def _serve(self, line: Line, waiting: trio.CancelScope) -> None:
        try:
            target = await self._source.acquire()
        except HaltpointError as error:
            waiting.cancel()
            log.error("%s", error)  # noqa: TRY400 - a sentence for the user, not a defect
            await self._source.forget()
            await refuse(line, str(error))
            return
        waiting.cancel()
        self._session = session = Session(line, target)
        await session.run()
        if session.probe_lost:
            await self._source.forget()


async def _tell_of_life(line: Line, until: trio.CancelScope) -> None:
    """Have a client wait for the answer to what it asked: it has been acknowledged, and is told every second."""
    with until, contextlib.suppress(SessionOver):
        while True:
            await trio.sleep(KEEP_ALIVE)
            if line.asked:
                await line.notify(ALIVE)


async def serve(listener: trio.SocketListener, source: TargetSource, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; ``ready`` is called with the port when clients may come."""
    desk = Desk(source)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, desk.receive, [listener])
            ready(listener.socket.getsockname()[1])
            async for number in signals:
                log.info("%s: letting the target go", signal.Signals(number).name)
                break
            nursery.cancel_scope.cancel()
