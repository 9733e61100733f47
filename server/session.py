"""One client from connect to goodbye: packets in, handlers asked, replies and stops out.

Two tasks. One receives (see ``line``). The other answers what came in order, one packet at a time, each
under its packet's deadline, so that GDB is never left waiting longer than it counts answers. While the
target runs, the answer to a resume is owed: the second task then looks at the target, fast at first,
and at what the client sends in between.

Whatever ends the session, the target is let go: breakpoints out, catches cleared, running.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable

import trio

from ..arm.stop import Stop
from ..probes.errors import HaltpointError, LinkError, ProbeGoneError
from .client import Client
from .handlers import HANDLERS
from .line import Line, SessionOver
from .packets import flash, memory, queries, registers, resume, session_control
from .packets.base import Packet
from .packets.table import Invalid, Unknown, parse
from .protocol import Defect, Event, Interrupt, Malformed, Request
from .replies import Data, Failure, Reply, ReportStop, Running, Silence
from .stop_replies import stop_reply, unreadable_stop_reply
from .target import Target

__all__ = ["GOODBYE_DEADLINE", "Session"]

log = logging.getLogger(__name__)

POLL_FASTEST = 0.0002
POLL_SLOWEST = 0.005
POLL_IN_TROUBLE = 0.25
"""Seconds between two looks at a running target. A step over a line ends within the first few; a
program that runs on is looked at 200 times a second; one that cannot be read, four times."""

INTERRUPT_MEMORY = 0.5
"""Seconds for which a Ctrl-C that crossed a stop reply on its way holds for the next resume: GDB, stepping
through a line, resumes at once; a user who saw the stop takes longer and wants his resume to resume."""

TARGET_DEADLINE = 4.0
"""Seconds for one look at the target, or one halt of it, while a stop reply is owed."""

GOODBYE_DEADLINE = 5.0
"""Seconds to let the target go at the end."""

RESUMES = (resume.ContinueAt, resume.ContinueWithSignal, resume.StepAt, resume.StepWithSignal)

ENDS_RUNNING = (
    session_control.Attach,
    session_control.Detach,
    session_control.Kill,
    session_control.KillProcess,
    session_control.Restart,
    session_control.Run,
)
"""Packets after whose answer a client that was waiting for a stop waits no more."""

TEXT_NOT_SHOWN = (flash.FlashErase, flash.FlashWrite, flash.FlashDone, registers.WriteRegister, memory.WriteMemory)
"""Requests whose error text no GDB shows, not even one that has announced error-message."""

DEFECTS = {
    Defect.CHECKSUM: "A packet with a wrong checksum came in no-acknowledgment mode; it was not carried out.",
    Defect.OVERSIZE: "A packet longer than PacketSize came; it was not carried out.",
    Defect.ESCAPE: "A packet came that ends in the middle of an escape sequence; it was not carried out.",
}


class Session:
    """One client's session. ``run`` returns when it is over and never raises for what the client did.

    ``probe_lost`` tells afterwards that the probe has to be opened anew.
    """

    def __init__(self, stream: trio.abc.Stream, target: Target) -> None:
        self._line = Line(stream)
        self._target = target
        self._client = Client(target, self._line.say)
        self._interrupted_at = -math.inf
        self._trouble = ""
        self.probe_lost = False

    async def run(self) -> None:
        """Serve until the client leaves; the target is let go in any case, also when cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._line.receive)
                try:
                    await self._answer_all()
                except SessionOver as why:
                    log.debug("= session over: %s", why)
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE_DEADLINE):
                await self._let_go()
                await self._line.close()

    async def _let_go(self) -> None:
        if self.probe_lost:
            return
        try:
            await self._target.detach()
        except HaltpointError as error:
            log.error("Letting the target go at the end of the session: %s", error)  # noqa: TRY400 - a sentence

    # Answering

    async def _answer_all(self) -> None:
        while True:
            event = await self._line.next_event()
            if isinstance(event, Interrupt):
                # The target stands. GDB sends this only while it believes otherwise: it crossed a stop reply.
                self._interrupted_at = trio.current_time()
            elif await self._answer(event):
                await self._wait_for_stop()

    async def _answer(self, event: Request | Malformed) -> bool:
        """Answer one packet; True when the target now runs and the stop reply is owed."""
        if isinstance(event, Malformed):
            await self._fail(Failure(DEFECTS[event.defect]), None)
            return False
        log.debug("< %s", event.data[:200])
        packet = parse(event.data, self._target.capabilities)
        if isinstance(packet, Unknown):
            await self._line.send(b"")
        elif isinstance(packet, Invalid):
            name = packet.name.decode("ascii", "replace")
            await self._fail(Failure(f"The packet {name!r} could not be read: {packet.why}."), None)
        else:
            reply = await self._carry_out(packet)
            for notice in self._target.take_notices():
                log.info("%s", notice)
                self._client.say_later(notice)
            return reply is not None and await self._write(reply, packet)
        return False

    async def _carry_out(self, packet: Packet) -> Reply | None:
        """The handler's reply, or None when the deadline passed and the client has its error already.

        Work that cannot be cancelled at once (a USB transfer in its thread) ends before the next packet
        is looked at; only its answer does not wait.
        """
        replies: list[Reply] = []
        finished = trio.Event()

        async def work() -> None:
            replies.append(await self._guarded(lambda: HANDLERS[type(packet)](self._client, packet)))
            finished.set()

        client_left: SessionOver | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            with trio.move_on_after(packet.deadline):
                await finished.wait()
            in_time = finished.is_set()
            if not in_time:
                what = type(packet).__name__
                late = f"{what} was given up: the target did not finish it within {packet.deadline:g} s."
                try:
                    await self._fail(Failure(late), packet)
                except SessionOver as over:
                    client_left = over  # raised below: a nursery would wrap it
                nursery.cancel_scope.cancel()
        if client_left is not None:
            raise client_left
        return replies[0] if in_time else None

    async def _guarded(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        """What ``call`` returns; errors become replies, because no packet may stay without an answer."""
        try:
            return await call()
        except ProbeGoneError as error:
            self.probe_lost = True
            return Failure(str(error))
        except HaltpointError as error:
            self._target.link_in_doubt |= isinstance(error, LinkError)
            return Failure(str(error))
        except SessionOver:
            return Failure("The client left while its packet was carried out.")
        except Exception:
            log.exception("A packet could not be carried out because of a defect in Haltpoint; please report it")
            return Failure("A defect in Haltpoint kept this packet from being carried out; its log has the details.")

    async def _write(self, reply: Reply, packet: Packet) -> bool:
        """The one place that turns replies into packets; True when a stop reply is owed."""
        if isinstance(reply, Running):
            return True
        if isinstance(reply, Data):
            await self._line.send(reply.payload)
        elif isinstance(reply, ReportStop):
            await self._report(reply.stop, interrupted=reply.interrupted, say=_is_resume(packet))
        elif isinstance(reply, Failure):
            await self._fail(reply, packet)
        elif isinstance(reply, Silence):
            log.debug("= no reply to %s", type(packet).__name__)
        if self._client.start_no_ack:
            self._line.start_no_ack_mode()
        if isinstance(packet, session_control.Kill) and not self._client.extended:
            raise SessionOver("the client killed the target")
        return False

    async def _fail(self, failure: Failure, packet: Packet | None) -> None:
        """An error reply; its sentence goes to the log and, where the protocol lets it, to the console."""
        log.log(logging.DEBUG if failure.quiet else logging.WARNING, "%s", failure.text)
        texts = "error-message+" in self._client.features
        if isinstance(packet, queries.MonitorCommand):
            await self._line.say(failure.text + "\n")
        elif not failure.quiet:
            if not texts or isinstance(packet, TEXT_NOT_SHOWN):
                self._client.say_later(failure.text)
            if _is_resume(packet):
                await self._client.say_what_waits()
        if texts and not isinstance(packet, queries.MonitorCommand):
            await self._line.send(b"E." + failure.text.encode("ascii", "replace"))
        else:
            # GDB 13 recognises an error of qRcmd only with two decimal digits.
            await self._line.send(b"E01")
        if self.probe_lost:
            raise SessionOver(failure.text)

    async def _report(self, stop: Stop, *, interrupted: bool, say: bool) -> None:
        """A stop reply, and above it what there is to say; ``say`` when the console may be written to."""
        explanation = await self._target.explain(stop)
        if explanation:
            log.info("%s", explanation)
        if say:
            if explanation:
                self._client.say_later(explanation)
            await self._client.say_what_waits()
        await self._line.send(await stop_reply(self._target, stop, self._client.features, interrupted=interrupted))

    # Running

    async def _wait_for_stop(self) -> None:
        """Look at the running target and at the client by turns until the stop reply has been sent."""
        if trio.current_time() - self._interrupted_at < INTERRUPT_MEMORY:
            self._interrupted_at = -math.inf
            await self._interrupt()
            return
        pause = POLL_FASTEST
        while True:
            stop, trouble = await self._look(self._target.poll)
            if stop is not None:
                await self._report_safely(stop, interrupted=False)
                return
            event = None
            with trio.move_on_after(POLL_IN_TROUBLE if trouble else pause):
                event = await self._line.next_event()
            pause = min(2 * pause, POLL_SLOWEST)
            if event is not None and await self._answer_while_running(event):
                return

    async def _answer_while_running(self, event: Event) -> bool:
        """What a client may send while a stop reply is owed; True when none is owed any more."""
        packet = parse(event.data, self._target.capabilities) if isinstance(event, Request) else None
        if isinstance(event, Interrupt) or isinstance(packet, session_control.HaltReason):
            await self._interrupt()
            return True
        if _is_resume(packet):
            if isinstance(packet, resume.Resume) and packet.action is resume.Action.STOP:
                await self._interrupt()
                return True
            log.debug("= a resume came again while the target runs: the stop reply that is owed answers both")
            return False
        await self._answer(event)
        # A monitor command that stopped the target is reported at the next look.
        return isinstance(packet, ENDS_RUNNING)

    async def _interrupt(self) -> None:
        stop, _ = await self._look(self._target.halt)
        if stop is None:
            await self._client.say_what_waits()
            await self._line.send(unreadable_stop_reply())
        else:
            await self._report_safely(stop, interrupted=True)

    async def _look(self, look: Callable[[], Awaitable[Stop | None]]) -> tuple[Stop | None, bool]:
        """(stop, False), or (None, True) when the target could not be read: said once, and tried again."""
        try:
            with trio.fail_after(TARGET_DEADLINE):
                return await look(), False
        except trio.TooSlowError:
            await self._say_trouble(f"The target did not answer within {TARGET_DEADLINE:g} s.")
        except ProbeGoneError as error:
            self.probe_lost = True
            await self._say_trouble(str(error))
            raise SessionOver(str(error)) from None
        except HaltpointError as error:
            self._target.link_in_doubt |= isinstance(error, LinkError)
            await self._say_trouble(str(error))
        return None, True

    async def _say_trouble(self, sentence: str) -> None:
        if sentence != self._trouble:
            log.warning("%s", sentence)
            await self._line.say(sentence + "\n")
        self._trouble = sentence

    async def _report_safely(self, stop: Stop, *, interrupted: bool) -> None:
        """A stop reply is owed: when the snapshot cannot be completed, one without registers is sent."""
        self._trouble = ""
        try:
            await self._report(stop, interrupted=interrupted, say=True)
        except HaltpointError as error:
            self._client.say_later(str(error))
            await self._client.say_what_waits()
            await self._line.send(unreadable_stop_reply())


def _is_resume(packet: object) -> bool:
    return isinstance(packet, (resume.Resume, *RESUMES))
