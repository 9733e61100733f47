"""Intel HEX images (Intel, "Hexadecimal Object File Format Specification", revision A, 1988)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ..probes.errors import ImageError
from .image import Image, Segment, merge_segments

__all__ = ["read_hex"]

SEGMENT_SIZE = 1 << 16
ADDRESS_SPACE = 1 << 32


class RecordType(IntEnum):
    """Record types of the specification; the number of data bytes of each is in LENGTHS."""

    DATA = 0
    END_OF_FILE = 1
    EXTENDED_SEGMENT_ADDRESS = 2
    START_SEGMENT_ADDRESS = 3
    EXTENDED_LINEAR_ADDRESS = 4
    START_LINEAR_ADDRESS = 5


LENGTHS = {
    RecordType.END_OF_FILE: 0,
    RecordType.EXTENDED_SEGMENT_ADDRESS: 2,
    RecordType.START_SEGMENT_ADDRESS: 4,
    RecordType.EXTENDED_LINEAR_ADDRESS: 2,
    RecordType.START_LINEAR_ADDRESS: 4,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One line, its checksum already found right."""

    kind: RecordType
    offset: int
    data: bytes


def read_hex(name: str, content: bytes) -> Image:
    """Read all records up to the end-of-file record; ImageError names the line that is wrong."""
    chunks: list[tuple[int, bytearray]] = []
    base, wrap = 0, ADDRESS_SPACE
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        record = _parse(name, number, line.strip())
        match record.kind:
            case RecordType.END_OF_FILE:
                return merge_segments(name, (Segment(address, bytes(data)) for address, data in chunks))
            case RecordType.EXTENDED_SEGMENT_ADDRESS:
                base, wrap = int.from_bytes(record.data, "big") << 4, SEGMENT_SIZE
            case RecordType.EXTENDED_LINEAR_ADDRESS:
                base, wrap = int.from_bytes(record.data, "big") << 16, ADDRESS_SPACE
            case RecordType.DATA:
                _place(chunks, base, record, wrap)
            case _:  # a start address is for a program loader, not for flash
                pass
    raise ImageError(
        f"Loading {name}", "it has no end-of-file record (:00000001FF), so it is cut off", "Build or copy it again."
    )


def _place(chunks: list[tuple[int, bytearray]], base: int, record: Record, wrap: int) -> None:
    """Add a data record; behind a segment address, offsets wrap at 64 KiB, otherwise at 4 GiB."""
    first = min(len(record.data), wrap - record.offset)
    for offset, data in ((record.offset, record.data[:first]), (0, record.data[first:])):
        address = (base + offset) % ADDRESS_SPACE
        if not data:
            continue
        if chunks and chunks[-1][0] + len(chunks[-1][1]) == address:
            chunks[-1][1].extend(data)
        else:
            chunks.append((address, bytearray(data)))


def _parse(name: str, number: int, line: bytes) -> Record:
    attempt = f"Loading {name}, line {number}"
    if not line.startswith(b":"):
        raise ImageError(attempt, "the line does not begin with a colon, so this is no Intel HEX record")
    try:
        raw = bytes.fromhex(line[1:].decode("ascii"))
    except ValueError as error:
        raise ImageError(attempt, "the record is not made of pairs of hexadecimal digits") from error
    if len(raw) < 5 or len(raw) != raw[0] + 5:
        raise ImageError(attempt, f"the record has {len(raw)} bytes where its length byte asks for another number")
    if sum(raw) & 0xFF:
        right = -sum(raw[:-1]) & 0xFF
        raise ImageError(attempt, f"the checksum is {raw[-1]:02X}, it must be {right:02X}", "Build or copy it again.")
    try:
        kind = RecordType(raw[3])
    except ValueError as error:
        raise ImageError(attempt, f"record type {raw[3]:02X} does not exist") from error
    if LENGTHS.get(kind, raw[0]) != raw[0]:
        raise ImageError(attempt, f"a record of type {kind:02X} has {LENGTHS[kind]} data bytes, this one has {raw[0]}")
    return Record(kind, int.from_bytes(raw[1:3], "big"), raw[4:-1])
