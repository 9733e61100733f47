"""What a handler, a monitor command or an interceptor knows of the client it works for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..probes.errors import HaltpointError, LinkError, ProbeGoneError, UserError
from .intercept import Interceptor
from .packets.file_io import FileReply
from .target import Target

__all__ = ["Client"]

UNSAID_LIMIT = 8
"""Sentences kept for a client that gives no occasion to say them; older ones are in the log."""


async def _no_file_io(_request: bytes) -> FileReply:
    raise UserError("A file request to GDB", "no program is running", "Use it from an interceptor.")


@dataclass
class Client:
    """One client's state above the framing.

    ``send_text`` writes to the client's console at once, which the protocol allows only inside qRcmd and, in
    all-stop mode, while a stop reply is owed: the session keeps ``console_open`` accordingly. ``say`` may be
    used at any time: what cannot be written now waits in ``unsaid`` for the next such moment.
    """

    target: Target
    send_text: Callable[[str], Awaitable[None]]
    exchange: Callable[[bytes], Awaitable[FileReply]] = _no_file_io
    features: frozenset[str] = frozenset()
    interceptors: list[Interceptor] = field(default_factory=list)
    """Asked in order at every stop, before the client hears of it."""
    unsaid: list[str] = field(default_factory=list)
    console_open: bool = False
    running: bool = False
    """The client knows that the target runs and is to hear when it stops."""
    extended: bool = False
    non_stop: bool = False
    start_no_ack: bool = False
    report_without_step: bool = False
    """Set by ``monitor gdb_sync``: the next step only reports where the target stands."""
    probe_lost: bool = False
    """The session is over, and the probe has to be opened anew."""
    exited: int | None = None
    """The program has ended with this status, and the client has not run it anew since."""
    told_to_flush: bool = False
    """The user has been told once how to make GDB look at the registers again."""

    def take_note(self, error: HaltpointError) -> None:
        """What an error that came from the target says of the probe and of the link; for whoever catches one."""
        self.probe_lost |= isinstance(error, ProbeGoneError)
        self.target.link_in_doubt |= isinstance(error, LinkError)

    async def say(self, text: str) -> None:
        """Text for the client's console, line ends included."""
        if self.console_open:
            await self.send_text(text)
        else:
            self.say_later(text.removesuffix("\n"))

    def say_later(self, sentence: str) -> None:
        """Keep a sentence for the next moment the console may be written to."""
        if sentence not in self.unsaid:
            self.unsaid = [*self.unsaid, sentence][-UNSAID_LIMIT:]

    async def say_what_waits(self) -> None:
        """Send the sentences that wait; only where O packets are legal."""
        while self.unsaid:
            await self.send_text(self.unsaid.pop(0) + "\n")

    async def file_io(self, request: bytes) -> FileReply:
        """Have the client carry out a file call (``Fwrite,1,20000000,5``) and return what came of it.

        For interceptors, in all-stop mode only; in non-stop mode the protocol has no such request and UserError
        is raised. Memory packets that the client sends meanwhile are answered. After a reply with ``ctrl_c``
        the user wants the program stopped (manual, node The Ctrl-C Message): report a stop with
        ``halt request`` as its reason, and let the program repeat a call that did not take place.
        """
        if self.non_stop:
            raise UserError(
                "A file request to GDB", "the protocol has none in non-stop mode", "Use 'set non-stop off'."
            )
        return await self.exchange(request)
