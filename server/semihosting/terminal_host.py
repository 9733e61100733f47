"""A host whose console is the server's own terminal and whose files lie below a directory named for them."""

from __future__ import annotations

from pathlib import Path

from .arguments import Buffer, Name, Refused
from .host import CONSOLE, EACCES, EIO, Mode, no_command
from .rooted import Rooted
from .terminal import Terminal

__all__ = ["TerminalHost"]


class TerminalHost:
    """See Host. ``root`` None: no files."""

    def __init__(self, terminal: Terminal, root: Path | None) -> None:
        self.interrupted = False
        self._terminal = terminal
        self._files = None if root is None else Rooted(root)

    def _rooted(self, what: str = "It uses a file") -> Rooted:
        if self._files is None:
            raise Refused(EACCES, f"{what}; --semihosting-root DIR says where its files may lie.")
        return self._files

    async def open(self, name: Name, mode: Mode) -> int:
        """Below the root."""
        return self._rooted(f"It opens '{name}'").open(name.text, mode) + len(CONSOLE)

    async def close(self, descriptor: int) -> None:
        """See Host."""
        self._rooted().close(_file(descriptor))

    async def read(self, descriptor: int, buffer: Buffer) -> int:
        """From the terminal: a line at most, as a terminal gives it."""
        if descriptor in CONSOLE:
            data = await self._typed(min(buffer.length, 4096))
            await buffer.store(data)
            return len(data)
        done = 0
        for chunk in buffer.chunks():
            data = self._rooted().read(_file(descriptor), chunk.length)
            await chunk.store(data)
            done += len(data)
            if len(data) < chunk.length:
                break
        return done

    async def _typed(self, length: int) -> bytes:
        if not length:
            return b""
        return await self._terminal.read(length)

    async def write(self, descriptor: int, buffer: Buffer) -> int:
        """To the terminal or into a file."""
        done = 0
        for chunk in buffer.chunks():
            data = await chunk.load()
            if descriptor in CONSOLE:
                self._terminal.write(descriptor, data)
                taken = len(data)
            else:
                taken = self._rooted().write(_file(descriptor), data)
            done += taken
            if taken < len(data):
                break
        return done

    async def read_character(self) -> int:
        """From the terminal."""
        data = await self._typed(1)
        if not data:
            raise Refused(EIO)
        return data[0]

    async def seek(self, descriptor: int, position: int) -> None:
        """See Host."""
        self._rooted().seek(_file(descriptor), position)

    async def length(self, descriptor: int) -> int:
        """See Host."""
        return self._rooted().length(_file(descriptor))

    async def is_tty(self, descriptor: int) -> bool:
        """The streams count as a terminal even where they lead elsewhere: then a line is shown when it is written."""
        return descriptor in CONSOLE

    async def remove(self, name: Name) -> None:
        """Below the root."""
        self._rooted(f"It removes '{name}'").remove(name.text)

    async def rename(self, old: Name, new: Name) -> None:
        """Below the root."""
        self._rooted(f"It renames '{old}'").rename(old.text, new.text)

    async def system(self, command: Name) -> int:
        """Refused: a program on the target does not start programs here."""
        raise Refused(EACCES, no_command(command))

    async def close_all(self) -> None:
        """See Host."""
        self.abandon()

    def abandon(self) -> None:
        """See Host."""
        if self._files is not None:
            self._files.close_all()


def _file(descriptor: int) -> int:
    return descriptor - len(CONSOLE)
