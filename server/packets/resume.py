"""Packets that let the target run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from .base import NoArguments, Packet, PacketError, hex_number, split
from .threads import is_our_thread

__all__ = [
    "Action",
    "ContinueAt",
    "ContinueWithSignal",
    "Resume",
    "ResumeActions",
    "StepAt",
    "StepWithSignal",
    "is_resume",
    "is_step",
]


class Action(Enum):
    """What one thread is told to do. Signals mean nothing on a bare chip: C is c, S is s."""

    CONTINUE = "c"
    STEP = "s"
    STOP = "t"
    RANGE = "r"


class ResumeActions(NoArguments):
    """``vCont?``: which actions are known."""

    feature = "vContSupported+"


_ACTIONS = {
    b"c": Action.CONTINUE,
    b"C": Action.CONTINUE,
    b"s": Action.STEP,
    b"S": Action.STEP,
    b"t": Action.STOP,
    b"r": Action.RANGE,
}


def _check_operand(letter: bytes, operand: bytes) -> tuple[int, int] | None:
    """The range of an action that has one; PacketError for an operand the action does not take."""
    if letter == b"r":
        start, end = split(operand, b",", 2)
        return hex_number(start, "the start of the range"), hex_number(end, "the end of the range")
    if letter in {b"C", b"S"}:
        hex_number(operand, "the signal", bits=8)
    elif operand:
        raise PacketError(f"vCont's {letter.decode()} takes no operand: {operand[:20]!r}")
    return None


@dataclass(frozen=True, slots=True)
class Resume(Packet):
    """``vCont;ACTION[:THREAD]...``: the leftmost action that names our thread, None when none does.

    ``range`` are the first address and the one behind the last of ``r``.
    """

    action: Action | None
    range: tuple[int, int] | None = None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        chosen = cls(None)
        for part in arguments.split(b";"):
            verb, _, thread = part.partition(b":")
            action = _ACTIONS.get(verb[:1])
            if action is None:
                raise PacketError(f"vCont knows c, C, s, S, t and r, not {part[:20]!r}")
            covered = _check_operand(verb[:1], verb[1:])
            if chosen.action is None and is_our_thread(thread or b"-1"):
                chosen = cls(action, covered)
        return chosen


def _optional_address(text: bytes) -> int | None:
    return hex_number(text, "the address") if text else None


@dataclass(frozen=True, slots=True)
class ContinueAt(Packet):
    """``c [ADDR]``."""

    address: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(_optional_address(arguments))


@dataclass(frozen=True, slots=True)
class StepAt(Packet):
    """``s [ADDR]``."""

    address: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(_optional_address(arguments))


def _signal_and_address(arguments: bytes) -> int | None:
    signal, _, address = arguments.partition(b";")
    hex_number(signal, "the signal", bits=8)
    return _optional_address(address)


@dataclass(frozen=True, slots=True)
class ContinueWithSignal(Packet):
    """``C SIG[;ADDR]``; the signal is read and forgotten."""

    address: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(_signal_and_address(arguments))


@dataclass(frozen=True, slots=True)
class StepWithSignal(Packet):
    """``S SIG[;ADDR]``; the signal is read and forgotten."""

    address: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(_signal_and_address(arguments))


_STEPS = (StepAt, StepWithSignal)
_RESUMES = (Resume, ContinueAt, ContinueWithSignal, *_STEPS)


def is_resume(packet: object) -> bool:
    """Whether the answer to ``packet`` is a stop reply, in all-stop mode."""
    return isinstance(packet, _RESUMES)


def is_step(packet: object) -> bool:
    """Whether it is to end after one instruction."""
    return isinstance(packet, _STEPS) or (isinstance(packet, Resume) and packet.action is Action.STEP)
