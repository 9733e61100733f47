"""ELF images (System V ABI, chapter 5: program headers). The one module of flash/ that imports pyelftools."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from ..probes.errors import ImageError
from .image import Image, Segment, merge_segments

__all__ = ["read_elf"]

HEADER_SIZE = 52
"""Bytes of a 32-bit ELF header."""


def read_elf(name: str, content: bytes) -> Image:
    """Collect what the loadable segments hold in the file, at their physical addresses; raises ImageError.

    The physical address (p_paddr) is where initialised data lies in flash; the virtual one is where the start-up
    code copies it to.
    """
    if len(content) < HEADER_SIZE:
        raise _truncated(name, f"it ends after {len(content)} bytes, inside the ELF header")
    try:
        file = ELFFile(io.BytesIO(content))
        _check_machine(name, file)
        headers = [segment.header for segment in file.iter_segments()]
    except (ELFError, ValueError, KeyError) as error:
        raise ImageError(f"Loading {name}", f"its ELF headers are damaged ({error})") from error
    segments = []
    for header in headers:
        if header["p_type"] != "PT_LOAD" or not header["p_filesz"]:
            continue
        start, size = int(header["p_offset"]), int(header["p_filesz"])
        if start + size > len(content):
            raise _truncated(
                name,
                f"its segment at 0x{header['p_paddr']:08X} needs {start + size} bytes, the file has {len(content)}",
            )
        segments.append(Segment(int(header["p_paddr"]), content[start : start + size]))
    if not segments:
        raise ImageError(
            f"Loading {name}",
            "the ELF file has no loadable segments",
            "Give the linked program, not an object file.",
        )
    return merge_segments(name, segments)


def _check_machine(name: str, file: ELFFile) -> None:
    if file.elfclass != 32 or file["e_machine"] != "EM_ARM":
        machine = str(file["e_machine"]).removeprefix("EM_")
        raise ImageError(
            f"Loading {name}",
            f"it is a {file.elfclass}-bit ELF file for {machine}, not a 32-bit one for Arm",
            "Build it with arm-none-eabi-gcc or another compiler for Cortex-M.",
        )
    if not file.little_endian:
        raise ImageError(f"Loading {name}", "it is big endian; the Cortex-M supported here are little endian")


def _truncated(name: str, seen: str) -> ImageError:
    return ImageError(f"Loading {name}", f"the file is cut off: {seen}", "Build or copy it again.")
