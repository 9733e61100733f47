"""Answers to packets, one at a time, each under its packet's deadline.

GDB counts answers and never looks at what they answer: one that comes late, twice or not at all puts it out
of step for good. So every request gets exactly one reply here, whatever goes wrong; when the target needs
longer than the packet's deadline, that reply is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from ..probes.errors import HaltpointError
from .client import Client
from .handlers import HANDLERS
from .line import Line, SessionOver
from .packets import flash, memory, queries, registers, session_control
from .packets.base import Packet
from .packets.resume import is_resume
from .packets.table import Invalid, Unknown, parse
from .protocol import Defect, Malformed, Request
from .replies import Data, Failure, Reply, ReportStop, Running, Silence

__all__ = ["Answers", "Written"]

log = logging.getLogger(__name__)

Written: TypeAlias = Data | Failure | Silence
"""Replies that mean the same in all-stop and non-stop mode."""

TEXT_NOT_SHOWN = (flash.FlashErase, flash.FlashWrite, flash.FlashDone, registers.WriteRegister, memory.WriteMemory)
"""Requests whose error text no GDB shows, not even one that has announced error-message."""

KEEP_ALIVE = 1.0
"""Seconds between two signs of life; GDB asks again after two."""

ALIVE = b"Alive:"
"""A notification that no client knows: GDB ignores it and begins to wait anew (manual, node Notification Packets)."""

DEFECTS = {
    Defect.CHECKSUM: "A packet with a wrong checksum came in no-acknowledgment mode; it was not carried out.",
    Defect.OVERSIZE: "A packet longer than PacketSize came; it was not carried out.",
    Defect.ESCAPE: "A packet came that ends in the middle of an escape sequence; it was not carried out.",
}


class Answers:
    """What becomes of one client's packets."""

    def __init__(self, line: Line, client: Client) -> None:
        self._line = line
        self._client = client

    async def read(self, event: Request | Malformed) -> Packet | None:
        """The packet that came; None when it cannot be one, and then it is answered already."""
        if isinstance(event, Malformed):
            await self.fail(Failure(DEFECTS[event.defect]), None)
            return None
        log.debug("< %s", event.data[:200])
        packet = parse(event.data, self._client.target.capabilities)
        if isinstance(packet, Unknown):
            await self._line.send(b"")
            return None
        if isinstance(packet, Invalid):
            name = packet.name.decode("ascii", "replace")
            await self.fail(Failure(f"The packet {name!r} could not be read: {packet.why}."), None)
            return None
        return packet

    async def reply_to(self, packet: Packet) -> Reply | None:
        """The handler's reply, yet to be written, or None when the deadline passed and the client has its error.

        Work that cannot be cancelled at once (a USB transfer in its thread) ends before the next packet
        is looked at; only its answer does not wait.
        """
        before = self._client.console_open
        self._client.console_open = before or self._opens_console(packet)
        try:
            reply = await self._in_time(packet)
        finally:
            self._client.console_open = before
        for notice in self._client.target.take_notices():
            log.info("%s", notice)
            self._client.say_later(notice)
        return reply

    def _opens_console(self, packet: Packet) -> bool:
        return isinstance(packet, queries.MonitorCommand) or (is_resume(packet) and not self._client.non_stop)

    async def _in_time(self, packet: Packet) -> Reply | None:
        replies: list[Reply] = []
        finished = trio.Event()

        async def work() -> None:
            replies.append(await self._guarded(lambda: HANDLERS[type(packet)](self._client, packet)))
            finished.set()

        client_left: SessionOver | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            client_left = await self._await(finished, packet)
            in_time = finished.is_set()
            if not in_time and client_left is None:
                what = type(packet).__name__
                late = f"{what} was given up: the target did not finish it within {packet.deadline:g} s."
                try:
                    await self.fail(Failure(late), packet)
                except SessionOver as over:
                    client_left = over  # raised below: a nursery would wrap it
            nursery.cancel_scope.cancel()
        if client_left is not None:
            raise client_left
        return replies[0] if in_time else None

    async def _await(self, finished: trio.Event, packet: Packet) -> SessionOver | None:
        """Wait for the end of the work or the deadline; a client that would lose patience hears a sign of life.

        Whatever flash has to be rewritten for, a breakpoint there for instance, takes as long as it takes.
        """
        deadline = trio.current_time() + packet.deadline
        while trio.current_time() < deadline:
            with trio.move_on_at(min(deadline, trio.current_time() + KEEP_ALIVE)):
                await finished.wait()
                return None
            rewriting = self._client.target.rewriting
            if rewriting:
                deadline = trio.current_time() + packet.deadline
            try:
                if packet.keep_alive or rewriting:
                    await self._line.notify(ALIVE)
            except SessionOver as over:
                return over
        return None

    async def _guarded(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        """What ``call`` returns; errors become replies, because no packet may stay without an answer."""
        try:
            return await call()
        except HaltpointError as error:
            self._client.take_note(error)
            return Failure(str(error))
        except SessionOver:
            return Failure("The client left while its packet was carried out.")
        except Exception:
            log.exception("A packet could not be carried out because of a defect in Haltpoint; please report it")
            return Failure("A defect in Haltpoint kept this packet from being carried out; its log has the details.")

    async def write(self, reply: Written, packet: Packet) -> None:
        """Turn a reply into a packet."""
        if isinstance(reply, Data):
            await self._line.send(reply.payload)
        elif isinstance(reply, Failure):
            await self.fail(reply, packet)
        else:
            log.debug("= no reply to %s", type(packet).__name__)
        if self._client.start_no_ack:
            self._line.start_no_ack_mode()
        if isinstance(packet, session_control.Kill) and not self._client.extended:
            raise SessionOver("the client killed the target")

    async def answer(self, packet: Packet) -> None:
        """Carry out and answer a packet that does not move the target; one that would is refused."""
        reply = await self.reply_to(packet)
        if isinstance(reply, (ReportStop, Running)):
            reply = Failure(f"{type(packet).__name__} cannot be carried out while the client is asked for a file.")
        if reply is not None:
            await self.write(reply, packet)

    async def fail(self, failure: Failure, packet: Packet | None) -> None:
        """An error reply; its sentence goes to the log and, where the protocol lets it, to the console."""
        log.log(logging.DEBUG if failure.quiet else logging.WARNING, "%s", failure.text)
        client = self._client
        texts = "error-message+" in client.features
        if isinstance(packet, queries.MonitorCommand):
            await self._line.say(failure.text + "\n")
        elif not failure.quiet:
            if not texts or isinstance(packet, TEXT_NOT_SHOWN):
                client.say_later(failure.text)
            if is_resume(packet) and not client.non_stop:
                await client.say_what_waits()
        if texts and not isinstance(packet, queries.MonitorCommand):
            await self._line.send(b"E." + failure.text.encode("ascii", "replace"))
        else:
            # GDB 13 recognises an error of qRcmd only with two decimal digits.
            await self._line.send(b"E01")
        if client.probe_lost:
            raise SessionOver(failure.text)
