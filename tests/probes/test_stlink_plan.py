"""Cutting blocks into commands and grouping words into lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.probes.access import Access, Poll, Read, ReadBlock, ReadCore, Write, WriteBlock, WriteCore
from haltpoint.probes.attempt import check
from haltpoint.probes.errors import AccessFaultError
from haltpoint.probes.stlink.commands import MiscOpcode
from haltpoint.probes.stlink.plan import Piece, Shape, pieces, word_items, word_run

BYTES_ONLY = Shape(halfwords=False)


@pytest.mark.parametrize(
    ("address", "length", "shape", "expected"),
    [
        (0, 0, Shape(), []),
        (3, 0, Shape(), []),
        (0, 4, Shape(), [Piece(0, 4, 4)]),
        (0, 1, Shape(), [Piece(0, 1, 1)]),
        (0, 2, Shape(), [Piece(0, 2, 2)]),
        (1, 2, Shape(), [Piece(1, 1, 1), Piece(2, 1, 1)]),
        (0, 3, Shape(), [Piece(0, 2, 2), Piece(2, 1, 1)]),
        (1, 3, Shape(), [Piece(1, 1, 1), Piece(2, 2, 2)]),
        (2, 4, Shape(), [Piece(2, 2, 2), Piece(4, 2, 2)]),
        (3, 6, Shape(), [Piece(3, 1, 1), Piece(4, 4, 4), Piece(8, 1, 1)]),
        (1, 10, Shape(), [Piece(1, 1, 1), Piece(2, 2, 2), Piece(4, 4, 4), Piece(8, 2, 2), Piece(10, 1, 1)]),
        (1, 10, BYTES_ONLY, [Piece(1, 3, 1), Piece(4, 4, 4), Piece(8, 3, 1)]),
        (0, 1024, Shape(), [Piece(0, 1024, 4)]),
        (4, 1024, Shape(), [Piece(4, 1020, 4), Piece(1024, 4, 4)]),
        (0x3FF, 2, Shape(), [Piece(0x3FF, 1, 1), Piece(0x400, 1, 1)]),
        (0, 4096, Shape(window=4096), [Piece(0, 4096, 4)]),
        (0, 4096, Shape(), [Piece(n, 1024, 4) for n in (0, 1024, 2048, 3072)]),
        (0, 8192, Shape(window=16384), [Piece(0, 6144, 4), Piece(6144, 2048, 4)]),
    ],
)
def test_pieces(address: int, length: int, shape: Shape, expected: list[Piece]) -> None:
    assert pieces(address, length, shape) == expected


@given(
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.builds(Shape, st.sampled_from((1024, 4096)), st.booleans(), st.sampled_from((1, 64, 128))),
)
def test_pieces_cover_the_block_once_and_obey_the_rules(address: int, length: int, shape: Shape) -> None:
    position = address
    for piece in pieces(address, length, shape):
        assert piece.address == position
        assert piece.length > 0
        assert piece.address % piece.width == piece.length % piece.width == 0
        assert piece.address // shape.window == (piece.address + piece.length - 1) // shape.window
        assert piece.length <= (shape.byte_limit if piece.width == 1 else 6144)
        assert shape.halfwords or piece.width != 2
        if piece.width < 4:
            word = piece.address & ~3
            assert word < address or word + 4 > address + length, "a whole aligned word is never cut up"
        position += piece.length
    assert position == address + length


def test_a_run_of_words_ends_at_anything_else() -> None:
    words: list[Access] = [Read(0), Write(4, 1), Read(8)]
    for other in (Read(0, 2), Write(1, 0, 1), ReadBlock(0, 4), WriteBlock(0, b""), ReadCore((0,)), WriteCore(0, 0)):
        assert word_run([*words, other, Read(0)], 0, 64) == 3
    assert word_run(words, 1, 64) == 2
    assert word_run(words, 3, 64) == 0


def test_a_poll_closes_a_run_and_belongs_to_it() -> None:
    assert word_run([Write(0, 0), Write(4, 0), Poll(8, 1, 1), Read(0)], 0, 64) == 3
    assert word_run([Poll(8, 1, 1), Read(0)], 0, 64) == 1


def test_a_run_fits_the_list() -> None:
    assert word_run([Read(0)] * 100, 0, 64) == 63, "one item names the access port"
    assert word_run([Write(0, 0)] * 100, 0, 64) == 31
    assert word_run([Write(0, 0)] * 31 + [Read(0)], 0, 64) == 32
    assert word_run([*[Read(0)] * 63, Poll(0, 0, 0)], 0, 64) == 63


@given(st.lists(st.sampled_from((Read(0), Write(4, 5), Poll(8, 1, 1)))), st.integers(2, 70))
def test_items_of_a_run_never_exceed_the_limit(accesses: list[Access], limit: int) -> None:
    run = accesses[: word_run(accesses, 0, limit)]
    assert len(word_items(run)) <= max(limit, 1)
    assert not any(isinstance(access, Poll) for access in run[:-1])


def test_items() -> None:
    assert word_items([Read(0x10), Write(0x20, -1), Poll(0x30, 1, 1)]) == [
        (MiscOpcode.AP_NUMBER, 0),
        (MiscOpcode.READ, 0x10),
        (MiscOpcode.ADDRESS, 0x20),
        (MiscOpcode.WRITE, 0xFFFF_FFFF),
        (MiscOpcode.READ, 0x30),
    ]


@pytest.mark.parametrize(
    "access", [Read(1, 2), Read(2), Read(0, 3), Write(0, 0, 8), Poll(2, 0, 0), Read(1 << 32), ReadBlock(0, -1)]
)
def test_impossible_accesses_are_the_callers_mistake(access: Access) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        check([access])


def test_the_address_space_ends() -> None:
    check([ReadBlock(0xFFFF_FFF0, 16)])
    with pytest.raises(AccessFaultError) as raised:
        check([Read(0), WriteBlock(0xFFFF_FFF0, bytes(17))])
    assert raised.value.index == 1
    assert "0xfffffff0" in str(raised.value)


def test_strangers_are_refused() -> None:
    with pytest.raises(TypeError):
        check(["read"])  # type: ignore[list-item]
