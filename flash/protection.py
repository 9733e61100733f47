"""What stands between a debugger and the flash, read and put into sentences.

Nothing is changed here; ``unlock`` removes what can be removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..arm.memory import Memory
from ..probes.access import Batch
from .chips import Chip
from .memory_map import Sector
from .options import options_of

__all__ = ["ProtectionState", "describe_protection", "read_protection"]

OFF = "Readout protection is off (level 0): flash can be read, erased and programmed."
ON = "Readout protection is on (level 1): a debugger can neither read nor program the flash. To remove it, which erases"
FOR_EVER = "Readout protection is on for ever (level 2): this chip can be neither debugged nor unlocked any more."
FOREVER = 2


@dataclass(frozen=True, slots=True)
class ProtectionState:
    """``level``: readout protection, 0 to 2. ``guarded``: the sectors that are write-protected.

    ``reserved``: those that are another core's.
    ``secure``: TrustZone is in use. ``words``: the registers all of this was read from, by name.
    """

    level: int
    guarded: tuple[Sector, ...]
    reserved: tuple[Sector, ...]
    secure: bool
    words: Mapping[str, int]

    @property
    def locked(self) -> bool:
        """Whether there is anything to unlock."""
        return bool(self.level or self.guarded)


async def read_protection(memory: Memory, chip: Chip) -> ProtectionState:
    """Read it all, on a core that may be running. Raises what Memory raises."""
    protection = chip.family.protection
    options = options_of(chip.family.name)
    places = dict(protection.registers)
    if options is not None:
        places |= {name: chip.family.base + offset for name, offset in options.registers.items()}
    batch = Batch()
    slots = {name: batch.read(address) for name, address in places.items()}
    await memory.run(batch)
    words = {name: slot.value for name, slot in slots.items()}
    guarded = [sector for sector in sectors(chip) if protection.guarded(words, sector)]
    reserved = tuple(sector for sector in guarded if protection.reserved(words, sector))
    return ProtectionState(
        protection.level(words),
        tuple(sector for sector in guarded if sector not in reserved),
        reserved,
        protection.secure(words),
        words,
    )


def sectors(chip: Chip) -> Iterator[Sector]:
    """All sectors of the chip, in order of address."""
    for region in chip.flash:
        for start in region.sectors(region.start, region.end):
            yield region.sector(start)


def describe_protection(chip: Chip, state: ProtectionState) -> list[str]:
    """A sentence for each thing worth knowing."""
    options = options_of(chip.family.name)
    on = f"{ON} all of it, {chip.family.protection.readout_cure}"
    lines = [(OFF, on, FOR_EVER)[state.level]]
    if state.guarded:
        lines.append(f"Write-protected: {_places(state.guarded)}. {chip.family.protection.write_cure}")
    else:
        lines.append("No sector is write-protected.")
    if state.reserved:
        lines.append(f"Another core's, which cannot be programmed from here: {_places(state.reserved)}.")
    if options is not None:
        lines += [sentence for option in options.options if (sentence := option.sentence(state.words))]
    return lines


def _places(found: Sequence[Sector]) -> str:
    """So many sectors, and where they are."""
    areas: list[tuple[int, int]] = []
    for sector in found:
        if areas and areas[-1][1] == sector.start:
            areas[-1] = (areas[-1][0], sector.start + sector.size)
        else:
            areas.append((sector.start, sector.start + sector.size))
    places = ", ".join(f"0x{start:08X} to 0x{end - 1:08X}" for start, end in areas)
    return f"{len(found)} {'sector' if len(found) == 1 else 'sectors'}, {places}"
