"""What a handler knows of the client it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .target import Target

__all__ = ["Client"]

UNSAID_LIMIT = 8
"""Sentences kept for a client that gives no occasion to say them; older ones are in the log."""


@dataclass
class Client:
    """One client's state above the framing.

    ``say`` sends text to the client's console at once. The protocol allows that only inside qRcmd and
    before a stop reply; a sentence that comes up elsewhere waits in ``unsaid`` for the next such moment.
    """

    target: Target
    say: Callable[[str], Awaitable[None]]
    features: frozenset[str] = frozenset()
    unsaid: list[str] = field(default_factory=list)
    extended: bool = False
    start_no_ack: bool = False
    report_without_step: bool = False
    """Set by ``monitor gdb_sync``: the next step only reports where the target stands."""
    told_to_flush: bool = False
    """The user has been told once how to make GDB look at the registers again."""

    def say_later(self, sentence: str) -> None:
        """Keep a sentence for the next moment the console may be written to."""
        if sentence not in self.unsaid:
            self.unsaid = [*self.unsaid, sentence][-UNSAID_LIMIT:]

    async def say_what_waits(self) -> None:
        """Send the sentences that wait; only where O packets are legal."""
        while self.unsaid:
            await self.say(self.unsaid.pop(0) + "\n")
