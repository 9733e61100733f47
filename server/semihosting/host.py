"""What a semihosting host must be able to do, and how it says no.

The numbers of errors and modes are those of GDB's File-I/O (GDB manual, node File-I/O Constants); newlib's,
which is what programs compare SYS_ERRNO with, are the same.
"""

from __future__ import annotations

import errno as system
from collections.abc import Mapping
from typing import Final, NoReturn, Protocol

from .arguments import Buffer, Name, Refused

__all__ = ["CONSOLE", "EACCES", "EBADF", "EINVAL", "EIO", "EMFILE", "ENOENT", "ENOSYS", "STDERR", "STDIN", "STDOUT"]
__all__ += ["Host", "Interrupted", "Mode", "NotYet", "no_command", "refuse_system_error"]

ENOENT: Final = 2
EIO: Final = 5
EBADF: Final = 9
EACCES: Final = 13
EINVAL: Final = 22
EMFILE: Final = 24
ENOSYS: Final = 88
EUNKNOWN: Final = 9999

_FROM_SYSTEM: Mapping[int, int] = {
    system.EPERM: 1,
    system.ENOENT: ENOENT,
    system.EINTR: 4,
    system.EIO: EIO,
    system.EBADF: EBADF,
    system.EACCES: EACCES,
    system.EBUSY: 16,
    system.EEXIST: 17,
    system.ENODEV: 19,
    system.ENOTDIR: 20,
    system.EISDIR: 21,
    system.EINVAL: EINVAL,
    system.ENFILE: 23,
    system.EMFILE: EMFILE,
    system.EFBIG: 27,
    system.ENOSPC: 28,
    system.ESPIPE: 29,
    system.EROFS: 30,
    system.ENAMETOOLONG: 91,
}

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
CONSOLE: Final = (STDIN, STDOUT, STDERR)
"""Descriptors that every host has open."""


class Interrupted(Exception):  # noqa: N818 - not an error: the user pressed Ctrl-C
    """The user wants the program to stop. The operation did not take place and is to be repeated later."""


class NotYet(Exception):  # noqa: N818 - not an error either
    """There is no input yet. The program asks again at once, and the client is heard in between."""


class Mode:
    """How SYS_OPEN opens a file: 0 to 11 for r, rb, r+, r+b, w, wb, w+, w+b, a, ab, a+, a+b."""

    COUNT: Final = 12

    def __init__(self, number: int) -> None:
        self.number = number
        self.reads = number < 4 or bool(number & 2)
        self.writes = number >= 4 or bool(number & 2)
        self.truncates = 4 <= number < 8
        self.appends = number >= 8
        self.console = (STDIN, STDOUT, STDERR)[number // 4]
        """Which stream ':tt' is in this mode (SH_EXT_STDOUT_STDERR)."""


def refuse_system_error(error: OSError) -> NoReturn:
    """Raise Refused with the program's number for an error of this machine's."""
    raise Refused(_FROM_SYSTEM.get(error.errno or 0, EUNKNOWN)) from error


def no_command(command: Name) -> str:
    """The sentence of hosts that start no programs."""
    return f"It wants the command '{command}' to be carried out; only --semihosting gdb does that."


class Host(Protocol):
    """Console and files for one client's program. Every method raises Refused, Interrupted, NotYet or HaltpointError.

    A descriptor is the host's own number of an open file; 0, 1 and 2 are its console.
    """

    interrupted: bool
    """The user pressed Ctrl-C while an operation took place that is done now; whoever sees it clears it."""

    async def open(self, name: Name, mode: Mode) -> int:
        """A descriptor."""
        ...

    async def close(self, descriptor: int) -> None:
        """Close a file."""
        ...

    async def read(self, descriptor: int, buffer: Buffer) -> int:
        """Fill ``buffer``; the number of bytes put there, 0 at the end of the file."""
        ...

    async def write(self, descriptor: int, buffer: Buffer) -> int:
        """The number of bytes taken from ``buffer``."""
        ...

    async def read_character(self) -> int:
        """A byte from the console."""
        ...

    async def seek(self, descriptor: int, position: int) -> None:
        """Move to ``position`` from the start."""
        ...

    async def length(self, descriptor: int) -> int:
        """Bytes in the file."""
        ...

    async def is_tty(self, descriptor: int) -> bool:
        """Whether somebody sits there."""
        ...

    async def remove(self, name: Name) -> None:
        """Delete a file."""
        ...

    async def rename(self, old: Name, new: Name) -> None:
        """Rename a file."""
        ...

    async def system(self, command: Name) -> int:
        """The status of a command for the host's command line interpreter."""
        ...

    async def close_all(self) -> None:
        """The program has ended: close what it has left open."""
        ...

    def abandon(self) -> None:
        """The client is gone: close what is open here, and ask nobody."""
        ...
