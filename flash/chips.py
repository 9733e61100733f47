"""Which chips there are: found by what they say about themselves, or by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError, TargetError, UserError
from .families.stm32f1 import DBGMCU_IDCODE, FLASH_SIZE, STM32F1
from .families.stm32f1_chips import DENSITIES, FLASH_KIB, PARTS, Part, regions
from .family import Family
from .memory_map import Region, region_at

__all__ = ["Chip", "chip_named", "identify", "set_up_debug"]

DEV_ID_MASK = 0xFFF
SRAM_START = 0x2000_0000
ALIKE = 0.7
NEAREST = 4
"""How many names are offered where one was not found."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip as GDB and the flash engine need to know it. ``regions`` is everything GDB may touch.

    ``name`` is a part number; the pin letter is ``x`` where the chip was found by its ids, which do not tell it.
    """

    name: str
    description: str
    regions: tuple[Region, ...]
    family: Family

    @property
    def flash(self) -> tuple[Region, ...]:
        """The flash banks, in order of address."""
        return tuple(region for region in self.regions if region.kind == "flash")

    @property
    def ram(self) -> Region:
        """The SRAM that a loader may use."""
        found = region_at(self.regions, SRAM_START)
        assert found is not None
        return found

    def flash_at(self, address: int) -> Region | None:
        """The flash bank that holds ``address``."""
        return region_at(self.flash, address)


def chip_named(name: str) -> Chip:
    """The chip with this part number; package and temperature letters may follow (STM32F103C8T6), case does not matter.

    Raises UserError that offers the nearest names.
    """
    wanted = name.strip().upper()
    stem = re.fullmatch(r"(STM32[A-Z]\d{3}[A-Z]\w)\w{0,4}", wanted)
    for candidate, part, pins in _names():
        if stem and stem[1] == candidate.upper():
            return _chip(part, pins)
    offer = ", ".join(_nearest(wanted))
    raise UserError(
        f"Looking for a chip named {name!r}",
        "no such chip is known",
        f"The nearest names are {offer}."
        if offer
        else "Names look like STM32F103C8; leave it out to have the chip identified.",
    )


def _nearest(wanted: str) -> list[str]:
    """The part numbers most like ``wanted``; of equally similar ones those with the same letters in the same places."""

    def likeness(name: str) -> float:
        in_place = sum(a == b for a, b in zip(name, wanted, strict=False)) / len(name)
        return difflib.SequenceMatcher(None, wanted, name).ratio() + in_place / 10

    alike = [name for name, _, pins in _names() if pins != "x" and likeness(name) >= ALIKE]
    return sorted(alike, key=likeness, reverse=True)[:NEAREST]


def _names() -> Iterator[tuple[str, Part, str]]:
    for part in PARTS:
        for pins in (*part.pins, "x"):
            yield part.name(pins), part, pins


def _chip(part: Part, pins: str) -> Chip:
    description = (
        f"{part.name(pins)}, {DENSITIES[part.dev_id].name}, {part.flash_kib} KiB flash, {part.ram_kib} KiB RAM"
    )
    return Chip(part.name(pins), description, regions(part), STM32F1)


async def identify(memory: Memory) -> Chip:
    """Find the chip by DEV_ID (DBGMCU_IDCODE), the flash size register and, between lines that share both, its RAM.

    Reads only; works on a running core. Raises TargetError where the answers make no sense, and what Memory raises.
    """
    batch = Batch()
    idcode, size = batch.read(DBGMCU_IDCODE), batch.read(FLASH_SIZE, width=2)
    attempt = "Identifying the chip"
    advice = "Name it with --chip, for example --chip STM32F103C8."
    try:
        await memory.run(batch)
    except AccessFaultError as error:
        seen = f"there is nothing at 0x{error.address:08X}, where an STM32F1 has its ids"
        raise TargetError(attempt, seen, advice) from error
    dev_id = idcode.value & DEV_ID_MASK
    if dev_id not in DENSITIES:
        seen = f"DBGMCU_IDCODE reads 0x{idcode.value:08X}, and DEV_ID 0x{dev_id:03X} is none of the chips known here"
        raise TargetError(attempt, seen, advice)
    parts = [part for part in PARTS if part.dev_id == dev_id and part.flash_kib == size.value]
    if not parts:
        known = ", ".join(str(kib) for kib in sorted({FLASH_KIB[p.flash] for p in PARTS if p.dev_id == dev_id}))
        seen = (
            f"the flash size register at 0x{FLASH_SIZE:08X} reads {size.value} KiB (0x{size.value:04X}), "
            f"and {DENSITIES[dev_id].name} parts have {known} KiB"
        )
        raise TargetError(attempt, seen, advice)
    return _chip(await _with_ram_that_is_there(memory, parts), "x")


async def _with_ram_that_is_there(memory: Memory, parts: list[Part]) -> Part:
    """The first part whose last word of RAM answers; parts with the largest RAM are asked first."""
    parts = sorted(parts, key=lambda part: -part.ram_kib)
    for part in parts:
        if part.ram_kib == parts[-1].ram_kib:
            return part
        try:
            await memory.read32(SRAM_START + part.ram_kib * 1024 - 4)
        except AccessFaultError:
            continue
        return part
    return parts[-1]


async def set_up_debug(memory: Memory, chip: Chip) -> None:
    """Make halting safe for as long as a debugger is there: watchdogs stand still, sleep keeps the debug port alive.

    To be called once after connecting; a power-on reset undoes it. Raises what Memory raises.
    """
    batch = Batch()
    before = [batch.read(setup.address) for setup in chip.family.debug_setup]
    await memory.run(batch)
    batch = Batch()
    for setup, word in zip(chip.family.debug_setup, before, strict=True):
        if setup.changed(word.value) != word.value:
            batch.write(setup.address, setup.changed(word.value))
    await memory.run(batch)
