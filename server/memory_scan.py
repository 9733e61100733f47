"""Going over much memory for a client that wants a word about it: its CRC, or where something lies in it."""

from __future__ import annotations

import zlib

from ..probes.errors import AccessFaultError
from .target import Target

__all__ = ["PIECE", "crc", "find"]

PIECE = 8192
"""Bytes read at once; between two pieces the client can be told that there is more to come."""

ALL_ONES = 0xFFFF_FFFF

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


async def _piece(target: Target, address: int, end: int) -> bytes:
    """Some bytes from ``address`` on; raises AccessFaultError where they cannot all be read."""
    wanted = min(PIECE, end - address)
    data = await target.read_memory(address, wanted)
    if len(data) < wanted:
        missing = address + len(data)
        attempt = f"Reading {wanted - len(data)} bytes at 0x{missing:08x}"
        raise AccessFaultError(attempt, "nothing answers there", address=missing)
    return data


async def crc(target: Target, address: int, length: int) -> int:
    """CRC-32 as qCRC wants it: polynomial 04C11DB7, most significant bit first, from all ones, as it is at the end."""
    mirrored = 0
    for start in range(address, address + length, PIECE):
        data = await _piece(target, start, address + length)
        mirrored = zlib.crc32(data.translate(_MIRRORED), mirrored)
    return int(f"{mirrored ^ ALL_ONES:032b}"[::-1], 2)


async def find(target: Target, address: int, length: int, pattern: bytes) -> int | None:
    """The first place where ``pattern`` lies whole; raises AccessFaultError when memory ends before it is found."""
    kept = b""
    for start in range(address, address + length, PIECE):
        window = kept + await _piece(target, start, address + length)
        index = window.find(pattern)
        if index >= 0:
            return start - len(kept) + index
        kept = window[len(window) - len(pattern) + 1 :] if len(pattern) > 1 else b""
    return None
