"""What a program points at when it asks for an operation: nothing of it is believed before it has been looked at.

A wild pointer, an absurd length or a string without an end must cost an answer of -1, not the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...arm.address_map import ADDRESS_SPACE, RAM_END
from ...flash.memory_map import region_at
from ...probes.errors import AccessFaultError
from ..target import Target

__all__ = ["CHUNK", "NAME_LIMIT", "TEXT_LIMIT", "Buffer", "Name", "Refused", "Space"]

CHUNK: Final = 0x2000
"""Bytes moved at a time, so that a long transfer can be interrupted."""

NAME_LIMIT: Final = 4096
"""Longest name or command."""

TEXT_LIMIT: Final = 0x1_0000
"""Longest text of SYS_WRITE0; one without an end is cut here."""

EFAULT: Final = 14
ENAMETOOLONG: Final = 91
EINVAL: Final = 22

_FIRST_LOOK: Final = 64
"""Bytes of a string of unknown length that are read first."""


class Refused(Exception):  # noqa: N818 - an answer of -1 to the program, not an error of the server
    """An operation that was not carried out.

    ``errno`` is what SYS_ERRNO says afterwards. ``sentence``: what the user should know; "" for what programs
    meet every day, a file that is not there for instance.
    """

    def __init__(self, errno: int, sentence: str = "") -> None:
        super().__init__(sentence or f"errno {errno}")
        self.errno = errno
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Name:
    """A string of the program's: where it lies (its NUL follows it) and what it says."""

    address: int
    text: bytes

    def __str__(self) -> str:
        return self.text.decode("utf-8", "replace")


class Space:
    """The program's memory, as far as it is there."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reads: list[tuple[int, int]] = []

    def take_reads(self) -> list[tuple[int, int]]:
        """What has been looked at, as (address, length), since this was asked last."""
        reads, self._reads = self._reads, []
        return reads

    async def read(self, address: int, length: int) -> bytes:
        """Exactly ``length`` bytes; Refused when they are not to be had."""
        if not length:
            return b""
        self.check(address, length)
        first, size = address, length
        if address + length <= RAM_END:
            # Whole words: most probes take several commands for an odd beginning or end.
            first = address & ~3
            size = (address + length + 3 & ~3) - first
        try:
            data = await self._target.read_memory(first, size)
        except AccessFaultError:
            data = b""
        if len(data) < size:
            raise _wild(address, length)
        return data[address - first :][:length]

    async def write(self, address: int, data: bytes) -> None:
        """Write into RAM; Refused elsewhere."""
        self.check(address, len(data), writes=True)
        try:
            await self._target.write_memory(address, data)
        except AccessFaultError:
            raise _wild(address, len(data)) from None

    async def words(self, address: int, count: int) -> tuple[int, ...]:
        """``count`` words in one access."""
        data = await self.read(address, 4 * count)
        return tuple(int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4))

    def check(self, address: int, length: int, *, writes: bool = False) -> None:
        """Refused unless all of it lies in the memory map, in RAM for ``writes``."""
        if self._room(address, writes=writes) < length:
            raise _wild(address, length, writes=writes)
        if not writes:
            self._reads.append((address, length))

    def _room(self, address: int, *, writes: bool = False) -> int:
        """Bytes from ``address`` to where the memory ends that it lies in."""
        regions = self._target.regions
        if regions is None:
            return ADDRESS_SPACE - address
        end = address
        while (region := region_at(regions, end)) is not None and (region.kind == "ram" or not writes):
            end = region.end
        return end - address

    async def stack(self) -> int:
        """The program's sp."""
        await self._target.settle()
        stop = self._target.stop
        assert stop is not None
        return stop.sp

    async def name(self, address: int, length: int) -> Name:
        """A string whose length the program told; its NUL must follow."""
        if length > NAME_LIMIT:
            raise Refused(ENAMETOOLONG, f"It gave a string of {length} bytes; {NAME_LIMIT} are the limit.")
        text = await self.read(address, length + 1)
        if text[length] or 0 in text[:length]:
            raise Refused(EINVAL, f"The string at {address:#010x} does not end after {length} bytes.")
        return Name(address, text[:length])

    async def text(self, address: int) -> bytes:
        """A string that ends with NUL, or at TEXT_LIMIT, or where memory ends."""
        text = b""
        size = _FIRST_LOOK
        while len(text) < TEXT_LIMIT:
            room = min(size, TEXT_LIMIT - len(text), self._room(address + len(text)))
            if not room:
                break
            part = await self.read(address + len(text), room)
            end = part.find(0)
            if end >= 0:
                return text + part[:end]
            text += part
            size = min(2 * size, CHUNK)
        if not text:
            raise _wild(address, 1)
        return text


def _wild(address: int, length: int, *, writes: bool = False) -> Refused:
    what = "RAM" if writes else "memory"
    return Refused(EFAULT, f"It points at {length} bytes at {address:#010x}, where there is no {what} for them.")


@dataclass(frozen=True, slots=True)
class Buffer:
    """A checked range of the program's memory. ``known`` is its content where that has been read already."""

    space: Space
    address: int
    length: int
    known: bytes | None = None

    def chunks(self) -> Iterator[Buffer]:
        """The same in pieces of at most CHUNK bytes."""
        for at in range(0, self.length, CHUNK):
            size = min(CHUNK, self.length - at)
            known = None if self.known is None else self.known[at : at + size]
            yield Buffer(self.space, self.address + at, size, known)

    async def load(self) -> bytes:
        """What it holds."""
        return await self.space.read(self.address, self.length) if self.known is None else self.known

    async def store(self, data: bytes) -> None:
        """Put ``data`` at its start."""
        if data:
            await self.space.write(self.address, data)
