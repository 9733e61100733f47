"""Images: what is read from good files, and the sentence for each kind of bad one."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from haltpoint.flash.image import Image, Segment, load_image, merge_segments
from haltpoint.probes.errors import ImageError

ELF_ARM = 40
ELF_X86_64 = 62
PT_LOAD, PT_NOTE = 1, 4
HEADER, PROGRAM_HEADER = 52, 32


def elf(
    *segments: tuple[int, int, bytes],
    machine: int = ELF_ARM,
    order: str = "<",
    kind: int = PT_LOAD,
) -> bytes:
    """A 32-bit ELF file with (virtual address, physical address, data) segments."""
    offset = HEADER + PROGRAM_HEADER * len(segments)
    headers, body = b"", b""
    for virtual, physical, data in segments:
        at = offset + len(body)
        size = len(data)
        headers += struct.pack(order + "8I", kind, at, virtual, physical, size, size + 16, 5, 4)
        body += data
    ident = b"\x7fELF" + bytes([1, 1 if order == "<" else 2, 1]) + bytes(9)
    header = ident + struct.pack(
        order + "HHIIIIIHHHHHH", 2, machine, 1, 0x0800_0101, HEADER, 0, 0x0500_0200, HEADER, 32, len(segments), 40, 0, 0
    )
    return header + headers + body


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_elf_is_read_by_physical_address(tmp_path: Path) -> None:
    content = elf((0x0800_0000, 0x0800_0000, b"code" * 4), (0x2000_0000, 0x0800_1000, b"data"))
    image = load_image(write(tmp_path / "a.elf", content))
    assert image.segments == (Segment(0x0800_0000, b"code" * 4), Segment(0x0800_1000, b"data"))
    assert image.size == 20


def test_elf_segments_that_touch_are_joined_and_sorted(tmp_path: Path) -> None:
    content = elf((0, 0x0800_0004, b"EFGH"), (0, 0x0800_0000, b"ABCD"))
    assert load_image(write(tmp_path / "a.elf", content)).segments == (Segment(0x0800_0000, b"ABCDEFGH"),)


def test_segments_without_content_in_the_file_do_not_count(tmp_path: Path) -> None:
    content = elf((0x2000_0000, 0x2000_0000, b""), (0, 0x0800_0000, b"ABCD"))
    assert load_image(write(tmp_path / "a.elf", content)).segments == (Segment(0x0800_0000, b"ABCD"),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#!/bin/sh\n", ["no ELF file", "no Intel HEX"]),
        (b"", ["no ELF file"]),
        (b"\x7fELF", ["cut off", "inside the ELF header"]),
        (elf((0, 0x0800_0000, b"ABCDEFGH"))[:-3], ["cut off", "0x08000000"]),
        (elf((0, 0x0800_0000, b"ABCD"))[: HEADER + 8], ["damaged"]),
        (elf((0, 0x0800_0000, b"ABCD"), machine=ELF_X86_64), ["X86_64", "not a 32-bit one for Arm"]),
        (elf((0, 0x0800_0000, b"ABCD"), order=">"), ["big endian"]),
        (elf((0, 0x0800_0000, b"ABCD"), kind=PT_NOTE), ["no loadable segments", "object file"]),
        (elf(), ["no loadable segments"]),
        (elf((0, 0x0800_0000, b"ABCD"), (0, 0x0800_0002, b"EFGH")), ["0x08000002", "0x08000003", "two of its parts"]),
        (elf((0, 0xFFFF_FFFE, b"ABCD")), ["beyond the 32-bit address space"]),
    ],
)
def test_bad_elf_files(tmp_path: Path, content: bytes, words: list[str]) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(write(tmp_path / "firmware.elf", content))
    sentence = str(caught.value)
    assert sentence.startswith("Loading firmware.elf failed: ")
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize("damaged", range(4, HEADER + PROGRAM_HEADER))
def test_a_damaged_header_byte_never_escapes_as_another_error(tmp_path: Path, damaged: int) -> None:
    content = bytearray(elf((0, 0x0800_0000, b"ABCD")))
    for value in (0x00, 0x7F, 0xFF):
        content[damaged] = value
        try:
            load_image(write(tmp_path / "a.elf", bytes(content)))
        except ImageError:
            continue


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(tmp_path / "nowhere.elf")
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(tmp_path)


def test_raw_binary(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"\x00\x01\x02")
    assert load_image(path, 0x0800_0000).segments == (Segment(0x0800_0000, b"\x00\x01\x02"),)
    with pytest.raises(ImageError, match="Give its address"):
        load_image(path)
    with pytest.raises(ImageError, match="no byte"):
        load_image(write(tmp_path / "empty.bin", b""), 0x0800_0000)


def test_merging_refuses_what_overlaps() -> None:
    touching = merge_segments("x", [Segment(4, b"BB"), Segment(0, b"AAAA"), Segment(8, b"")])
    assert touching == Image("x", (Segment(0, b"AAAABB"),))
    with pytest.raises(ImageError, match="0x00000003"):
        merge_segments("x", [Segment(0, b"AAAA"), Segment(3, b"B")])
