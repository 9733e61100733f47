"""Thread packets. A bare chip is one thread, number 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import NoArguments, Packet, PacketError, hex_number

__all__ = [
    "THREAD",
    "CurrentThread",
    "FirstThreads",
    "IsThreadAlive",
    "NextThreads",
    "SelectThread",
    "is_our_thread",
]

THREAD = 1
"""The one thread's number."""


def is_our_thread(text: bytes) -> bool:
    """True when a thread-id means our thread: 1, 0 (any), -1 (all), also in the form pPID.TID."""
    if text.startswith(b"p"):
        process, _, text = text[1:].partition(b".")
        if process != b"-1":
            hex_number(process, "the process id")
        text = text or b"-1"
    return text == b"-1" or hex_number(text, "the thread id") in {0, THREAD}


@dataclass(frozen=True, slots=True)
class SelectThread(Packet):
    """``H OP THREAD``: choose the thread of later packets."""

    ours: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        if arguments[:1] not in {b"c", b"g"}:
            raise PacketError(f"H takes c or g: {arguments[:20]!r}")
        return cls(is_our_thread(arguments[1:]))


@dataclass(frozen=True, slots=True)
class IsThreadAlive(Packet):
    """``T THREAD``."""

    ours: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(is_our_thread(arguments))


class CurrentThread(NoArguments):
    """``qC``."""


class FirstThreads(NoArguments):
    """``qfThreadInfo``."""


class NextThreads(NoArguments):
    """``qsThreadInfo``."""
