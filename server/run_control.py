"""What all-stop and non-stop mode have in common: what can happen, and what becomes of a stop.

Each mode is a table from (who stands where, what happened) to what is done about it; see ``all_stop`` and
``non_stop``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import ClassVar

from ..arm.stop import Stop, StopReason
from ..probes.errors import HaltpointError
from .answers import Answers
from .client import Client
from .intercept import Exited, Outcome, intercepted
from .line import Line, SessionOver
from .packets import resume, session_control
from .packets.base import Packet
from .packets.resume import is_resume
from .protocol import Event, Interrupt
from .stop_replies import SIGINT, SIGTRAP, exit_reply, stop_reply, unreadable_stop_reply
from .watch import Watch

__all__ = ["Happening", "RunControl", "State", "happening"]

log = logging.getLogger(__name__)


class State(Enum):
    """What the client believes."""

    STANDS = "the target stands, and the client knows"
    RUNS = "the target runs, and the client is to hear when it stops"


class Happening(Enum):
    """What a client may do, as far as the modes differ in what is made of it."""

    BREAK = auto()
    """The byte 0x03."""
    CTRL_C = auto()
    """``vCtrlC``."""
    QUESTION = auto()
    """``?``."""
    RESUME = auto()
    HALT = auto()
    """``vCont;t``."""
    NEXT = auto()
    """``vStopped``."""
    END = auto()
    """A packet after whose answer no stop of the old run is to be reported any more."""
    OTHER = auto()


_ENDS = (
    session_control.Attach,
    session_control.Detach,
    session_control.Kill,
    session_control.KillProcess,
    session_control.Restart,
    session_control.Run,
)
_SPECIAL: dict[type[Packet], Happening] = {
    session_control.CtrlC: Happening.CTRL_C,
    session_control.HaltReason: Happening.QUESTION,
    session_control.NextStop: Happening.NEXT,
    **dict.fromkeys(_ENDS, Happening.END),
}


def happening(packet: Packet) -> Happening:
    """What a packet amounts to."""
    if isinstance(packet, resume.Resume) and packet.action is resume.Action.STOP:
        return Happening.HALT
    return Happening.RESUME if is_resume(packet) else _SPECIAL.get(type(packet), Happening.OTHER)


class RunControl(ABC):
    """One client's mode. The session looks at the target while ``state`` is RUNS."""

    table: ClassVar[dict[tuple[State, Happening], str]]
    """Names of methods of the class, each taking the packet (None for BREAK); what is not in it is answered."""

    def __init__(self, line: Line, client: Client, answers: Answers, watch: Watch) -> None:
        self.line = line
        self.client = client
        self.answers = answers
        self.watch = watch
        self._again: Callable[[], Awaitable[None]] = client.target.resume

    @property
    def state(self) -> State:
        """What the client believes."""
        return State.RUNS if self.client.running else State.STANDS

    async def receive(self, event: Event) -> None:
        """One event from the client."""
        if isinstance(event, Interrupt):
            await self._do(Happening.BREAK, None)
            return
        packet = await self.answers.read(event)
        if packet is not None:
            await self._do(happening(packet), packet)

    async def _do(self, what: Happening, packet: Packet | None) -> None:
        method = self.table.get((self.state, what), "answer")
        action: Callable[[Packet | None], Awaitable[None]] = getattr(self, method)
        await action(packet)

    async def stopped(self, stop: Stop, *, signal: int = SIGTRAP, asked: bool = False) -> None:
        """The target stands: ask the interceptors and report what they leave; ``asked``: the client wanted it to.

        ``signal`` is what a halt on request is reported with.
        """
        # Nobody but the client is to make something of a virtual stop.
        outcome = stop if stop is self.client.target.view else await self._settle(stop)
        if self.state is State.STANDS:
            return  # the client left the program while it was asked for a file
        if outcome is None and not asked:
            await self._go_on()
            return
        if outcome is None:
            # What the client asked for is still to be reported, whatever the core had stopped for.
            await self.client.target.settle()
            outcome = replace(self.client.target.stop or stop, reason=StopReason.HALT_REQUEST)
        elif isinstance(outcome, Stop) and outcome.reason is StopReason.HALT_REQUEST is not stop.reason:
            signal = SIGINT  # the user pressed Ctrl-C while an interceptor was at work
        if isinstance(outcome, Exited):
            log.info("The program ended with status %d.", outcome.code)
            self.client.exited = outcome.code
            await self.report(exit_reply(outcome.code))
        else:
            await self.report(await self.describe(outcome, signal))

    async def _settle(self, stop: Stop) -> Outcome:
        try:
            return await intercepted(self.client, stop)
        except HaltpointError as error:
            self.client.take_note(error)
            log.warning("%s", error)
            await self.client.say(f"{error}\n")
            if self.client.probe_lost:
                raise SessionOver(str(error)) from None
            return stop

    async def _go_on(self) -> None:
        """Do again what the client had asked for."""
        try:
            await self._again()
        except HaltpointError as error:
            self.client.take_note(error)
            log.warning("%s", error)
            await self.client.say(f"{error}\n")
            await self.report(unreadable_stop_reply())

    async def _run_on(self) -> None:
        await self.client.target.resume()
        self.watch.begin()

    async def _step_on(self, start: int, end: int) -> None:
        await self.client.target.step_range(start, end)
        self.watch.begin()

    async def _finish_step(self) -> None:
        self._again = self._run_on  # once: a step that stops and stops at one place would never end
        await self.stopped(await self.client.target.step())

    def note_resume(self, packet: Packet) -> None:
        """What to do again after a stop that does not concern the client."""
        self.client.exited = None
        if isinstance(packet, resume.Resume) and packet.range is not None:
            self._again = partial(self._step_on, *packet.range)
        else:
            self._again = self._finish_step if resume.is_step(packet) else self._run_on

    async def describe(self, stop: Stop, signal: int) -> bytes:
        """The stop reply; what there is to say about a fault goes to the console where the protocol has one."""
        target, client = self.client.target, self.client
        try:
            explanation = await target.explain(stop)
            if explanation:
                log.info("%s", explanation)
                client.say_later(explanation)
            return await stop_reply(target, stop, client.features, asked=signal)
        except HaltpointError as error:
            # A stop reply is owed: when it cannot be complete, it comes without registers.
            client.say_later(str(error))
            return unreadable_stop_reply()

    async def lost(self, sentence: str) -> None:  # noqa: B027 - in all-stop mode the console has it already
        """The probe is gone while the target ran; the session ends after this."""

    @abstractmethod
    async def answer(self, packet: Packet) -> None:
        """A packet that means nothing special at this moment."""

    @abstractmethod
    async def report(self, payload: bytes) -> None:
        """Tell the client of a stop or exit; from then on it STANDS."""
