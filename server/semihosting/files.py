"""Handles: what SYS_OPEN gives to a program, and the two special names.

The console's handles are fixed. A program opens ':tt' once, when it starts, and may have been started long
before the client that debugs it now has come.
"""

from __future__ import annotations

from dataclasses import dataclass

from .arguments import Buffer, Refused
from .host import CONSOLE, EBADF, EINVAL, EMFILE, Mode

__all__ = ["CONSOLE_NAME", "FEATURES_NAME", "Features", "Handles", "OpenFile"]

CONSOLE_NAME = b":tt"
FEATURES_NAME = b":semihosting-features"

FEATURES = b"SHFB\x03"
"""What is read from FEATURES_NAME: the magic, then SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR."""

FIRST_FILE = len(CONSOLE) + 1
OPEN_LIMIT = 64
"""Files a program may have open at once."""


@dataclass(slots=True)
class Features:
    """The made-up file that says which extensions there are; read-only, and every opening has its own position."""

    position: int = 0

    async def read(self, buffer: Buffer) -> int:
        """See Host.read."""
        data = FEATURES[self.position : self.position + buffer.length]
        await buffer.store(data)
        self.position += len(data)
        return len(data)

    def seek(self, position: int) -> None:
        """See Host.seek."""
        if position > len(FEATURES):
            raise Refused(EINVAL)
        self.position = position

    @property
    def length(self) -> int:
        """Bytes in it."""
        return len(FEATURES)


OpenFile = int | Features
"""A descriptor of the host's, or the one file that is made here."""


class Handles:
    """Which handle of the program's is which file."""

    def __init__(self) -> None:
        self._files: dict[int, OpenFile] = {}

    @staticmethod
    def console(mode: Mode) -> int:
        """The handle of the console stream that ':tt' is in ``mode``."""
        return CONSOLE.index(mode.console) + 1

    def room(self) -> int:
        """A free handle; raises Refused when too many files are open."""
        if len(self._files) >= OPEN_LIMIT:
            raise Refused(EMFILE, f"It has {OPEN_LIMIT} files open and opens another one.")
        return next(handle for handle in range(FIRST_FILE, FIRST_FILE + OPEN_LIMIT) if handle not in self._files)

    def add(self, handle: int, file: OpenFile) -> None:
        """The program has opened ``file``."""
        self._files[handle] = file

    def get(self, handle: int) -> OpenFile:
        """What ``handle`` is; raises Refused when it is nothing."""
        if 1 <= handle <= len(CONSOLE):
            return CONSOLE[handle - 1]
        if handle not in self._files:
            raise Refused(EBADF)
        return self._files[handle]

    def forget(self, handle: int) -> None:
        """The program has closed it; a handle of the console's stays."""
        self._files.pop(handle, None)

    def clear(self) -> None:
        """All files are closed."""
        self._files.clear()
