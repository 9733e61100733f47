"""What a handler answers. Handlers return one of these; the session alone turns it into packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..arm.stop import Stop

__all__ = ["EMPTY", "OK", "RUNNING", "SILENCE", "Data", "Failure", "Reply", "ReportStop", "Running", "Silence"]


@dataclass(frozen=True, slots=True)
class Data:
    """A packet with this payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An error. ``text`` is a full sentence for the user; a ``quiet`` one is routine and only for the debug log."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class ReportStop:
    """The target stands still: answer with a stop reply. ``interrupted``: the client had asked for it."""

    stop: Stop
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The target runs: the answer is the stop reply that comes when it stops."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The protocol wants no answer (``k``, ``R``)."""


Reply: TypeAlias = Data | Failure | ReportStop | Running | Silence

OK = Data(b"OK")
EMPTY = Data(b"")
RUNNING = Running()
SILENCE = Silence()
