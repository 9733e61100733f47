"""ELF files (System V ABI, chapters 4 and 5). The one module of flash/ that imports pyelftools."""

from __future__ import annotations

import io
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from ..probes.errors import ImageError
from .image import Image, Segment, merge_segments

__all__ = ["ElfParts", "Section", "read_elf", "read_parts"]

HEADER_SIZE = 52
"""Bytes of a 32-bit ELF header."""
SHF_ALLOC = 2
R_ARM_ABS32 = 2
"""ELF for the Arm architecture (IHI0044), table of relocation codes."""
MOST_SYMBOLS = 100_000
MOST_SECTIONS = 1000


@dataclass(frozen=True, slots=True)
class Section:
    """A section that occupies memory. ``data`` is empty where the file holds none of it (NOBITS).

    ``absolute`` counts the words in it that hold an address which was fixed at link time, as far as the file says.
    """

    name: str
    address: int
    size: int
    data: bytes
    absolute: int


@dataclass(frozen=True, slots=True)
class ElfParts:
    """A program's sections that occupy memory, in order of the file, and its symbols by name."""

    sections: tuple[Section, ...]
    symbols: dict[str, int]


def read_elf(name: str, content: bytes) -> Image:
    """Collect what the loadable segments hold in the file, at their physical addresses; raises ImageError.

    The physical address (p_paddr) is where initialised data lies in flash; the virtual one is where the start-up
    code copies it to.
    """
    attempt = f"Loading {name}"
    try:
        file = _open(attempt, content)
        headers = [segment.header for segment in file.iter_segments()]
    except (ELFError, ValueError, KeyError) as error:
        raise ImageError(attempt, f"its ELF headers are damaged ({error})") from error
    segments = []
    for header in headers:
        if header["p_type"] != "PT_LOAD" or not header["p_filesz"]:
            continue
        start, size = int(header["p_offset"]), int(header["p_filesz"])
        if start + size > len(content):
            raise _truncated(
                attempt,
                f"its segment at 0x{header['p_paddr']:08X} needs {start + size} bytes, the file has {len(content)}",
            )
        segments.append(Segment(int(header["p_paddr"]), content[start : start + size]))
    if not segments:
        raise ImageError(
            attempt,
            "the ELF file has no loadable segments",
            "Give the linked program, not an object file.",
        )
    return merge_segments(name, segments)


def read_parts(attempt: str, content: bytes) -> ElfParts:
    """Sections and symbols of a program; raises ImageError, whose sentence begins with ``attempt``."""
    try:
        file = _open(attempt, content)
        if file.num_sections() > MOST_SECTIONS:
            raise ImageError(attempt, f"its ELF headers are damaged (it claims {file.num_sections()} sections)")
        fixed = _absolute_words(file)
        sections = []
        for index, section in enumerate(file.iter_sections()):
            header = section.header
            if not header["sh_flags"] & SHF_ALLOC:
                continue
            start, size = int(header["sh_offset"]), int(header["sh_size"])
            filled = header["sh_type"] != "SHT_NOBITS"
            if filled and start + size > len(content):
                needed = f"its section {section.name} needs {start + size} bytes, the file has {len(content)}"
                raise _truncated(attempt, needed)
            data = content[start : start + size] if filled else b""
            sections.append(Section(section.name, int(header["sh_addr"]), size, data, fixed.get(index, 0)))
        return ElfParts(tuple(sections), _symbols(file))
    except (ELFError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ImageError(attempt, f"its ELF headers are damaged ({error})") from error


def _symbols(file: ELFFile) -> dict[str, int]:
    """Defined symbols. pyelftools makes an object of each, so a table without end is not read to its end."""
    found: dict[str, int] = {}
    for table in file.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for index in range(min(table.num_symbols(), MOST_SYMBOLS)):
            symbol = table.get_symbol(index)
            if symbol.name and symbol["st_shndx"] != "SHN_UNDEF":
                found.setdefault(symbol.name, int(symbol["st_value"]))
    return found


def _absolute_words(file: ELFFile) -> dict[int, int]:
    """By section number: relocations left in the file that say a word holds an absolute address."""
    counts: dict[int, int] = {}
    for table in file.iter_sections():
        if not isinstance(table, RelocationSection):
            continue
        for index in range(min(table.num_relocations(), MOST_SYMBOLS)):
            if table.get_relocation(index)["r_info_type"] == R_ARM_ABS32:
                counts[table.header["sh_info"]] = counts.get(table.header["sh_info"], 0) + 1
    return counts


def _open(attempt: str, content: bytes) -> ELFFile:
    if len(content) < HEADER_SIZE:
        raise _truncated(attempt, f"it ends after {len(content)} bytes, inside the ELF header")
    file = ELFFile(io.BytesIO(content))
    _check_machine(attempt, file)
    return file


def _check_machine(attempt: str, file: ELFFile) -> None:
    if file.elfclass != 32 or file["e_machine"] != "EM_ARM":
        machine = str(file["e_machine"]).removeprefix("EM_")
        raise ImageError(
            attempt,
            f"it is a {file.elfclass}-bit ELF file for {machine}, not a 32-bit one for Arm",
            "Build it with arm-none-eabi-gcc or another compiler for Cortex-M.",
        )
    if not file.little_endian:
        raise ImageError(attempt, "it is big endian; the Cortex-M supported here are little endian")


def _truncated(attempt: str, seen: str) -> ImageError:
    return ImageError(attempt, f"the file is cut off: {seen}", "Build or copy it again.")
