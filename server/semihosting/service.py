"""Where semihosting meets a session: an interceptor of stops at BKPT 0xAB."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ...arm.stop import Stop, StopReason
from ..client import Client
from ..intercept import Exited, Outcome
from .arguments import Refused, Space
from .calls import Calls
from .client_console import ClientConsole
from .console import ConsoleHost
from .gdb import GdbHost
from .host import Host, Interrupted, NotYet
from .operations import BY_NUMBER, FAILED, SEMIHOSTING_BKPT
from .terminal import Terminal
from .terminal_host import TerminalHost

__all__ = ["HostKind", "Semihosting", "SemihostingOptions"]

log = logging.getLogger(__name__)

TOLD_LIMIT = 32
"""Different sentences about one client's program; a program that finds ever new ones is not listened to for ever."""


class HostKind(Enum):
    """Whose console and files a program gets."""

    GDB = "gdb"
    CONSOLE = "console"
    SERVER = "server"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class SemihostingOptions:
    """What the command line says. ``root``: where files may lie with SERVER; None: nowhere.

    The default prints and opens nothing: a program that is debugged has no business with the files of whoever
    debugs it unless that one says so, and a client that knows no File-I/O (LLDB) can still show text.
    """

    kind: HostKind = HostKind.CONSOLE
    root: Path | None = None
    command_line: str = ""
    date: Callable[[], float] = time.time


class Semihosting:
    """An Interceptor. What a program has open is closed when the next client comes."""

    def __init__(self, options: SemihostingOptions) -> None:
        self.options = options
        self._client: Client | None = None
        self._calls: Calls | None = None
        self._told: set[str] = set()

    def use(self, kind: HostKind) -> None:
        """Change the host; at the next call the files that are open here are closed; GDB's are left to GDB."""
        self.options = replace(self.options, kind=kind)
        self._client = None

    async def intercept(self, client: Client, stop: Stop) -> Outcome:
        """See Interceptor."""
        if stop.bkpt != SEMIHOSTING_BKPT or self.options.kind is HostKind.OFF:
            return stop
        calls = self._calls_of(client)
        number = stop.registers[0]
        try:
            result = await calls.carry_out(number, stop.registers[1])
        except Refused as refusal:
            self._tell(number, stop, refusal.sentence)
            result = FAILED
        except Interrupted:
            client.target.repeat_bkpt()
            await client.target.settle()
            return replace(client.target.stop or stop, reason=StopReason.HALT_REQUEST)
        except NotYet:
            client.target.repeat_bkpt()
            return None
        reads = calls.space.take_reads()
        if isinstance(result, Exited):
            await client.target.settle()
            return result
        await client.target.answer_bkpt(result, reads)
        if calls.host.interrupted:
            calls.host.interrupted = False
            await client.target.settle()
            return replace(client.target.stop or stop, reason=StopReason.HALT_REQUEST)
        return None

    def _calls_of(self, client: Client) -> Calls:
        if self._calls is None or client is not self._client:
            if self._calls is not None:
                self._calls.host.abandon()
            space = Space(client.target)
            self._calls = Calls(space, self._host(client, space), self.options.command_line, self.options.date)
            self._client = client
            self._told.clear()
        return self._calls

    def _host(self, client: Client, space: Space) -> Host:
        terminal = Terminal()
        console = ClientConsole(client, terminal)
        if self.options.kind is HostKind.GDB:
            return GdbHost(client, console, space)
        if self.options.kind is HostKind.SERVER:
            return TerminalHost(terminal, self.options.root)
        return ConsoleHost(console)

    def _tell(self, number: int, stop: Stop, sentence: str) -> None:
        """A sentence for the log, once; programs tend to try again."""
        operation = BY_NUMBER.get(number)
        name = operation.name if operation else f"Semihosting operation {number:#x}"
        log.debug("= %s of the program's at %#010x answers -1", name, stop.pc)
        if sentence and sentence not in self._told and len(self._told) < TOLD_LIMIT:
            self._told.add(sentence)
            log.warning("%s of the program's at %#010x answers -1. %s", name, stop.pc, sentence)
