"""A host that has GDB's console and no files: what a program prints reaches every client, and nothing else happens."""

from __future__ import annotations

from typing import NoReturn

from .arguments import Buffer, Name, Refused
from .client_console import ClientConsole
from .host import CONSOLE, EACCES, EBADF, ENOSYS, STDIN, no_command

__all__ = ["ConsoleHost"]

NO_FILES = "files are there with --semihosting gdb (GDB's own) or with --semihosting server --semihosting-root DIR"


class ConsoleHost:
    """See Host. Reading the console finds its end."""

    def __init__(self, console: ClientConsole) -> None:
        self.interrupted = False
        self._console = console

    async def open(self, name: Name, mode: object) -> int:
        """Refused."""
        del mode
        raise Refused(EACCES, f"It opens '{name}'; {NO_FILES}.")

    async def close(self, descriptor: int) -> None:
        """Nothing is ever open."""
        _no_file(descriptor)

    async def read(self, descriptor: int, buffer: Buffer) -> int:
        """The console cannot be read through GDB's console packets."""
        del buffer
        if descriptor != STDIN:
            _no_file(descriptor)
        return 0

    async def write(self, descriptor: int, buffer: Buffer) -> int:
        """To the client's console."""
        if descriptor not in CONSOLE:
            _no_file(descriptor)
        return await self._console.write(descriptor, buffer)

    async def read_character(self) -> int:
        """Refused."""
        raise Refused(ENOSYS, "It reads a character from the console; --semihosting gdb or server lets it.")

    async def seek(self, descriptor: int, position: int) -> None:
        """Refused."""
        del position
        _no_file(descriptor)

    async def length(self, descriptor: int) -> int:
        """Refused."""
        _no_file(descriptor)

    async def is_tty(self, descriptor: int) -> bool:
        """It is."""
        return descriptor in CONSOLE

    async def remove(self, name: Name) -> None:
        """Refused."""
        raise Refused(EACCES, f"It removes '{name}'; {NO_FILES}.")

    async def rename(self, old: Name, new: Name) -> None:
        """Refused."""
        raise Refused(EACCES, f"It renames '{old}' to '{new}'; {NO_FILES}.")

    async def system(self, command: Name) -> int:
        """Refused."""
        raise Refused(EACCES, no_command(command))

    async def close_all(self) -> None:
        """Nothing is ever open."""

    def abandon(self) -> None:
        """Nothing is ever open."""


def _no_file(descriptor: int) -> NoReturn:
    raise Refused(EBADF, "" if descriptor in CONSOLE else f"It uses file {descriptor}, which is not open.")
