"""Which chips there are: found by what they say about themselves, or by name."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError, UserError
from .device import KIB, Device, Part, Remap
from .errors import UnknownChipError
from .families import DEVICES
from .family import Family
from .ids import DEV_ID_MASK, read_idcode
from .memory_map import Mapped, Region, region_at

__all__ = ["DEFAULT_VOLTS", "Chip", "chip_named", "fit", "identify", "set_up_debug"]

DEFAULT_VOLTS = 3.3
"""Assumed where the probe measures no voltage and the user names none."""
BY_DEV_ID = {device.dev_id: device for device in DEVICES}
F4_AS_F2 = (0x411, 0xC24, 0x413)
"""First revision of STM32F405/407: it says it is an STM32F2, but that has a Cortex-M3 (STM32F40x errata 2.1.1)."""
SRAM_START = 0x2000_0000
ALIKE = 0.7
NEAREST = 4
"""How many names are offered where one was not found."""
SET_UP_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Chip(Mapped):
    """A chip as GDB and the flash engine need to know it. ``regions`` is everything GDB may touch.

    ``name`` is a part number; the pin letter is ``x`` where the chip was found by its ids, which do not tell it.
    """

    name: str
    description: str
    regions: tuple[Region, ...]
    family: Family
    device: Device
    part: Part

    @property
    def ram(self) -> Region:
        """The SRAM that a loader may use."""
        found = region_at(self.regions, SRAM_START)
        assert found is not None
        return found

    def at(self, volts: float) -> Chip:
        """The chip as it is to be programmed at this supply voltage."""
        return dataclasses.replace(self, family=self.family.at(volts))


def chip_named(name: str) -> Chip:
    """The chip with this part number; package and temperature letters may follow (STM32F103C8T6), case does not matter.

    Its banks are the usual ones until ``fit`` has read its option bytes. Raises UserError that offers the nearest
    names.
    """
    wanted = name.strip().upper()
    stem = re.fullmatch(r"(STM32[A-Z][A-Z\d]\w{2}[A-Z]\w)\w{0,4}", wanted)
    for candidate, device, part, pins in _names():
        if wanted == candidate.upper() or (stem and stem[1] == candidate.upper()):
            return _chip(device, part, pins)
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

    alike = [name for name, _, _, pins in _names() if pins != "x" and likeness(name) >= ALIKE]
    return sorted(alike, key=likeness, reverse=True)[:NEAREST]


def _names() -> Iterator[tuple[str, Device, Part, str]]:
    for device in DEVICES:
        for part in device.parts:
            for pins in (*part.pins, "x"):
                yield part.name(pins), device, part, pins


def _chip(device: Device, part: Part, pins: str, *, found: bool = False) -> Chip:
    name = f"{device.marking} ({part.flash_kib} KiB)" if found and device.marking else part.name(pins)
    regions = device.regions(part, device.usual)
    ram = region_at(regions, SRAM_START)
    assert ram is not None
    description = f"{name}, {device.title}, {part.flash_kib} KiB flash, {ram.size // KIB} KiB RAM"
    return Chip(name, description, regions, device.family, device, part)


async def fit(memory: Memory, chip: Chip) -> Chip:
    """``chip`` with the banks that its option bytes say, where they are seen now; raises what Memory raises."""
    if not chip.device.options:
        return chip
    word = await memory.read32(chip.device.options)
    regions = chip.device.regions(chip.part, word)
    if any(region.bank > 1 for region in regions) and await _remapped(memory, chip.device.remap):
        # The control register names a bank as it is built, wherever it is seen.
        regions = tuple(
            dataclasses.replace(region, bank=3 - region.bank) if region.kind == "flash" else region
            for region in regions
        )
    return dataclasses.replace(chip, regions=regions)


async def _remapped(memory: Memory, remap: Remap | None) -> bool:
    if remap is None:
        return False
    clocks = await memory.read32(remap.enable)
    if not clocks & remap.clock:
        await memory.write32(remap.enable, clocks | remap.clock)
    word = await memory.read32(remap.register)
    if not clocks & remap.clock:
        await memory.write32(remap.enable, clocks)
    return bool(word & remap.mask)


async def identify(memory: Memory) -> Chip:
    """Find the chip by DEV_ID, flash size register, option bytes and, between lines that share these, its RAM.

    Works on a running core; writes at most the clock enable that DBGMCU needs. Raises UnknownChipError where the
    answers make no sense, and what Memory raises.
    """
    attempt = "Identifying the chip"
    advice = (
        "Name it with --chip, for example --chip STM32F103C8, or give a flash algorithm for it with --flm or --pack."
    )
    idcode, core, tried = await read_idcode(memory)
    if not idcode:
        where = " or ".join(f"0x{address:08X}" for address in dict.fromkeys(tried))
        seen = f"there is nothing at {where}, where an STM32 with this core has its ids"
        raise UnknownChipError(attempt, seen, advice)
    dev_id = idcode & DEV_ID_MASK
    device = BY_DEV_ID.get(F4_AS_F2[2] if (dev_id, core) == F4_AS_F2[:2] else dev_id)
    if device is None:
        seen = f"DBGMCU_IDCODE reads 0x{idcode:08X}, and DEV_ID 0x{dev_id:03X} is none of the chips known here"
        raise UnknownChipError(attempt, seen, advice)
    kib = await _flash_kib(memory, device, attempt, advice)
    candidates = [part for part in device.parts if part.flash_kib == kib]
    if not candidates:
        known = ", ".join(str(size) for size in device.sizes)
        seen = (
            f"the flash size register at 0x{device.size_register:08X} reads {kib} KiB (0x{kib:04X}), "
            f"and {device.marking or device.title} parts have {known} KiB"
        )
        raise UnknownChipError(attempt, seen, advice)
    part = await _with_ram_that_is_there(memory, candidates)
    return await fit(memory, _chip(device, part, "x", found=True))


async def _flash_kib(memory: Memory, device: Device, attempt: str, advice: str) -> int:
    batch = Batch()
    size = batch.read(device.size_register, width=2)
    try:
        await memory.run(batch)
    except AccessFaultError as error:
        seen = f"there is nothing at 0x{error.address:08X}, where {device.marking or device.title} parts have their ids"
        raise UnknownChipError(attempt, seen, advice) from error
    return device.size_of(size.value)


async def _with_ram_that_is_there(memory: Memory, parts: Sequence[Part]) -> Part:
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

    To be called once after connecting; a power-on reset undoes it. A fast watchdog may reset the chip meanwhile, which
    takes the clock of DBGMCU away on some: it is done again until it is found done. Raises what Memory raises.
    """
    for _ in range(SET_UP_ATTEMPTS):
        if not await _set_up_debug_once(memory, chip):
            return


async def _set_up_debug_once(memory: Memory, chip: Chip) -> bool:
    """Return whether there was anything to be written."""
    written = False
    for _, group in itertools.groupby(chip.family.debug_setup, key=lambda step: step.gated):
        setups = list(group)
        batch = Batch()
        before = [batch.read(setup.address) for setup in setups]
        await memory.run(batch)
        batch = Batch()
        for setup, word in zip(setups, before, strict=True):
            if setup.changed(word.value) != word.value:
                batch.write(setup.address, setup.changed(word.value))
                written = True
        await memory.run(batch)
    return written
