"""All-stop mode: a resume is answered by the stop reply, and until that comes the answer is owed."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import ClassVar

import trio

from ..probes.errors import UserError
from .packets.base import Packet
from .packets.file_io import FileReply
from .packets.resume import is_resume
from .protocol import Interrupt
from .replies import ReportStop, Running
from .run_control import Happening, RunControl, State, happening
from .stop_replies import SIGINT, SIGTRAP, unreadable_stop_reply

__all__ = ["AllStop"]

log = logging.getLogger(__name__)

INTERRUPT_MEMORY = 0.5
"""Seconds for which a Ctrl-C that crossed a stop reply on its way holds for the next resume: GDB, stepping
through a line, resumes at once; a user who saw the stop takes longer and wants his resume to resume."""


class AllStop(RunControl):
    """The mode every session begins in."""

    table: ClassVar = {
        (State.STANDS, Happening.BREAK): "remember_break",
        (State.STANDS, Happening.CTRL_C): "acknowledge",
        (State.RUNS, Happening.BREAK): "interrupt",
        (State.RUNS, Happening.CTRL_C): "acknowledge_and_interrupt",
        # A client that asks takes the target for stopped, so it is stopped.
        (State.RUNS, Happening.QUESTION): "interrupt",
        (State.RUNS, Happening.HALT): "interrupt",
        (State.RUNS, Happening.RESUME): "ignore",
        (State.RUNS, Happening.END): "end",
    }

    _break_at = -math.inf

    async def answer(self, packet: Packet) -> None:
        """Carry it out; a resume makes the target run, or has its stop already."""
        reply = await self.answers.reply_to(packet)
        resumed = is_resume(packet)
        if resumed and isinstance(reply, (Running, ReportStop)):
            self._begin(packet)
        if isinstance(reply, ReportStop):
            signal = SIGINT if reply.interrupted else SIGTRAP
            if resumed:
                await self.stopped(reply.stop, signal=signal, asked=reply.interrupted)
            else:
                await self.line.send(await self.describe(reply.stop, signal))
        elif isinstance(reply, Running):
            if trio.current_time() - self._break_at < INTERRUPT_MEMORY:
                await self.interrupt(None)
        elif reply is not None:
            await self.answers.write(reply, packet)

    def _begin(self, packet: Packet) -> None:
        self.client.running = True
        self.client.console_open = True
        self.note_resume(packet)
        self.watch.begin()

    def _end(self) -> None:
        self.client.running = False
        self.client.console_open = False

    async def remember_break(self, _packet: None) -> None:
        """The target stands. GDB sends 0x03 only while it believes otherwise: it crossed a stop reply."""
        self._break_at = trio.current_time()

    async def acknowledge(self, _packet: Packet | None) -> None:
        """Nothing is to be stopped."""
        await self.line.send(b"OK")

    async def acknowledge_and_interrupt(self, _packet: Packet) -> None:
        """A client that uses vCtrlC in this mode gets its answer and its stop."""
        await self.line.send(b"OK")
        await self.interrupt(None)

    async def ignore(self, _packet: Packet) -> None:
        """A client that grew impatient."""
        log.debug("= a resume came again while the target runs: the stop reply that is owed answers both")

    async def end(self, packet: Packet) -> None:
        """The client waits for a stop no more."""
        self._end()
        await self.answer(packet)

    async def interrupt(self, _packet: Packet | None) -> None:
        """Stop the target and give the client its prompt back, also when the target cannot be read."""
        self._break_at = -math.inf
        stop = await self.watch.halt()
        if stop is None:
            await self.report(unreadable_stop_reply())
        else:
            await self.stopped(stop, signal=SIGINT, asked=True)

    async def report(self, payload: bytes) -> None:
        """The stop reply, and above it what there is to say."""
        await self.client.say_what_waits()
        self._end()
        await self.line.send(payload)

    # File-I/O

    async def exchange(self, request: bytes) -> FileReply:
        """See ``Client.file_io``: the request takes the place of the stop reply, and the answer that of a resume."""
        if self.state is not State.RUNS:
            raise UserError("A file request to GDB", "no program is running", "Continue it first.")
        await self.client.say_what_waits()
        self.client.console_open = False
        await self.line.send(request)
        reply = await self._file_reply()
        self.client.console_open = True
        return reply

    async def _file_reply(self) -> FileReply:
        pressed = False
        while True:
            event = await self.line.next_event()
            if isinstance(event, Interrupt):
                pressed = True
                continue
            packet = await self.answers.read(event)
            if isinstance(packet, FileReply):
                return replace(packet, ctrl_c=packet.ctrl_c or pressed)
            if packet is not None:
                await self._answer_meanwhile(packet)

    async def _answer_meanwhile(self, packet: Packet) -> None:
        if self.table.get((State.RUNS, happening(packet))) != "end":
            await self.answers.answer(packet)
            return
        self._end()
        await self.answer(packet)
        raise UserError("A file request to GDB", "the client left the program", "Nothing is to be done.")
