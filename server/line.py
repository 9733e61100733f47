"""A client's stream with the codec around it: the one place that reads and writes bytes."""

from __future__ import annotations

import logging

import trio

from .protocol import Event, Protocol

__all__ = ["Line", "SessionOver"]

log = logging.getLogger(__name__)

RECEIVE_SIZE = 65536


class SessionOver(Exception):  # noqa: N818 - not an error: the way out of nested waiting
    """The client is gone, or there is nothing left to serve it with."""


class Line:
    """Events in, packets out, over any stream. Sending raises SessionOver when the client takes no more."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._protocol = Protocol()
        self._sending = trio.Lock()
        self._forward, self._events = trio.open_memory_channel[Event](0)

    async def receive(self) -> None:
        """Feed the codec until the client leaves; to be run as a task of its own.

        Acknowledgments leave at once, whatever the session is busy with. Events wait here until it asks
        for them, and no more is read meanwhile: a client that floods the line fills its own buffers.
        """
        async with self._forward:
            while not self._protocol.closed:
                try:
                    data = await self._stream.receive_some(RECEIVE_SIZE)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    data = b""
                if data:
                    self._protocol.receive_data(bytes(data))
                else:
                    self._protocol.receive_eof()
                try:
                    await self._flush()
                    for event in self._protocol.events_received():
                        await self._forward.send(event)
                except (SessionOver, trio.BrokenResourceError):
                    return

    @property
    def asked(self) -> bool:
        """Whether the client has said something that nobody has heard yet."""
        return self._forward.statistics().tasks_waiting_send > 0

    async def next_event(self) -> Event:
        """What the client said next; raises SessionOver when it has left."""
        try:
            return await self._events.receive()
        except trio.EndOfChannel:
            raise SessionOver("the client closed the connection") from None

    async def event_before(self, deadline: float) -> Event | None:
        """The same, or None when the client says nothing until ``deadline``, on trio's clock.

        What it has said already is heard even when the deadline has passed.
        """
        try:
            return self._events.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            with trio.move_on_at(deadline):
                return await self.next_event()
            return None

    async def send(self, payload: bytes) -> None:
        """Send a packet."""
        log.debug("> %s", payload[:200])
        self._protocol.send_packet(payload)
        await self._flush()

    async def notify(self, payload: bytes) -> None:
        """Send a notification (``Stop:...``), which nobody acknowledges."""
        log.debug("> %%%s", payload[:200])
        self._protocol.send_notification(payload)
        await self._flush()

    async def say(self, text: str) -> None:
        """Send text to the client's console; the caller knows that this is legal now."""
        log.debug("> console: %s", text)
        self._protocol.send_console(text)
        await self._flush()

    def start_no_ack_mode(self) -> None:
        """From here on neither side acknowledges."""
        if not self._protocol.no_ack:
            self._protocol.start_no_ack_mode()

    async def close(self) -> None:
        """Close the stream without ceremony."""
        await trio.aclose_forcefully(self._stream)

    async def _flush(self) -> None:
        # Both tasks send; a stream takes one sender at a time.
        async with self._sending:
            data = self._protocol.data_to_send()
            if not data:
                return
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise SessionOver("the client does not take answers any more") from None
