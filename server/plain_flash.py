"""Flash that a client writes as if it were RAM, for clients that are given no memory map.

What is written gathers by sector: a write into another sector, and whatever needs the flash as the client has written
it (a read, a resume, a reset, the end), programs what has gathered. Bytes that were not written keep their content.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..flash.memory_map import Region, region_at
from .capabilities import FlashCapability

__all__ = ["PlainFlash"]

log = logging.getLogger(__name__)


class PlainFlash:
    """Writes on their way into the flash; the core stands while there are any."""

    def __init__(self, flash: FlashCapability, regions: Iterable[Region]) -> None:
        self._flash = flash
        self._regions = tuple(region for region in regions if region.kind == "flash")
        self._sector: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is anything to program."""
        return self._sector is not None

    def __contains__(self, address: int) -> bool:
        return region_at(self._regions, address) is not None

    async def write(self, address: int, data: bytes) -> None:
        """Take bytes that begin in flash; raises ImageError where they leave it, and what programming raises."""
        region = region_at(self._regions, address)
        if region is None:
            self._flash.write(address, data)  # which says what is wrong with it
            return
        room = region.sector_size - (address - region.start) % region.sector_size
        sector = address + room - region.sector_size
        if sector != self._sector:
            await self.program()
        self._flash.write(address, data[:room])
        self._sector = sector
        if len(data) > room:
            await self.write(address + room, data[room:])

    async def program(self) -> None:
        """Carry out what has gathered; what failed is not tried again."""
        if self._sector is not None:
            self._sector = None
            log.info("%s", await self._flash.finish())
