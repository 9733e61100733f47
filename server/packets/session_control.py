"""Packets about the session itself: features, acknowledgments, attach, detach, kill, restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import NoArguments, Packet, PacketError, hex_number

__all__ = [
    "Attach",
    "CtrlC",
    "Detach",
    "ExtendedMode",
    "HaltReason",
    "Kill",
    "KillProcess",
    "NextStop",
    "Restart",
    "Run",
    "SetNonStop",
    "StartNoAckMode",
    "Supported",
]


@dataclass(frozen=True, slots=True)
class Supported(Packet):
    """``qSupported:FEATURE;...``: what the client knows ("swbreak+")."""

    features: frozenset[str]

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(frozenset(arguments.decode("ascii", "replace").split(";")) - {""})


class StartNoAckMode(NoArguments):
    """``QStartNoAckMode``."""

    feature = "QStartNoAckMode+"


@dataclass(frozen=True, slots=True)
class SetNonStop(Packet):
    """``QNonStop:0|1``."""

    feature = "QNonStop+"

    enable: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        if arguments not in {b"0", b"1"}:
            raise PacketError(f"QNonStop takes 0 or 1: {arguments[:20]!r}")
        return cls(enable=arguments == b"1")


class ExtendedMode(NoArguments):
    """``!``: the connection outlives kill and exit."""


class HaltReason(NoArguments):
    """``?``: why the target stands still."""


class NextStop(NoArguments):
    """``vStopped``: the client has taken one stop and asks for the next."""


class CtrlC(NoArguments):
    """``vCtrlC``: what the byte 0x03 says in all-stop mode."""


class Detach(NoArguments):
    """``D`` or ``D;PID``: remove breakpoints, let the target run."""


class Kill(NoArguments):
    """``k``: no reply is expected."""


class KillProcess(NoArguments):
    """``vKill;PID``."""


@dataclass(frozen=True, slots=True)
class Attach(Packet):
    """``vAttach;PID``."""

    pid: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(hex_number(arguments, "the process id"))


class Run(NoArguments):
    """``vRun;FILE;ARGUMENT...``: start the program anew; file and arguments mean nothing on a bare chip."""


class Restart(NoArguments):
    """``R XX``: start anew; no reply is expected."""
