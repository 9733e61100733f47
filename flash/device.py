"""What tells chips apart: part numbers, and what a DEV_ID stands for. ``families/`` holds them filled in.

A part number is line, letter for the pins, letter for the flash (STM32 F103 C 8); what follows (package, temperature
range) does not matter to a debugger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .family import Family
from .memory_map import Region

__all__ = ["FLASH_KIB", "KIB", "Device", "Part", "Remap", "bank_of", "memory_map", "parts"]

KIB = 1024

FLASH_KIB = {
    "3": 8, "4": 16, "6": 32, "8": 64, "B": 128, "Z": 192, "C": 256, "D": 384, "E": 512, "F": 768, "Y": 640,
    "G": 1024, "H": 1536, "I": 2048, "J": 4096,
}  # fmt: skip
"""What the letter for the flash says."""


@dataclass(frozen=True, slots=True)
class Part:
    """One row: all chips of a line with the same flash and RAM, pins apart. ``ram_kib`` is what tells lines apart."""

    line: str
    pins: str
    flash: str
    dev_id: int
    ram_kib: int
    kib: int = 0
    """Flash in KiB where the letter means something else than usual."""

    variant: str = ""
    """What tells two with the same letters apart, such as -A."""

    @property
    def flash_kib(self) -> int:
        """Flash in KiB."""
        return self.kib or FLASH_KIB[self.flash]

    def name(self, pins: str = "x") -> str:
        """The part number, with ``x`` where the pins are not known."""
        return f"STM32{self.line}{pins}{self.flash}{self.variant}"


@dataclass(frozen=True, slots=True)
class Remap:
    """A bit that shows the second flash bank first; it can be read with the bits ``clock`` of ``enable`` set."""

    register: int
    mask: int
    enable: int
    clock: int


@dataclass(frozen=True, slots=True)
class Device:
    """All chips with one DEV_ID.

    ``title`` is what the manual calls them; ``marking`` is the name of a chip that its ids alone do not tell from
    others ("" where the first of ``parts`` that fits does). ``size_register`` has the flash's KiB in its low
    half-word. ``regions`` makes the memory map of a part from the part and the word at ``options`` (0: there is
    nothing to be known from option bytes), which ``usual`` stands for until it has been read. ``size_of``
    makes KiB of what the size register reads. ``remap``: where firmware, or the boot ROM, may have swapped the banks.
    """

    dev_id: int
    title: str
    family: Family
    parts: Sequence[Part]
    size_register: int
    regions: Callable[[Part, int], tuple[Region, ...]]
    marking: str = ""
    options: int = 0
    usual: int = 0
    size_of: Callable[[int], int] = int
    remap: Remap | None = None

    @property
    def sizes(self) -> list[int]:
        """The flash sizes there are, in KiB."""
        return sorted({part.flash_kib for part in self.parts})


def parts(dev_id: int, ram_kib: int, rows: str) -> tuple[Part, ...]:
    """Parts from rows like "F405 OE/ORVZG 112": line, pins and flash letters, KiB of RAM where not ``ram_kib``.

    A further number is the flash in KiB where it is not what its letter says.
    The last letter of each group is for the flash, those before it for the pins: "ORVZG" are OG, RG, VG and ZG.
    """

    def read() -> Iterator[Part]:
        for row in rows.split(","):
            line, groups, *numbers = row.split()
            sizes = [int(number) for number in numbers]
            for group in groups.split("/"):
                letters, dash, variant = group.partition("-")
                ram, kib = (*sizes, 0, 0)[:2]
                yield Part(line, letters[:-1], letters[-1], dev_id, ram or ram_kib, kib, dash + variant)

    return tuple(read())


def bank_of(bank: int, start: int, *sectors: tuple[int, int]) -> Iterator[Region]:
    """The regions of a flash bank from ``start`` on; ``sectors`` are (count, size), in order."""
    number = 0
    for count, size in sectors:
        if count > 0:
            name = "flash" if bank == 1 else f"flash bank {bank}"
            yield Region("flash", name, start, count * size, size, bank, number)
        start, number = start + count * size, number + count


def memory_map(
    flash: Sequence[Region],
    ram: Sequence[tuple[str, int, int]],
    rom: Sequence[tuple[str, int, int]],
    *,
    bit_band: bool,
    boot_alias: bool = True,
) -> tuple[Region, ...]:
    """All that GDB may touch: what every STM32 has, with these (name, start, size) of its own.

    The first RAM is the one at 0x20000000. ``boot_alias``: the flash is seen at address 0, too.
    """
    size = sum(region.size for region in flash)
    alias = [Region("ram", "SRAM bit-band", 0x2200_0000, ram[0][2] * 32)] if bit_band else []
    return tuple(
        sorted(
            [
                *([Region("rom", "boot alias", 0x0000_0000, size)] if boot_alias else []),
                *flash,
                *(Region("ram", name, start, length) for name, start, length in ram),
                *(Region("rom", name, start, length) for name, start, length in rom),
                *alias,
                Region("ram", "peripherals", 0x4000_0000, 0x2000_0000),
                Region("ram", "external memory", 0x6000_0000, 0x4000_0000),
                Region("ram", "external memory controllers", 0xA000_0000, 0x4000_0000),
                Region("ram", "private peripheral bus", 0xE000_0000, 0x10_0000),
            ],
            key=lambda region: region.start,
        )
    )
