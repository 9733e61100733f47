"""The stream against a model of the loader that was written from frame.inc's description alone."""

from __future__ import annotations

import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.flash.families.stm32f1 import BANK_2, STM32F1
from haltpoint.flash.memory_map import Region
from haltpoint.flash.plan import Draft, Plan, SectorContent
from haltpoint.flash.stream import Outcome, Piece, cut, raw_crc
from haltpoint.flash.survey import everything

START, PAGE, PAGES = 0x0800_0000, 1024, 6
END, ERASE, PROGRAM, VERIFY, SKIP = range(5)


class Model:
    """Executes a stream on an array of bytes; every word of the stream must be used."""

    def __init__(self, flash: bytearray, start: int = START) -> None:
        self.flash, self.start = flash, start
        self.commands: list[tuple[int, int, int]] = []

    def execute(self, stream: bytes) -> Outcome:
        words = iter(struct.iter_unpack("<I", stream))
        while True:
            address, argument, operation = (next(words)[0] for _ in range(3))
            self.commands.append((operation & 0xFF, address, operation >> 8))
            at = address - self.start
            if operation & 0xFF == ERASE:
                assert not at % PAGE
                self.flash[at : at + PAGE] = b"\xff" * PAGE
            elif operation & 0xFF == PROGRAM:
                assert set(self.flash[at : at + argument]) == {0xFF}
                data = b"".join(struct.pack("<I", next(words)[0]) for _ in range(argument // 4))
                self.flash[at : at + argument] = data
            elif operation & 0xFF == VERIFY:
                crc = zlib.crc32(self.flash[at : at + argument]) ^ 0xFFFF_FFFF
                if next(words)[0] != crc:
                    return Outcome.MISMATCH
            elif operation != SKIP:
                assert operation == END
                assert not list(words)
                return Outcome.DONE


def pieces_of(draft: Draft, old: bytes, payload: int) -> list[Piece]:
    def read(address: int, length: int) -> bytes:
        return old[address - START : address - START + length]

    for address, length in draft.edges():
        draft.keep(address, read(address, length))
    found = everything(draft.plan())
    filled = found.filled({address: read(address, length) for address, length in found.unread})
    return cut(Plan(filled, draft.bytes_written), STM32F1, payload)


@given(
    st.lists(st.tuples(st.integers(0, PAGE * PAGES - 1), st.binary(min_size=1, max_size=2000)), min_size=1, max_size=4),
    st.integers(0, 2**32).map(lambda seed: random.Random(seed).randbytes(PAGE * PAGES)),
    st.sampled_from([12, 64, 1020, 4092]),
)
def test_the_stream_does_what_the_plan_says(writes: list[tuple[int, bytes]], old: bytes, payload: int) -> None:
    draft = Draft((Region("flash", "flash", START, PAGE * PAGES, PAGE),), 0xFF)
    expected = bytearray(old)
    for offset, data in writes:
        data = data[: PAGE * PAGES - offset]
        draft.write(START + offset, data)
        expected[offset : offset + len(data)] = data
    pieces = pieces_of(draft, old, payload)
    assert all(len(piece.data) == payload for piece in pieces[3:-1])
    assert 0 < len(pieces[-1].data) <= payload
    flash = bytearray(old)
    assert Model(flash).execute(b"".join(piece.data for piece in pieces)) is Outcome.DONE
    assert flash == expected


def test_times_add_up_however_the_stream_is_cut() -> None:
    draft = Draft((Region("flash", "flash", START, PAGE * PAGES, PAGE),), 0xFF, erase_gaps=True)
    draft.erase(START, 3 * PAGE)
    draft.write(START, b"\1\2" * 700 + b"\xff\xff" * 10 + b"\3\4" * 100)
    own = 3 * 20e-3 + 800 * 52.5e-6 + 3 * PAGE * STM32F1.verify_per_byte
    for payload in (16, 508, 4092):
        pieces = pieces_of(draft, b"", payload)
        assert sum(piece.typical for piece in pieces) == pytest.approx(own)
        assert all(piece.maximum >= piece.typical for piece in pieces)


def test_a_flash_that_differs_is_a_mismatch() -> None:
    draft = Draft((Region("flash", "flash", START, PAGE * PAGES, PAGE),), 0xFF)
    draft.write(START, b"x" * PAGE)
    stream = b"".join(piece.data for piece in pieces_of(draft, b"", 4092))
    damaged = stream.replace(struct.pack("<I", raw_crc(b"x" * PAGE)), b"\0\0\0\0")
    assert Model(bytearray(PAGE * PAGES)).execute(damaged) is Outcome.MISMATCH


def test_the_second_bank_has_its_own_registers() -> None:
    draft = Draft((Region("flash", "1", BANK_2 - PAGE, PAGE, PAGE), Region("flash", "2", BANK_2, PAGE, PAGE, 2)), 0xFF)
    draft.write(BANK_2 - PAGE, b"y" * 2 * PAGE)
    model = Model(bytearray(2 * PAGE), BANK_2 - PAGE)
    model.execute(b"".join(piece.data for piece in cut(draft.plan(), STM32F1, 4092)))
    assert model.commands == [
        (ERASE, BANK_2 - PAGE, 0),
        (SKIP, 0, 0),
        (PROGRAM, BANK_2 - PAGE, 0),
        (SKIP, 0, 0),
        (ERASE, BANK_2, 0x40),
        (PROGRAM, BANK_2, 0x40),
        (VERIFY, BANK_2 - PAGE, 0),
        (END, 0, 0),
    ]


def test_a_sector_that_is_blank_is_not_erased_and_what_is_kept_is_not_touched() -> None:
    spared = SectorContent(START, b"a" * 64 + b"\xff" * 64 + b"b" * (PAGE - 128), erase=False, kept=((64, 64),))
    other = SectorContent(START + PAGE, b"c" * PAGE, erase=True)
    model = Model(bytearray(b"\xff" * 2 * PAGE))
    model.flash[64:128] = b"k" * 64
    pieces = cut(Plan((spared, other), 0), STM32F1, 1020)
    model.execute(b"".join(piece.data for piece in pieces))
    assert model.commands == [
        (PROGRAM, START, 0),
        (PROGRAM, START + 128, 0),
        (ERASE, START + PAGE, 0),
        (PROGRAM, START + PAGE, 0),
        (VERIFY, START, 0),
        (VERIFY, START + 128, 0),
        (END, 0, 0),
    ]
    assert model.flash == b"a" * 64 + b"k" * 64 + b"b" * (PAGE - 128) + b"c" * PAGE
    assert sum(piece.sectors for piece in pieces) == 2
    assert sum(piece.content for piece in pieces) == 2 * PAGE - 64


def test_the_first_pieces_are_short() -> None:
    """What a slow link brings while the first sector is erased; with slots as short as that there is no need."""
    draft = Draft((Region("flash", "flash", START, PAGE * PAGES, PAGE),), 0xFF, 2)
    draft.write(START, random.Random(1).randbytes(PAGE * PAGES))
    pieces = pieces_of(draft, b"", 4092)
    assert [piece.content for piece in pieces] == [0, 1024, 1920, PAGE * PAGES - 1024 - 1920]
    assert pieces[0].typical == pytest.approx(20e-3)
    assert [piece.content > 900 for piece in pieces_of(draft, b"", 1020)[:3]] == [False, True, True]


def test_progress_adds_up_however_the_stream_is_cut() -> None:
    draft = Draft((Region("flash", "flash", START, PAGE * PAGES, PAGE),), 0xFF, 2)
    draft.erase(START, 2 * PAGE)
    draft.write(START + 2 * PAGE, b"x" * 3 * PAGE)
    for payload in (16, 508, 4092):
        pieces = pieces_of(draft, b"", payload)
        assert sum(piece.sectors for piece in pieces) == 5
        assert sum(piece.content for piece in pieces) == 3 * PAGE
