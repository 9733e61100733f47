"""CoreSight identification: ROM table entries and component ids.

ADIv5.2 IHI0031F, part D (ROM tables, chapter D2 and D3); DDI0403E B3.2 and appendix for the Cortex-M ones.
All offsets count from the component's 4 KiB page.
"""

from __future__ import annotations

from enum import IntEnum

from .register import Register, Word, bit, bits

__all__ = [
    "CIDR_OFFSETS",
    "CORTEX_M_ROM_TABLE",
    "DEVARCH",
    "DEVTYPE",
    "PIDR_OFFSETS",
    "SCS_BASE",
    "ComponentClass",
    "RomEntry",
    "component_class",
    "designer_and_part",
]

CORTEX_M_ROM_TABLE = 0xE00F_F000
"""Where Cortex-M keeps its ROM table; a vendor's own table may stand before it (MEM-AP BASE tells)."""

SCS_BASE = 0xE000_E000

CIDR_OFFSETS = (0xFF0, 0xFF4, 0xFF8, 0xFFC)
"""CIDR0 to CIDR3, one byte each (IHI0031F D1.2.1); together B105x00D, x the component class."""

PIDR_OFFSETS = (0xFE0, 0xFE4, 0xFE8, 0xFEC, 0xFD0, 0xFD4, 0xFD8, 0xFDC)
"""PIDR0 to PIDR7, one byte each, least significant first (IHI0031F D1.2.2)."""


class RomEntry(Word):
    """One word of a ROM table (IHI0031F D3.3.1); 0 ends the table."""

    PRESENT = bit(0)
    FORMAT = bit(1)
    POWERIDVALID = bit(2)
    POWERID = bits(4, 5)
    OFFSET = bits(12, 20)

    def component(self, table: int) -> int:
        """Base address of the component, OFFSET being signed and relative to ``table``."""
        return (table + (self.value & 0xFFFF_F000)) & 0xFFFF_FFFF


class DEVARCH(Register, address=0xFBC):
    """Device Architecture of a CoreSight component (IHI0031F D1.2)."""

    ARCHID = bits(0, 16)
    REVISION = bits(16, 4)
    PRESENT = bit(20)
    ARCHITECT = bits(21, 11)


class DEVTYPE(Register, address=0xFCC):
    """Device Type of a CoreSight component (IHI0031F D1.2)."""

    MAJOR = bits(0, 4)
    SUB = bits(4, 4)


class ComponentClass(IntEnum):
    """CIDR1[7:4] (IHI0031F D1.2.1)."""

    GENERIC_VERIFICATION = 0x0
    ROM_TABLE = 0x1
    CORESIGHT = 0x9
    PERIPHERAL_TEST_BLOCK = 0xB
    GENERIC_IP = 0xE
    PRIMECELL = 0xF


def component_class(cidr: int) -> ComponentClass | None:
    """Class from the four CIDR bytes as one word; None when the preamble B105x00D is not there."""
    if cidr & 0xFFFF_0FFF != 0xB105_000D:
        return None
    try:
        return ComponentClass(cidr >> 12 & 0xF)
    except ValueError:
        return None


def designer_and_part(pidr: int) -> tuple[int, int]:
    """JEP106 designer (continuation count in bits 11:7, code in bits 6:0) and part number from the eight PIDR bytes."""
    return (pidr >> 32 & 0xF) << 7 | (pidr >> 12 & 0x7F), pidr & 0xFFF
