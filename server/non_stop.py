"""Non-stop mode: a resume is answered at once, stops come as notifications, everything else works meanwhile.

GDB manual, nodes Remote Non-Stop and Notification Packets. One stop notification is outstanding at a time:
the client takes it by ``vStopped``, whose answer is the next stop or OK. The protocol has no console output
and no file requests here outside qRcmd; sentences wait for the next monitor command.

A stop is never told of a thread that the client takes for stopped (because a monitor command has moved
the core, say): GDB 13 shows the new registers then, but ends with an internal error when it has resumed
the thread meanwhile (``commit_resumed: Assertion `stop_reply->ptid != tp->ptid' failed``).
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from .answers import Answers
from .client import Client
from .line import Line
from .packets import session_control
from .packets.base import Packet
from .protocol import Interrupt
from .replies import OK, Data, Failure, ReportStop, Running
from .run_control import Happening, RunControl, State
from .stop_replies import SIGINT, SIGNAL_0, SIGTRAP, unreadable_stop_reply
from .watch import Watch

__all__ = ["NonStop"]

STOP_IS_THE_ANSWER = (session_control.Run,)
"""Packets whose own answer is a stop reply in this mode too (manual, node Packets)."""


class NonStop(RunControl):
    """What QNonStop:1 begins."""

    table: ClassVar = {
        (State.STANDS, Happening.BREAK): "nothing",
        (State.STANDS, Happening.CTRL_C): "acknowledge",
        (State.STANDS, Happening.HALT): "acknowledge",
        (State.STANDS, Happening.QUESTION): "list_stops",
        (State.STANDS, Happening.NEXT): "next_stop",
        (State.STANDS, Happening.END): "end",
        (State.RUNS, Happening.BREAK): "interrupt",
        (State.RUNS, Happening.CTRL_C): "acknowledge_and_interrupt",
        (State.RUNS, Happening.HALT): "halt",
        (State.RUNS, Happening.QUESTION): "list_stops",
        (State.RUNS, Happening.NEXT): "next_stop",
        (State.RUNS, Happening.RESUME): "acknowledge",
        (State.RUNS, Happening.END): "end",
    }

    def __init__(self, line: Line, client: Client, answers: Answers, watch: Watch) -> None:
        super().__init__(line, client, answers, watch)
        # The first of these has been sent and not been taken yet.
        self._stops: deque[bytes] = deque()

    async def answer(self, packet: Packet) -> None:
        """Carry it out; a resume is answered before its stop, whenever that comes."""
        reply = await self.answers.reply_to(packet)
        if isinstance(reply, Running):
            await self._begin(packet)
        elif isinstance(reply, ReportStop):
            if isinstance(packet, STOP_IS_THE_ANSWER):
                await self.line.send(await self.describe(reply.stop, SIGTRAP))
                return
            await self._begin(packet)
            await self.stopped(reply.stop, signal=SIGTRAP)
        elif reply is not None:
            await self.answers.write(reply, packet)

    async def _begin(self, packet: Packet) -> None:
        self.client.running = True
        self.note_resume(packet)
        self.watch.begin()
        await self.line.send(b"OK")

    async def nothing(self, _packet: None) -> None:
        """0x03 is not of this mode, and the target stands."""

    async def acknowledge(self, _packet: Packet) -> None:
        """It is so already."""
        await self.line.send(b"OK")

    async def acknowledge_and_interrupt(self, _packet: Packet) -> None:
        """``vCtrlC``."""
        await self.line.send(b"OK")
        await self.interrupt(None)

    async def interrupt(self, _packet: None, signal: int = SIGINT) -> None:
        """Stop the target and tell the client so."""
        stop = await self.watch.halt()
        if stop is None:
            await self.report(unreadable_stop_reply())
        else:
            await self.stopped(stop, signal=signal, asked=True)

    async def halt(self, packet: Packet) -> None:
        """``vCont;t``: reported with signal 0. A client that attaches sends it of its own accord."""
        reply = await self.answers.reply_to(packet)
        if isinstance(reply, ReportStop):
            await self.line.send(b"OK")
            await self.stopped(reply.stop, signal=SIGNAL_0, asked=True)
        elif reply is not None and not isinstance(reply, Running):
            await self.answers.write(reply, packet)

    async def end(self, packet: Packet) -> None:
        """Detach, kill and their like: stops of before are of no interest any more."""
        self.client.running = False
        self._stops.clear()
        await self.answer(packet)

    # Stops

    async def lost(self, sentence: str) -> None:
        """No text can be sent in this mode; a stop makes the client ask for registers, which gets an error."""
        await self.report(unreadable_stop_reply())
        while True:
            event = await self.line.next_event()
            packet = None if isinstance(event, Interrupt) else await self.answers.read(event)
            if isinstance(packet, session_control.NextStop):
                await self.next_stop(packet)
            elif packet is not None:
                await self.answers.fail(Failure(sentence), packet)

    async def list_stops(self, _packet: Packet) -> None:
        """``?``: begin anew with telling who stands; OK when the core runs."""
        self._stops.clear()
        stop = await self.watch.look()
        if stop is None:
            self.client.running = True
            self.watch.begin()
            await self.line.send(b"OK")
            return
        self.client.running = False
        payload = await self.describe(stop, SIGTRAP)
        self._stops.append(payload)
        await self.line.send(payload)

    async def next_stop(self, packet: Packet) -> None:
        """``vStopped``."""
        if self._stops:
            self._stops.popleft()
        await self.answers.write(Data(self._stops[0]) if self._stops else OK, packet)

    async def report(self, payload: bytes) -> None:
        """A notification, or a place behind the one that has not been taken yet."""
        self.client.running = False
        self._stops.append(payload)
        if len(self._stops) == 1:
            await self.line.notify(b"Stop:" + payload)
