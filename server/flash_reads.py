"""Reads of flash while the core stands: each page is fetched once a stop, and clients read it a dozen times.

Nothing but the program and this server can change flash. So a copy holds for as long as neither has run:
whoever lets the core run or programs flash has to ``forget``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..flash.memory_map import Region, region_at
from ..probes.errors import AccessFaultError

__all__ = ["PAGE", "FlashReads"]

PAGE = 512
"""Bytes fetched at once, from a multiple of it on: most functions, for the transfers of four bytes."""


class FlashReads:
    """Reads through ``read`` (address, length), which is asked for the pages that are not there yet."""

    def __init__(self, read: Callable[[int, int], Awaitable[bytes]], regions: Sequence[Region]) -> None:
        self._read = read
        self._regions = tuple(region for region in regions if region.kind == "flash")
        self._pages: dict[int, bytes] = {}

    def forget(self) -> None:
        """Flash may change from now on."""
        self._pages.clear()

    async def read(self, address: int, length: int) -> bytes:
        """``length`` bytes; what is not flash from end to end is read as it is."""
        region = region_at(self._regions, address)
        if region is None or length > PAGE or address + length > region.start + region.size:
            return await self._read(address, length)
        data = b""
        for page in range(address // PAGE * PAGE, address + length, PAGE):
            data += await self._page(page, region)
        skipped = address - max(address // PAGE * PAGE, region.start)
        whole = data[skipped : skipped + length]
        # A page that cannot be read as a whole (an uncorrectable error in it, a hole) is left to the exact read.
        return whole if len(whole) == length else await self._read(address, length)

    async def _page(self, page: int, region: Region) -> bytes:
        if page not in self._pages:
            start, end = max(page, region.start), min(page + PAGE, region.start + region.size)
            try:
                self._pages[page] = await self._read(start, end - start)
            except AccessFaultError:
                return b""
        return self._pages[page]
