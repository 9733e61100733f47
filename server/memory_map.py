"""The memory map as GDB reads it (GDB manual, node Memory Map Format)."""

from __future__ import annotations

from collections.abc import Iterable

from ..flash.memory_map import Region

__all__ = ["memory_map"]

DOCTYPE = (
    '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"'
    ' "http://sourceware.org/gdb/gdb-memory-map.dtd">'
)


def memory_map(regions: Iterable[Region]) -> bytes:
    """XML for ``regions`` in ascending order. GDB refuses every address that is not in it by itself."""
    lines = [
        '<?xml version="1.0"?>',
        DOCTYPE,
        "<memory-map>",
    ]
    lines += [_memory(region) for region in sorted(regions, key=lambda region: region.start)]
    lines.append("</memory-map>")
    return "\n".join(lines).encode()


def _memory(region: Region) -> str:
    head = f'<memory type="{region.kind}" start="{region.start:#x}" length="{region.size:#x}"'
    if region.kind != "flash":
        return head + "/>"
    return head + f'><property name="blocksize">{region.sector_size:#x}</property></memory>'
