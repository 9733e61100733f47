"""Flash algorithms as files: what is read of them, and one sentence for each that cannot be used."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from support.flm import GENERIC, compiled, generic, needs_gcc

from haltpoint.flash.flm import parse_flm, read_flm
from haltpoint.flash.memory_map import Region
from haltpoint.probes.errors import ImageError

pytestmark = needs_gcc

TITLE = b"Generic flash".ljust(128, b"\0")
# Offsets in FlashDevice, from DevName on (which is found by its content); FlashOS.h.
DEVICE_SIZE, PAGE, ERASED, PROGRAM_MS, SECTORS = 134, 138, 146, 150, 158
END = b"\xff" * 8


def with_words(offset: int, *words: int) -> bytes:
    """The algorithm with these words ``offset`` bytes behind the beginning of its name."""
    content = bytearray(compiled("generic"))
    at = content.index(TITLE) + offset
    content[at : at + 4 * len(words)] = struct.pack(f"<{len(words)}I", *words)
    return bytes(content)


def with_name(old: bytes, new: bytes) -> bytes:
    """The algorithm with another name of the same length in its tables of names."""
    content = compiled("generic")
    assert len(old) == len(new)
    assert content.count(b"\0" + old + b"\0") == 1
    return content.replace(b"\0" + old + b"\0", b"\0" + new + b"\0")


def test_what_an_algorithm_says() -> None:
    algorithm = generic("generic-m0plus")
    assert (algorithm.file, algorithm.device) == ("generic-m0plus.FLM", "Generic flash")
    assert (algorithm.start, algorithm.size, algorithm.page, algorithm.erased) == (0, 0x10000, 256, 0xFF)
    assert (algorithm.program_seconds, algorithm.erase_seconds, algorithm.on_chip) == (0.05, 0.1, True)
    assert set(algorithm.entries) == {"Init", "UnInit", "EraseSector", "ProgramPage"}
    assert algorithm.image[algorithm.static_base :][:8] == struct.pack("<2I", 0x600D_DA7A, 0)
    assert algorithm.regions == (
        Region("flash", "flash", 0, 0x2000, 0x400, 1, 0),
        Region("flash", "flash", 0x2000, 0x6000, 0x1000, 1, 8),
        Region("flash", "flash", 0x8000, 0x8000, 0x8000, 1, 14),
    )


def test_a_hole_between_sectors() -> None:
    spans = [(region.start, region.size, region.sector_size) for region in generic("generic-m4").regions]
    assert spans == [(0, 0x8000, 0x8000), (0xC000, 0x14000, 0x4000)]


@pytest.mark.parametrize(("said", "page"), [(0x400, 0x400), (0x800, 0x400), (0x180, 0x80), (0x10000, 0x400)])
def test_a_page_larger_than_a_sector_is_divided(said: int, page: int) -> None:
    assert parse_flm("a.FLM", with_words(PAGE, said)).page == page


def test_sectors_of_larger_devices_are_passed_over() -> None:
    smaller = parse_flm("a.FLM", with_words(DEVICE_SIZE, 0x2400))
    assert [(region.start, region.size) for region in smaller.regions] == [(0, 0x2000)]


def test_an_algorithm_without_time_limits_gets_usual_ones() -> None:
    algorithm = parse_flm("a.FLM", with_words(PROGRAM_MS, 0, 0xFFFF_FFFF))
    assert (algorithm.program_seconds, algorithm.erase_seconds) == (10.0, 300.0)


def elf_cut() -> bytes:
    return compiled("generic")[:0x1080]


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "no ELF": (lambda: b"\x7fELF" + b"x" * 100, "its ELF headers are damaged"),
    "empty": (lambda: b"", "the file is cut off: it ends after 0 bytes"),
    "cut off": (elf_cut, "its ELF headers are damaged|the file is cut off"),
    "no EraseSector": (
        lambda: with_name(b"EraseSector", b"EraseSektor"),
        "it has no function EraseSector. It must have",
    ),
    "no ProgramPage": (lambda: with_name(b"ProgramPage", b"ProgramPige"), "it has no function ProgramPage"),
    "no code": (
        lambda: with_name(b"PrgCode", b"PrgKode"),
        r"no section PrgCode \(its sections in memory: PrgKode, Prg",
    ),
    "another section": (lambda: with_name(b"PrgData", b".bss\0ta"), "it has a section .bss, which is neither PrgCode"),
    "no description": (lambda: with_name(b"DevDscr", b".note.x"), "no section DevDscr with a structure FlashDevice"),
    "no size": (lambda: with_words(DEVICE_SIZE, 0), "FlashDevice.szDev is 0x0 from DevAdr 0x00000000 on"),
    "too large": (lambda: with_words(DEVICE_SIZE - 4, 0x8000_0000, 0x8000_0001), "FlashDevice.szDev is 0x80000001"),
    "no page": (lambda: with_words(PAGE, 0), "FlashDevice.szPage is 0, and a page has 1 to 65536 bytes"),
    "odd page": (lambda: with_words(PAGE, 0x101), "FlashDevice.szPage is 257, which divides its sectors"),
    "no sector": (lambda: with_words(SECTORS, *[0xFFFF_FFFF] * 2), "FlashDevice.sectors has no sector that fits"),
    "sector too large": (lambda: with_words(DEVICE_SIZE, 0x100), "no sector that fits into szDev 0x100"),
    "sector of size 0": (
        lambda: with_words(SECTORS, 0),
        r"FlashDevice.sectors\[0\] is 0x0 bytes at 0x0, the next one at",
    ),
    "sectors in disorder": (
        lambda: with_words(SECTORS + 8, 0x1000, 0),
        r"FlashDevice.sectors\[0\] is 0x400 bytes at 0x0",
    ),
    "no end of the table": (
        lambda: with_words(SECTORS, *[word for n in range(8) for word in (0x400, 0x2000 * n)]),
        "FlashDevice.sectors has no end: no entry of 8 is 0xFFFFFFFF, 0xFFFFFFFF",
    ),
    "linked for a place": (lambda: compiled("generic", LINKED=""), "its PrgCode is linked for 0x20000000"),
    "data apart": (
        lambda: compiled("generic", DATA_APART=""),
        "its PrgData is linked for 0x20000000, not behind PrgCode, which ends at 0x",
    ),
    "absolute": (
        lambda: compiled("generic", ABSOLUTE=""),
        r"its PrgCode has \d+ words? with an absolute address \(relocation R_ARM_ABS32\)",
    ),
    "not for Arm": (
        lambda: compiled("generic").replace(b"\x28\0\x01\0\0\0", b"\x3e\0\x01\0\0\0", 1),
        "not a 32-bit one",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_ones_give_their_sentence(broken: str) -> None:
    make, sentence = BROKEN[broken]
    with pytest.raises(ImageError, match=sentence) as caught:
        parse_flm("bad.FLM", make())
    assert str(caught.value).startswith("Reading the flash algorithm bad.FLM failed: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none.FLM cannot be read \(No such file or directory\)"):
        read_flm(tmp_path / "none.FLM")


@pytest.mark.parametrize("seed", range(4))
def test_damage_of_any_kind_gives_a_sentence_or_an_algorithm(seed: int) -> None:
    chance = random.Random(seed)
    whole = compiled("generic", **GENERIC["generic-m4"])
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            place = chance.choice(
                [chance.randrange(0x34), chance.randrange(len(whole)), len(whole) - chance.randrange(1, 400)]
            )
            damaged[place] = chance.choice([0, 0xFF, chance.randrange(256)])
        try:
            parse_flm("x.FLM", bytes(damaged[: chance.choice([len(whole), chance.randrange(len(whole))])]))
        except ImageError:
            refused += 1
    assert 75 < refused < 150
