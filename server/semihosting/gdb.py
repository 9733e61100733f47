"""A host whose console and files are GDB's, by File-I/O (GDB manual, node File-I/O Remote Protocol Extension).

GDB reads and writes the program's memory itself; a name or a buffer is passed on as an address. Nothing is
passed on that has not been looked at: GDB allocates what a request says, and takes a name for a C string.
"""

from __future__ import annotations

import contextlib

from ...probes.errors import HaltpointError
from ..client import Client
from .arguments import Buffer, Name, Refused, Space
from .client_console import ClientConsole
from .host import CONSOLE, EINVAL, EIO, ENOSYS, STDIN, Interrupted, Mode

__all__ = ["GdbHost"]

O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC = 0x1, 0x2, 0x8, 0x200, 0x400
"""GDB manual, node Open Flags."""

PERMISSIONS = 0o666
EINTR = 4
SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2
POSITION_LIMIT = 1 << 31
"""GDB's offsets are signed words."""


class GdbHost:
    """See Host."""

    def __init__(self, client: Client, console: ClientConsole, space: Space) -> None:
        self.interrupted = False
        self._client = client
        self._console = console
        self._space = space
        self._open: set[int] = set()

    async def open(self, name: Name, mode: Mode) -> int:
        """A descriptor of GDB's."""
        flags = O_RDWR if mode.reads and mode.writes else O_WRONLY if mode.writes else 0
        if mode.truncates:
            flags |= O_CREAT | O_TRUNC
        elif mode.appends:
            flags |= O_CREAT | O_APPEND
        descriptor = await self._ask(f"Fopen,{_string(name)},{flags:x},{PERMISSIONS:x}")
        self._open.add(descriptor)
        return descriptor

    async def close(self, descriptor: int) -> None:
        """GDB forgets it whatever the answer is."""
        self._open.discard(descriptor)
        await self._ask(f"Fclose,{descriptor:x}")

    async def read(self, descriptor: int, buffer: Buffer) -> int:
        """A read of the console gives what the user has typed so far, one line at most."""
        return await self._transfer("Fread", descriptor, buffer)

    async def write(self, descriptor: int, buffer: Buffer) -> int:
        """What the server has read already goes to GDB's console as it is; so does all in non-stop mode."""
        if descriptor in CONSOLE and (buffer.known is not None or self._client.non_stop):
            return await self._console.write(descriptor, buffer)
        return await self._transfer("Fwrite", descriptor, buffer)

    async def _transfer(self, call: str, descriptor: int, buffer: Buffer) -> int:
        done = 0
        for chunk in buffer.chunks():
            try:
                moved = await self._ask(f"{call},{descriptor:x},{chunk.address:x},{chunk.length:x}")
            except Interrupted:
                if not done:
                    raise
                # What is done is not done again: the program hears of a short transfer.
                self.interrupted = True
                break
            if not 0 <= moved <= chunk.length:
                raise Refused(EIO, f"GDB moved {moved} of {chunk.length} bytes.")
            done += moved
            if moved < chunk.length or self.interrupted:
                break
        return done

    async def read_character(self) -> int:
        """By way of a word below the program's stack, which is put back."""
        place = Buffer(self._space, (await self._space.stack() - 4) & 0xFFFF_FFFC, 4)
        before = await place.load()
        try:
            if not await self._ask(f"Fread,{STDIN:x},{place.address:x},1"):
                raise Refused(EIO)
            return (await place.load())[0]
        finally:
            await place.store(before)

    async def seek(self, descriptor: int, position: int) -> None:
        """From the start."""
        if position >= POSITION_LIMIT:
            raise Refused(EINVAL)
        await self._seek(descriptor, position, SEEK_SET)

    async def _seek(self, descriptor: int, position: int, origin: int) -> int:
        return await self._ask(f"Flseek,{descriptor:x},{position:x},{origin:x}")

    async def length(self, descriptor: int) -> int:
        """By going to the end and back: fstat's answer would need 64 bytes of the program's memory."""
        here = await self._seek(descriptor, 0, SEEK_CUR)
        end = await self._seek(descriptor, 0, SEEK_END)
        await self._seek(descriptor, here, SEEK_SET)
        return end

    async def is_tty(self, descriptor: int) -> bool:
        """As GDB sees it; its console always is one."""
        return descriptor in CONSOLE or await self._ask(f"Fisatty,{descriptor:x}") == 1

    async def remove(self, name: Name) -> None:
        """In GDB's directory."""
        await self._ask(f"Funlink,{_string(name)}")

    async def rename(self, old: Name, new: Name) -> None:
        """In GDB's directory."""
        await self._ask(f"Frename,{_string(old)},{_string(new)}")

    async def system(self, command: Name) -> int:
        """GDB refuses unless its user has said 'set remote system-call-allowed 1'."""
        return await self._ask(f"Fsystem,{_string(command)}")

    async def close_all(self) -> None:
        """What GDB cannot close any more it has closed itself."""
        for descriptor in sorted(self._open):
            with contextlib.suppress(Refused, Interrupted, HaltpointError):
                await self.close(descriptor)

    def abandon(self) -> None:
        """GDB closes its files when it leaves."""
        self._open.clear()

    async def _ask(self, request: str) -> int:
        """The call's result; raises Refused for -1, Interrupted for a call that Ctrl-C kept from taking place."""
        if self._client.non_stop:
            raise Refused(ENOSYS, "It uses GDB's files, which GDB has in all-stop mode only.")
        reply = await self._client.file_io(request.encode())
        if reply.result < 0 and reply.ctrl_c and reply.errno in {0, EINTR}:
            raise Interrupted
        self.interrupted |= reply.ctrl_c
        if reply.result < 0:
            raise Refused(reply.errno or EIO)
        return reply.result


def _string(name: Name) -> str:
    """A string as File-I/O passes it: its NUL counts."""
    return f"{name.address:x}/{len(name.text) + 1:x}"
