"""Which chip it is: what the command line says of it, and what the target says itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..arm.memory import Memory
from ..probes.errors import UserError
from .chips import Chip, chip_named, fit, identify
from .errors import UnknownChipError
from .flm import Algorithm, read_flm
from .flm_chip import AlgorithmChip, chip_of_algorithms, chip_of_pack
from .pack import PackDevice, open_pack

__all__ = ["Selection", "select"]

log = logging.getLogger(__name__)

IDENTIFIED = "STM32"
"""Devices of packs that the table of chips may know, too."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is known of the chip before the target has been asked. Made by ``select``."""

    named: Chip | None = None
    algorithms: tuple[Algorithm, ...] = ()
    device: PackDevice | None = None
    ram: tuple[int, int] | None = None

    async def resolve(self, memory: Memory) -> Chip | AlgorithmChip:
        """The chip, with the target's help. Raises UnknownChipError; UserError or ImageError for what is missing."""
        if self.device is not None:
            known = await self._known(memory) if self.device.name.upper().startswith(IDENTIFIED) else None
            return chip_of_pack(self.device, self.algorithms, self.ram, known)
        if self.algorithms:
            return chip_of_algorithms(self.algorithms, await self._known(memory), self.ram)
        return await fit(memory, self.named) if self.named else await identify(memory)

    async def _known(self, memory: Memory) -> Chip | None:
        if self.named is not None:
            return await fit(memory, self.named)
        try:
            return await identify(memory)
        except UnknownChipError as error:
            log.debug("%s", error)
            return None


def select(
    name: str = "", flms: Sequence[Path] = (), pack: Path | None = None, ram: tuple[int, int] | None = None
) -> Selection:
    """Read the files; ``name`` is a device of the pack, or of the table of chips. Raises UserError or ImageError."""
    if ram is not None and not flms and pack is None:
        seen = "it is for flash algorithms, and none is given"
        raise UserError("Using --ram", seen, "Add --flm FILE or --pack FILE, or leave --ram out.")
    algorithms = tuple(read_flm(path) for path in flms)
    if pack is not None:
        return Selection(algorithms=algorithms, device=open_pack(pack).device(name), ram=ram)
    return Selection(chip_named(name) if name else None, algorithms, None, ram)
