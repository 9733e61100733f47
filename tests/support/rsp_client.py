"""A client that speaks the remote protocol over any stream, for tests of the session."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from haltpoint.server.session import Session
from support.fake_target import FakeBoard

PATIENCE = 2000.0  # virtual seconds; who waits longer hangs


class RspClient:
    """Sends framed packets, gives back decoded replies; acknowledges while ``acks``."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""
        self.acks = True
        self.console = ""
        self.notifications: list[bytes] = []

    async def raw(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def send(self, data: bytes) -> None:
        await self.raw(b"$%b#%02x" % (data, sum(data) % 256))

    async def ask(self, data: bytes) -> bytes:
        """Send a packet; the reply to it. Console text before it is gathered in ``console``."""
        await self.send(data)
        return await self.reply()

    async def reply(self) -> bytes:
        while True:
            reply = await self.packet()
            if reply[:1] != b"O" or reply == b"OK":
                return reply
            self.console += bytes.fromhex(reply[1:].decode()).decode()

    async def packet(self) -> bytes:
        """The next packet, run lengths expanded; EOFError at the end of the stream."""
        with trio.fail_after(PATIENCE):
            while True:
                self._take_notifications()
                start = self.buffer.find(b"$")
                end = self.buffer.find(b"#", start)
                if start >= 0 and end >= 0 and len(self.buffer) >= end + 3:
                    break
                await self._more()
        body, checksum = self.buffer[start + 1 : end], self.buffer[end + 1 : end + 3]
        assert int(checksum, 16) == sum(body) % 256
        self.buffer = self.buffer[end + 3 :]
        if self.acks:
            # A server that has said its last word may be gone before it is acknowledged.
            with contextlib.suppress(trio.BrokenResourceError):
                await self.raw(b"+")
        return expand(body)

    def _take_notifications(self) -> None:
        """They stand between packets; a ``%`` inside one is data."""
        while found := re.match(rb"([^$%]*)%([^#]*)#..", self.buffer, re.DOTALL):
            self.notifications.append(expand(found[2]))
            self.buffer = found[1] + self.buffer[found.end() :]

    async def notification(self) -> bytes:
        """The next one, without its ``%``."""
        with trio.fail_after(PATIENCE):
            while True:
                self._take_notifications()
                if self.notifications:
                    return self.notifications.pop(0)
                await self._more()

    async def _more(self) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise EOFError
        self.buffer += data

    async def wait_closed(self) -> None:
        """Until the server closes the connection."""
        with trio.fail_after(PATIENCE):
            try:
                while True:
                    await self._more()
            except (EOFError, trio.BrokenResourceError):
                return

    async def go_no_ack(self) -> None:
        assert await self.ask(b"QStartNoAckMode") == b"OK"
        self.acks = False


def expand(body: bytes) -> bytes:
    """Runs expanded; escapes are left, as the replies tested here have none."""
    out = bytearray()
    stream = iter(body)
    for byte in stream:
        if byte == ord("*"):
            out += out[-1:] * (next(stream) - 29)
        else:
            out.append(byte)
    return bytes(out)


@asynccontextmanager
async def session(board: FakeBoard) -> AsyncIterator[RspClient]:
    """A client in a session with ``board``; its connection is closed at the end and the session waited for."""
    ours, theirs = trio.testing.memory_stream_pair()
    await board.target.attach()
    board.core.calls.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Session(theirs, board.target).run)
        async with ours:
            yield RspClient(ours)
        with trio.fail_after(PATIENCE):
            await board.core.wait_called("detach")
