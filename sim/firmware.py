"""Firmware to preload the flash with: ELF by physical address, Intel HEX, or raw binary at the start of the flash."""

from __future__ import annotations

import io
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from .errors import FirmwareError

__all__ = ["read_firmware"]


def read_firmware(path: Path, flash_base: int) -> list[tuple[int, bytes]]:
    """Return (address, bytes) pieces. Raises FirmwareError with a sentence."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FirmwareError(f"The firmware {str(path)!r} cannot be read: {error.strerror}.") from error
    if data[:4] == b"\x7fELF":
        return _elf(path, data)
    if path.suffix.lower() in {".hex", ".ihex", ".ihx"}:
        return _intel_hex(path, data)
    if path.suffix.lower() == ".bin":
        return [(flash_base, data)]
    raise FirmwareError(f"The firmware {str(path)!r} is neither an ELF file nor called .hex or .bin.")


def _elf(path: Path, data: bytes) -> list[tuple[int, bytes]]:
    try:
        segments = [segment for segment in ELFFile(io.BytesIO(data)).iter_segments() if segment["p_type"] == "PT_LOAD"]
        return [(int(one["p_paddr"]), bytes(one.data())) for one in segments if one["p_filesz"]]
    except ELFError as error:
        raise FirmwareError(f"The firmware {str(path)!r} is a damaged ELF file: {error}.") from error


def _intel_hex(path: Path, data: bytes) -> list[tuple[int, bytes]]:
    pieces: list[tuple[int, bytes]] = []
    upper = 0
    for number, line in enumerate(data.decode("ascii", "replace").split(), 1):
        try:
            record = bytes.fromhex(line.removeprefix(":"))
        except ValueError:
            record = b""
        if not line.startswith(":") or len(record) < 5 or len(record) != record[0] + 5 or sum(record) & 0xFF:
            raise FirmwareError(f"The firmware {str(path)!r} is not Intel HEX: line {number} is damaged.")
        address, kind, body = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 0:
            pieces.append((upper + address, body))
        elif kind == 1:
            break
        elif kind in (2, 4):
            upper = int.from_bytes(body, "big") << (4 if kind == 2 else 16)
    return pieces
