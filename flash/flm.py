"""CMSIS-Pack flash algorithms: an FLM file is an ELF program with the functions that drive one flash.

Open-CMSIS-Pack specification, "Flash Programming": sections PrgCode (position independent), PrgData (reached by R9, the
static base) and DevDscr, which holds the structure FlashDevice (FlashOS.h). What an algorithm does not say right is
refused here, in a sentence with the file's name and the field, before any of it runs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..probes.errors import ImageError
from .memory_map import Region

if TYPE_CHECKING:
    from .elf import ElfParts, Section

__all__ = ["Algorithm", "parse_flm", "read_flm"]

CODE, DATA, DESCRIPTION = "PrgCode", "PrgData", "DevDscr"
REQUIRED = ("Init", "UnInit", "EraseSector", "ProgramPage")
OPTIONAL = ("EraseChip", "BlankCheck", "Verify")
HARMLESS = (".ARM.exidx", ".ARM.extab", ".note")
"""Sections that occupy memory and that an algorithm does without."""

DEVICE = struct.Struct("<H128sHIIIIB3xII")
"""Vers, DevName, DevType, DevAdr, szDev, szPage, Res, valEmpty, toProg, toErase."""
SECTOR = struct.Struct("<II")
END = (0xFFFF_FFFF, 0xFFFF_FFFF)
MOST_SECTOR_ENTRIES = 512
ONCHIP = 1
ADDRESS_SPACE = 1 << 32
LARGEST_FILE = 16 << 20
LARGEST_IMAGE = 1 << 20
LARGEST_PAGE = 64 << 10
WORD = 4
USUAL_SECONDS = 10.0
"""Limit for a call where the file names none."""
LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One flash algorithm. Addresses in ``image``, ``static_base`` and ``entries`` count from where it is put in RAM.

    ``image`` is code, data and zeroed data. ``page`` bytes are programmed by one call, to ``erased`` before. The time
    limits are the file's own, in seconds. ``regions`` are the flash with its sectors.
    """

    file: str
    device: str
    start: int
    size: int
    page: int
    erased: int
    on_chip: bool
    program_seconds: float
    erase_seconds: float
    regions: tuple[Region, ...]
    image: bytes
    static_base: int
    entries: Mapping[str, int]


def read_flm(path: Path) -> Algorithm:
    """Read a file; raises ImageError."""
    attempt = _attempt(path.name)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ImageError(attempt, f"{path} cannot be read ({error.strerror})") from error
    return parse_flm(path.name, content)


def parse_flm(name: str, content: bytes) -> Algorithm:
    """Take an FLM file apart; raises ImageError."""
    from .elf import read_parts

    attempt = _attempt(name)
    if len(content) > LARGEST_FILE:
        raise ImageError(attempt, f"it is larger than {LARGEST_FILE >> 20} MiB, so it is no flash algorithm")
    parts = read_parts(attempt, content)
    program = _program(attempt, parts)
    content = _description(attempt, parts)
    _, title, kind, start, size, page, _, erased, program_ms, erase_ms = DEVICE.unpack_from(content)
    _check_device(attempt, start, size, page)
    table = list(_table(attempt, content[DEVICE.size :], size))
    page = _page(attempt, page, table)
    return Algorithm(
        file=name,
        device=title.split(b"\0")[0].decode("latin-1").strip(),
        start=start,
        size=size,
        page=page,
        erased=erased,
        on_chip=kind == ONCHIP,
        program_seconds=_limit(program_ms),
        erase_seconds=_limit(erase_ms),
        regions=tuple(_regions(start, table)),
        image=program.image,
        static_base=program.static_base,
        entries=program.entries,
    )


def _attempt(name: str) -> str:
    return f"Reading the flash algorithm {name}"


# --- code and data


@dataclass(frozen=True, slots=True)
class Program:
    """What goes to RAM; see Algorithm."""

    image: bytes
    static_base: int
    entries: Mapping[str, int]


def _program(attempt: str, parts: ElfParts) -> Program:
    """Code, data and zeroed data as they lie in RAM."""
    code = [section for section in parts.sections if section.name == CODE]
    if len(code) != 1 or not code[0].data:
        found = ", ".join(section.name for section in parts.sections) or "none"
        raise ImageError(attempt, f"it has no section {CODE} (its sections in memory: {found})")
    data = [section for section in parts.sections if section.name == DATA and section.size]
    _require_independence(attempt, parts, code[0], data)
    end = max(section.address + section.size for section in (*code, *data))
    image = bytearray(-(-end // WORD) * WORD)
    for section in (*code, *data):
        image[section.address : section.address + len(section.data)] = section.data
    base = min((section.address for section in data), default=len(image))
    return Program(bytes(image), base, _entries(attempt, parts, code[0].size))


def _require_independence(attempt: str, parts: ElfParts, code: Section, data: list[Section]) -> None:
    """It must run wherever it is put: nothing in it may depend on the address it was linked for."""
    advice = "Build it position independent, code and data (ROPI and RWPI), with both linked to follow address 0."
    if code.address:
        raise ImageError(attempt, f"its {CODE} is linked for 0x{code.address:08X} and not for 0", advice)
    position = code.size
    for section in sorted(data, key=lambda section: section.address):
        if not position <= section.address <= position + LARGEST_IMAGE:
            seen = f"its {DATA} is linked for 0x{section.address:08X}, not behind {CODE}, which ends at 0x{position:X}"
            raise ImageError(attempt, seen, advice)
        position = section.address + section.size
    if position > LARGEST_IMAGE:
        raise ImageError(attempt, f"its {CODE} and {DATA} take {position} bytes of RAM, which no algorithm does")
    for section in (code, *data):
        if section.absolute:
            words = f"{section.absolute} word{'s' if section.absolute > 1 else ''}"
            seen = f"its {section.name} has {words} with an absolute address (relocation R_ARM_ABS32)"
            raise ImageError(attempt, seen, advice)
    for section in parts.sections:
        if section.name not in (CODE, DATA, DESCRIPTION) and not section.name.startswith(HARMLESS) and section.size:
            seen = f"it has a section {section.name}, which is neither {CODE} nor {DATA}"
            raise ImageError(attempt, seen, "Check the linker script: nothing else is put into the target's RAM.")


def _entries(attempt: str, parts: ElfParts, size: int) -> dict[str, int]:
    """Functions by name, in code of ``size`` bytes."""
    entries = {}
    for name in (*REQUIRED, *OPTIONAL):
        value = parts.symbols.get(name)
        if value is None:
            if name in REQUIRED:
                seen = f"it has no function {name}"
                raise ImageError(attempt, seen, "It must have Init, UnInit, EraseSector and ProgramPage.")
            continue
        if not value & 1 or value > size:
            seen = f"its function {name} is at 0x{value:X}, which is not Thumb code inside {CODE}"
            raise ImageError(attempt, seen)
        entries[name] = value - 1
    return entries


# --- the structure FlashDevice


def _description(attempt: str, parts: ElfParts) -> bytes:
    """The bytes from FlashDevice to the end of its section."""
    section = next((section for section in parts.sections if section.name == DESCRIPTION), None)
    if section is None or not section.data:
        raise ImageError(attempt, f"it has no section {DESCRIPTION} with a structure FlashDevice")
    offset = parts.symbols.get("FlashDevice", section.address) - section.address
    content = section.data[offset:] if 0 <= offset < len(section.data) else b""
    if len(content) < DEVICE.size:
        seen = f"its structure FlashDevice has {len(content)} bytes in {DESCRIPTION}, of {DEVICE.size} without sectors"
        raise ImageError(attempt, seen)
    return content


def _page(attempt: str, page: int, table: list[tuple[int, int, int]]) -> int:
    """What one call programs: a page, or less where sectors are no whole pages."""
    part = math.gcd(page, *(sector for sector, _, _ in table))
    if part % WORD:
        raise ImageError(attempt, f"FlashDevice.szPage is {page}, which divides its sectors into parts of no word")
    return part


def _check_device(attempt: str, start: int, size: int, page: int) -> None:
    if not size or start + size > ADDRESS_SPACE:
        raise ImageError(attempt, f"FlashDevice.szDev is 0x{size:X} from DevAdr 0x{start:08X} on, which is no flash")
    if not 0 < page <= LARGEST_PAGE:
        raise ImageError(attempt, f"FlashDevice.szPage is {page}, and a page has 1 to {LARGEST_PAGE} bytes")


def _limit(milliseconds: int) -> float:
    return min(milliseconds / 1000, LONGEST_SECONDS) if milliseconds else USUAL_SECONDS


def _table(attempt: str, content: bytes, size: int) -> Iterator[tuple[int, int, int]]:
    """Sector size, offset and count of each entry: sectors of that size from there to the next entry.

    What no whole sector fills is a hole; entries behind the device are those of larger ones.
    """
    entries: list[tuple[int, int]] = []
    for position in range(0, len(content) - SECTOR.size + 1, SECTOR.size):
        entry = SECTOR.unpack_from(content, position)
        if entry == END:
            break
        entries.append(entry)
        if len(entries) > MOST_SECTOR_ENTRIES:
            raise ImageError(attempt, f"FlashDevice.sectors has more than {MOST_SECTOR_ENTRIES} entries")
    else:
        seen = f"FlashDevice.sectors has no end: no entry of {len(entries)} is 0xFFFFFFFF, 0xFFFFFFFF"
        raise ImageError(attempt, seen)
    found = False
    for number, (sector, offset) in enumerate(entries):
        end = entries[number + 1][1] if number + 1 < len(entries) else size
        if not sector or (end <= offset and number + 1 < len(entries)):
            seen = f"FlashDevice.sectors[{number}] is 0x{sector:X} bytes at 0x{offset:X}, the next one at 0x{end:X}"
            raise ImageError(attempt, seen, "Sector sizes are not 0, and offsets increase.")
        count = max(0, min(end, size) - offset) // sector
        if count:
            found = True
            yield sector, offset, count
    if not found:
        raise ImageError(attempt, f"FlashDevice.sectors has no sector that fits into szDev 0x{size:X}")


def _regions(start: int, table: list[tuple[int, int, int]]) -> Iterator[Region]:
    number = 0
    for sector, offset, count in table:
        yield Region("flash", "flash", start + offset, count * sector, sector, 1, number)
        number += count
