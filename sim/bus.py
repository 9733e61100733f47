"""The chip's bus as core and debugger see it: memories, peripherals, holes and bit-band aliases.

Memories and shadow peripherals live in page buffers which the CPU engine maps too, so both sides see one content and
the CPU reads at full speed. What has side effects is called. What is not there raises :class:`BusFault`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .damage import Damage

__all__ = [
    "PAGE",
    "Bus",
    "BusFault",
    "FlashController",
    "Memory",
    "Peripheral",
    "Unmodelled",
]

PAGE = 0x1000

_BIT_BANDS = ((0x2200_0000, 0x2000_0000), (0x4200_0000, 0x4000_0000))
_BIT_BAND_SIZE = 0x0200_0000


class BusFault(Exception):  # noqa: N818 - the manual's own name
    """The bus answered an access with an error; ``address`` is the one that was refused."""

    def __init__(self, address: int, reason: str = "nothing answers there") -> None:
        super().__init__(f"bus fault at 0x{address:08X}: {reason}")
        self.address = address


class Unmodelled(Exception):  # noqa: N818 - it is not an error of the program that runs
    """Silicon has something here that the simulator has not. Never answered as if all were well."""


class Peripheral:
    """A block of registers. Subclasses set ``name``, ``base`` and ``size`` and override what they need.

    With ``shadow = True`` reads by the CPU come from a page of RAM, at full speed and without a call; the class keeps
    that page true with :meth:`publish`. Writes always call :meth:`write`, after the storing instruction. Debugger
    reads always call :meth:`read`, so both must agree. Registers that change by being read must not be shadowed.
    """

    name: str = "peripheral"
    base: int = 0
    size: int = 0x400
    shadow: bool = False

    _page: memoryview | None = None

    def power_on(self) -> None:
        """Power-on reset; like :meth:`reset` unless something survives a system reset."""
        self.reset()

    def reset(self) -> None:
        """System reset."""

    def read(self, offset: int, width: int) -> int:
        """Return ``width`` bytes (1, 2, 4) at ``offset``. A shadow peripheral reads what it published."""
        if self._page is None:
            raise Unmodelled(f"{self.name}: read of {width} bytes at offset 0x{offset:X}")
        return int.from_bytes(self._page[offset : offset + width], "little")

    def write(self, offset: int, value: int, width: int) -> None:
        """Store ``width`` bytes (1, 2, 4) at ``offset``."""
        raise Unmodelled(f"{self.name}: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")

    def ready_for(self, offset: int) -> int:
        """Picosecond until which the bus stalls a store by the core to ``offset``; 0 when it does not."""
        del offset
        return 0

    def publish(self, offset: int, word: int) -> None:
        """Set the word at ``offset`` that CPU reads see, now. Only for shadow peripherals on a bus."""
        if self._page is None:
            raise RuntimeError(f"{self.name}: publish() before the peripheral was put on a bus as a shadow page")
        struct.pack_into("<I", self._page, offset, word & 0xFFFF_FFFF)


class FlashController(Protocol):
    """What a flash array asks the chip about stores and waiting."""

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Carry out a store to the array by core or debugger, through ``Bus.patch``; BusFault refuses it."""

    def busy_until(self) -> int:
        """Picosecond until which the array answers neither reads nor fetches; 0 when idle."""


class Memory:
    """RAM, ROM or a flash array; ``data`` is the content."""

    def __init__(self, name: str, base: int, size: int, controller: FlashController | None, *, ram: bool) -> None:
        self.name = name
        self.base = base
        self.size = size
        self.controller = controller
        self.ram = ram
        self.aliases: tuple[int, ...] = ()
        self.executable = True
        self.damage: Damage | None = None
        self.data = memoryview(bytearray(size))

    def store(self, address: int, value: int, width: int) -> None:
        """Carry out one store that is not to RAM."""
        if self.controller is None:
            raise BusFault(address, f"{self.name} is read-only")
        self.controller.flash_write(address, value, width)


Slot = tuple[int, int, "Memory | Peripheral"]
"""First address, size and owner of one piece of the map (an alias of a memory is a slot of its own)."""


class Bus:
    """The memory map. Built once; complete before the machine runs."""

    def __init__(self, *, bit_band: bool = True) -> None:
        self.slots: list[Slot] = []
        self.memories: list[Memory] = []
        self.peripherals: list[Peripheral] = []
        self.built = False
        self.from_debugger = False
        self.has_bit_band = bit_band
        self.on_patch: Callable[[int, int], None] | None = None
        self._pages: dict[int, list[Slot]] = {}

    # --- building the map

    def add_ram(
        self, name: str, base: int, size: int, aliases: tuple[int, ...] = (), *, execute: bool = True
    ) -> Memory:
        """Put RAM on the bus, visible at ``aliases`` too; its content is 0."""
        memory = Memory(name, base, size, None, ram=True)
        memory.aliases = tuple(aliases)
        memory.executable = execute
        return self._add_memory(memory)

    def add_rom(self, name: str, base: int, data: bytes) -> Memory:
        """Put read-only content on the bus; a store to it is a bus fault."""
        memory = self._add_memory(Memory(name, base, len(data), None, ram=False))
        memory.data[:] = data
        return memory

    def add_flash(
        self, name: str, base: int, size: int, controller: FlashController, aliases: tuple[int, ...] = ()
    ) -> Memory:
        """Put an erased (0xFF) flash array on the bus, visible at ``aliases`` too."""
        memory = Memory(name, base, size, controller, ram=False)
        memory.aliases = tuple(aliases)
        memory.data[:] = b"\xff" * size
        return self._add_memory(memory)

    def add_peripheral(self, peripheral: Peripheral) -> None:
        """Put a peripheral on the bus."""
        self._claim(peripheral.base, peripheral.size, peripheral)
        self.peripherals.append(peripheral)
        if peripheral.shadow:
            peripheral._page = memoryview(bytearray(peripheral.size))  # noqa: SLF001 - the bus owns it

    def _add_memory(self, memory: Memory) -> Memory:
        for base in (memory.base, *memory.aliases):
            self._claim(base, memory.size, memory)
        self.memories.append(memory)
        return memory

    def _claim(self, base: int, size: int, owner: Memory | Peripheral) -> None:
        if self.built:
            raise RuntimeError(f"{owner.name} was put on the bus after the machine had run")
        for first, length, other in self.slots:
            if base < first + length and first < base + size:
                raise ValueError(f"{owner.name} at 0x{base:08X} overlaps {other.name} at 0x{first:08X}")
        self.slots.append((base, size, owner))
        for page in range(base // PAGE, (base + size + PAGE - 1) // PAGE):
            self._pages.setdefault(page, []).append((base, size, owner))

    # --- the map as pages, for the engine

    def build(self) -> Iterator[tuple[int, memoryview, bool]]:
        """Move all content into whole pages and yield (address, pages, executable) for each run of them."""
        views: dict[int, tuple[memoryview, bool]] = {}
        for first, last in _runs(page for page in self._pages if self._is_memory(page) and not self._is_alias(page)):
            pages = memoryview(mmap.mmap(-1, (last - first) * PAGE))
            views[first] = (pages, any(self._executable(page) for page in range(first, last)))
            for base, size, owner in self.slots:
                if first * PAGE <= base < last * PAGE and base == owner.base:
                    offset = base - first * PAGE
                    pages[offset : offset + size] = self.content(owner)
                    self._place(owner, pages[offset : offset + size])
            yield first * PAGE, pages, views[first][1]
        for memory in self.memories:
            for alias in memory.aliases:
                first = max(first for first in views if first * PAGE <= memory.base)
                offset = memory.base - first * PAGE
                length = -(-memory.size // PAGE) * PAGE
                yield alias, views[first][0][offset : offset + length], True
        self.built = True

    def io_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield (address, size) of the pages that must be served by calls."""
        for first, last in _runs(page for page in self._pages if not self._is_memory(page)):
            yield first * PAGE, (last - first) * PAGE
        if self.has_bit_band:
            for alias, _ in _BIT_BANDS:
                yield alias, _BIT_BAND_SIZE

    def holes(self) -> Iterator[tuple[int, int]]:
        """Yield (address, size) of what nobody claimed inside pages of memory."""
        for page, slots in self._pages.items():
            if self._is_memory(page):
                at = page * PAGE
                for base, size, _ in sorted(slots, key=lambda slot: slot[0]):
                    if base > at:
                        yield at, base - at
                    at = max(at, base + size)
                if at < (page + 1) * PAGE:
                    yield at, (page + 1) * PAGE - at

    def content(self, owner: Memory | Peripheral) -> memoryview:
        """Return the bytes of a memory or of a shadow page."""
        data = owner.data if isinstance(owner, Memory) else owner._page  # noqa: SLF001 - the bus owns it
        if data is None:
            raise BusFault(owner.base, f"{owner.name} has no content to look at")
        return data

    def _is_memory(self, page: int) -> bool:
        return all(isinstance(slot[2], Memory) or slot[2].shadow for slot in self._pages[page])

    def _is_alias(self, page: int) -> bool:
        return any(page * PAGE < base + size and base <= page * PAGE for base, size in self._alias_ranges())

    def _alias_ranges(self) -> Iterator[tuple[int, int]]:
        for memory in self.memories:
            for alias in memory.aliases:
                yield alias, memory.size

    def _executable(self, page: int) -> bool:
        return any(isinstance(slot[2], Memory) and slot[2].executable for slot in self._pages[page])

    @staticmethod
    def _place(owner: Memory | Peripheral, view: memoryview) -> None:
        if isinstance(owner, Memory):
            owner.data = view
        else:
            owner._page = view  # noqa: SLF001 - the bus owns it

    # --- single accesses

    def find(self, address: int) -> Slot | None:
        """Return the slot that holds ``address``."""
        for slot in self._pages.get(address >> 12, ()):
            if slot[0] <= address < slot[0] + slot[1]:
                return slot
        return None

    def read(self, address: int, width: int) -> int:
        """Return ``width`` bytes at ``address``, aligned; side effects happen."""
        slot = self.find(address)
        if slot is None:
            return self._bit_band_read(address)
        base, _, owner = slot
        offset = address - base
        if isinstance(owner, Memory):
            if owner.damage:
                owner.damage.read(owner.base + offset, width)
            return int.from_bytes(owner.data[offset : offset + width], "little")
        return owner.read(offset, width)

    def write(self, address: int, value: int, width: int) -> None:
        """Store ``width`` bytes at ``address``, aligned."""
        slot = self.find(address)
        if slot is None:
            self._bit_band_write(address, value)
            return
        base, _, owner = slot
        if isinstance(owner, Peripheral):
            owner.write(address - base, value, width)
        elif owner.ram:
            offset = address - base
            owner.data[offset : offset + width] = value.to_bytes(width, "little")
            if self.on_patch is not None:
                self.on_patch(address, width)
        else:
            owner.store(owner.base + address - base, value, width)

    def bit_band_target(self, address: int) -> tuple[int, int] | None:
        """Return (address of the byte, bit) behind a bit-band alias word (DDI0403E B3.1, DDI0337 3.7)."""
        if self.has_bit_band:
            for alias, target in _BIT_BANDS:
                if alias <= address < alias + _BIT_BAND_SIZE:
                    bit = (address - alias) >> 2
                    return target + (bit >> 3), bit & 7
        return None

    def _bit_band_read(self, address: int) -> int:
        hit = self.bit_band_target(address)
        if hit is None:
            raise BusFault(address)
        byte, bit = hit
        return self.read(byte & ~3, 4) >> ((byte & 3) * 8 + bit) & 1

    def _bit_band_write(self, address: int, value: int) -> None:
        hit = self.bit_band_target(address)
        if hit is None:
            raise BusFault(address)
        byte, bit = hit
        mask = 1 << ((byte & 3) * 8 + bit)
        word = self.read(byte & ~3, 4)
        self.write(byte & ~3, word | mask if value & 1 else word & ~mask, 4)

    # --- raw content

    def peek(self, address: int, length: int) -> bytes:
        """Return raw content of memories and published registers, without side effects or time."""
        out = bytearray()
        while len(out) < length:
            data, offset = self._content(address + len(out))
            out += data[offset : offset + length - len(out)]
        return bytes(out)

    def patch(self, address: int, data: bytes) -> None:
        """Change content of a memory behind the CPU's back; translated code there is forgotten."""
        done = 0
        while done < len(data):
            content, offset = self._content(address + done)
            part = data[done : done + len(content) - offset]
            content[offset : offset + len(part)] = part
            done += len(part)
        if self.on_patch is not None:
            self.on_patch(address, len(data))

    def _content(self, address: int) -> tuple[memoryview, int]:
        slot = self.find(address)
        if slot is None:
            raise BusFault(address)
        return self.content(slot[2]), address - slot[0]


def _runs(pages: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last + 1) of each run of neighbouring pages."""
    first = last = None
    for page in sorted(pages):
        if first is None or last is None:
            first = page
        elif page != last:
            yield first, last
            first = page
        last = page + 1
    if first is not None and last is not None:
        yield first, last
