"""The STM32F1 part numbers: line, letters for the pins, letter for the flash, DEV_ID, RAM in KiB.

DEV_IDs: RM0008 31.6.1, RM0041 25.6.1. RAM: the data sheets' device summaries.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..device import KIB, Device, Part
from ..memory_map import Region
from .stm32f1 import BANK_2, FLASH_SIZE, FLASH_START, STM32F1

__all__ = ["DEVICES", "PARTS"]


@dataclass(frozen=True, slots=True)
class Density:
    """What a DEV_ID says: page size and system memory. ``external`` parts have the FSMC."""

    name: str
    page: int
    system_start: int = 0x1FFF_F000
    external: bool = False


DENSITIES = {
    0x410: Density("medium density", 1 * KIB),
    0x412: Density("low density", 1 * KIB),
    0x414: Density("high density", 2 * KIB, external=True),
    0x418: Density("connectivity line", 2 * KIB, system_start=0x1FFF_B000),
    0x420: Density("low and medium density value line", 1 * KIB),
    0x428: Density("high density value line", 2 * KIB, external=True),
    0x430: Density("XL density", 2 * KIB, system_start=0x1FFF_E000, external=True),
}

PARTS = (
    # F103 first: where a DEV_ID, a flash size and a RAM size leave several lines, the first row wins
    Part("F103", "CRT", "4", 0x412, 6),
    Part("F103", "CRT", "6", 0x412, 10),
    Part("F103", "CRTV", "8", 0x410, 20),
    Part("F103", "CRTV", "B", 0x410, 20),
    Part("F103", "RVZ", "C", 0x414, 48),
    Part("F103", "RVZ", "D", 0x414, 64),
    Part("F103", "RVZ", "E", 0x414, 64),
    Part("F103", "RVZ", "F", 0x430, 96),
    Part("F103", "RVZ", "G", 0x430, 96),
    Part("F101", "CRT", "4", 0x412, 4),
    Part("F101", "CRT", "6", 0x412, 6),
    Part("F101", "CRTV", "8", 0x410, 10),
    Part("F101", "CRTV", "B", 0x410, 16),
    Part("F101", "RVZ", "C", 0x414, 32),
    Part("F101", "RVZ", "D", 0x414, 48),
    Part("F101", "RVZ", "E", 0x414, 48),
    Part("F101", "RVZ", "F", 0x430, 80),
    Part("F101", "RVZ", "G", 0x430, 80),
    Part("F102", "CR", "4", 0x412, 4),
    Part("F102", "CR", "6", 0x412, 6),
    Part("F102", "CR", "8", 0x410, 10),
    Part("F102", "CR", "B", 0x410, 16),
    Part("F105", "RV", "8", 0x418, 64),
    Part("F105", "RV", "B", 0x418, 64),
    Part("F105", "RV", "C", 0x418, 64),
    Part("F107", "RV", "B", 0x418, 64),
    Part("F107", "RV", "C", 0x418, 64),
    Part("F100", "CR", "4", 0x420, 4),
    Part("F100", "CR", "6", 0x420, 4),
    Part("F100", "CRV", "8", 0x420, 8),
    Part("F100", "CRV", "B", 0x420, 8),
    Part("F100", "RVZ", "C", 0x428, 24),
    Part("F100", "RVZ", "D", 0x428, 32),
    Part("F100", "RVZ", "E", 0x428, 32),
)


def _regions(part: Part, _options: int) -> tuple[Region, ...]:
    """The memory map of a part (RM0008 3.3): all that GDB may touch."""
    density = DENSITIES[part.dev_id]
    size, ram = part.flash_kib * KIB, part.ram_kib * KIB
    bank_1 = min(size, BANK_2 - FLASH_START) if part.dev_id == 0x430 else size
    flash = [Region("flash", "flash", FLASH_START, bank_1, density.page)]
    if size > bank_1:
        flash.append(Region("flash", "flash bank 2", BANK_2, size - bank_1, density.page, bank=2))
    external = [
        Region("ram", "external memory", 0x6000_0000, 0x4000_0000),
        Region("ram", "FSMC registers", 0xA000_0000, 0x1000),
    ]
    return (
        Region("rom", "boot alias", 0x0000_0000, size),
        *flash,
        Region("rom", "system memory", density.system_start, 0x1FFF_F800 - density.system_start),
        Region("rom", "option bytes", 0x1FFF_F800, 16),
        Region("ram", "SRAM", 0x2000_0000, ram),
        Region("ram", "SRAM bit-band", 0x2200_0000, ram * 32),
        Region("ram", "peripherals", 0x4000_0000, 0x2000_0000),
        *(external if density.external else ()),
        Region("ram", "private peripheral bus", 0xE000_0000, 0x10_0000),
    )


DEVICES = tuple(
    Device(dev_id, density.name, STM32F1, tuple(part for part in PARTS if part.dev_id == dev_id), FLASH_SIZE, _regions)
    for dev_id, density in DENSITIES.items()
)
