"""Intel HEX: every record type, wraps, and bad lines named by their number."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.flash.hexfile import read_hex
from haltpoint.flash.image import Segment, merge_segments
from haltpoint.probes.errors import ImageError

END = ":00000001FF"


def record(kind: int, offset: int, data: bytes) -> str:
    raw = bytes([len(data), offset >> 8, offset & 0xFF, kind]) + data
    return ":" + (raw + bytes([-sum(raw) & 0xFF])).hex().upper()


def read(*lines: str) -> tuple[Segment, ...]:
    return read_hex("a.hex", "\r\n".join(lines).encode()).segments


def test_the_example_everyone_knows() -> None:
    lines = (":10010000214601360121470136007EFE09D2190140", ":100110002146017E17C20001FF5F16002148011928", END)
    (segment,) = read(*lines)
    assert segment.address == 0x100
    assert segment.data[:4] == bytes.fromhex("21460136")
    assert len(segment.data) == 32


def test_extended_linear_address() -> None:
    assert read(record(4, 0, b"\x08\x00"), record(0, 0x1000, b"AB"), END) == (Segment(0x0800_1000, b"AB"),)


def test_extended_segment_address_wraps_at_64_kib() -> None:
    lines = (record(2, 0, b"\x10\x00"), record(0, 0xFFFE, b"ABCD"), END)
    assert read(*lines) == (Segment(0x1_0000, b"CD"), Segment(0x1_FFFE, b"AB"))


def test_linear_addresses_go_on_over_64_kib() -> None:
    lines = (record(4, 0, b"\x08\x00"), record(0, 0xFFFE, b"ABCD"), END)
    assert read(*lines) == (Segment(0x0800_FFFE, b"ABCD"),)


def test_start_addresses_are_accepted_and_change_nothing() -> None:
    lines = (record(3, 0, b"\0\0\1\0"), record(0, 0, b"A"), record(5, 0, b"\x08\0\1\1"), END)
    assert read(*lines) == (Segment(0, b"A"),)


def test_lines_after_the_end_and_blank_lines_do_not_count() -> None:
    assert read("", record(0, 0, b"A"), "", END, "garbage") == (Segment(0, b"A"),)


def test_lower_case_digits() -> None:
    assert read(record(0, 0, b"\xab\xcd").lower(), END) == (Segment(0, b"\xab\xcd"),)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("", record(0, 0, b"A")[:-2] + "00", END), ["line 2", "checksum is 00", "must be BE"]),
        ((record(0, 0, b"A"), "0000", END), ["line 2", "colon"]),
        ((":00000001F", END), ["line 1", "hexadecimal"]),
        ((":zz000001FF", END), ["line 1", "hexadecimal"]),
        ((":0500000041BA", END), ["line 1", "length byte"]),
        ((":0000", END), ["line 1", "length byte"]),
        ((record(6, 0, b""), END), ["line 1", "type 06"]),
        ((record(4, 0, b"\x08"), END), ["line 1", "type 04 has 2 data bytes, this one has 1"]),
        ((record(1, 0, b"\x08"),), ["line 1", "type 01 has 0 data bytes"]),
        ((record(0, 0, b"A"),), ["no end-of-file record", "cut off"]),
        ((END,), ["no byte"]),
        ((record(0, 0, b"AB"), record(0, 1, b"C"), END), ["two of its parts", "0x00000001"]),
    ],
)
def test_bad_files(lines: tuple[str, ...], words: list[str]) -> None:
    with pytest.raises(ImageError) as caught:
        read(*lines)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(min_size=1, max_size=32), min_size=1, max_size=8))
def test_what_is_written_is_read(chunks: dict[int, bytes]) -> None:
    """Chunks at multiples of 32 from a base that is not 64 KiB aligned relative to them."""
    lines, expected = [], []
    for place, data in chunks.items():
        address = 0x0800_0000 + place * 32
        lines += [record(4, 0, (address >> 16).to_bytes(2, "big")), record(0, address & 0xFFFF, data)]
        expected.append(Segment(address, data))
    assert read(*lines, END) == merge_segments("x", expected).segments


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_an_image_or_a_sentence(content: bytes) -> None:
    with contextlib.suppress(ImageError):
        assert read_hex("a.hex", content).size
