"""The plan against a naive model: an array of bytes that is edited in order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.flash.memory_map import Region
from haltpoint.flash.plan import WORTHWHILE_GAP, Draft, Plan, SectorContent, check_range
from haltpoint.probes.errors import ImageError

START, PAGE, PAGES = 0x0800_0000, 256, 8
SIZE = PAGE * PAGES
FLASH = (Region("flash", "flash", START, SIZE, PAGE),)
ERASED = 0xFF

edits = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.one_of(st.integers(1, 3 * PAGE), st.binary(min_size=1, max_size=2 * PAGE))),
    min_size=1,
    max_size=6,
)


def draft(operations: list[tuple[int, int | bytes]]) -> Draft:
    made = Draft(FLASH, ERASED)
    for offset, what in operations:
        if isinstance(what, int):
            made.erase(START + offset, min(what, SIZE - offset))
        else:
            made.write(START + offset, what[: SIZE - offset])
    return made


def execute(plan: Plan, flash: bytearray) -> None:
    """What the loader does with a plan: erase whole sectors, program runs over erased bytes."""
    for sector in plan.sectors:
        at = sector.start - START
        flash[at : at + PAGE] = b"\xff" * PAGE
        for run in sector.runs(ERASED):
            assert run.address % 4 == 0 == len(run.data) % 4
            assert sector.start <= run.address
            assert run.address + len(run.data) <= sector.start + PAGE
            at = run.address - START
            assert set(flash[at : at + len(run.data)]) == {0xFF}
            flash[at : at + len(run.data)] = run.data


@given(edits, st.integers(0, 2**32).map(lambda seed: random.Random(seed).randbytes(SIZE)))
def test_the_result_is_what_the_edits_say_and_nothing_else_changes(
    operations: list[tuple[int, int | bytes]], before: bytes
) -> None:
    model = bytearray(before)
    for offset, what in operations:
        data = b"\xff" * what if isinstance(what, int) else what
        data = data[: SIZE - offset]
        model[offset : offset + len(data)] = data
    made = draft(operations)
    old = {start: before[start - START : start - START + size] for start, size in made.unknown()}
    flash = bytearray(before)
    execute(made.plan(old), flash)
    assert flash == model


@given(edits)
def test_only_touched_sectors_are_in_the_plan_in_order(operations: list[tuple[int, int | bytes]]) -> None:
    made = draft(operations)
    touched: set[int] = set()
    for offset, what in operations:
        length = min(what if isinstance(what, int) else len(what), SIZE - offset)
        touched |= {START + page * PAGE for page in range(offset // PAGE, (offset + length - 1) // PAGE + 1)}
    assert made.sectors == sorted(touched)
    plan = made.plan({start: bytes(size) for start, size in made.unknown()})
    assert [sector.start for sector in plan.sectors] == sorted(touched)
    assert b"".join(area.data for area in plan.areas()) == b"".join(sector.content for sector in plan.sectors)


def test_whole_erased_sectors_need_no_reading() -> None:
    made = draft([(0, 2 * PAGE), (10, b"abc")])
    assert made.unknown() == []
    assert made.bytes_written == 3


def test_the_byte_gdb_forgets_to_erase_keeps_its_neighbours() -> None:
    """GDB erases one sector for an image of one sector and one byte."""
    made = draft([(0, PAGE), (0, b"x" * (PAGE + 1))])
    assert made.unknown() == [(START + PAGE, PAGE)]
    plan = made.plan({START + PAGE: b"o" * PAGE})
    assert plan.sectors[1].content == b"x" + b"o" * (PAGE - 1)


def test_short_gaps_are_sent_long_ones_are_not() -> None:
    gap = b"\xff" * WORTHWHILE_GAP
    content = b"\xff" * 8 + b"AAAA" + gap[4:] + b"BBBB" + gap + b"CCCC" + b"\xff" * 8
    runs = list(SectorContent(0, content).runs(ERASED))
    assert [(run.address, run.data) for run in runs] == [
        (8, b"AAAA" + gap[4:] + b"BBBB"),
        (8 + 4 + len(gap) - 4 + 4 + len(gap), b"CCCC"),
    ]
    assert list(SectorContent(0, gap * 4).runs(ERASED)) == []


def test_areas_join_sectors_that_follow_each_other() -> None:
    plan = draft([(0, 2 * PAGE), (4 * PAGE, PAGE)]).plan({})
    assert [(area.address, len(area.data)) for area in plan.areas()] == [(START, 2 * PAGE), (START + 4 * PAGE, PAGE)]


@pytest.mark.parametrize(
    ("address", "length", "outside"),
    [(START - 1, 4, START - 1), (START + SIZE - 2, 4, START + SIZE), (0x2000_0000, 1, 0x2000_0000)],
)
def test_what_is_not_flash_is_refused(address: int, length: int, outside: int) -> None:
    with pytest.raises(ImageError, match=f"0x{outside:08X} is outside the flash of X"):
        check_range(FLASH, "X", "Programming", address, length)


def test_ranges_may_cross_from_bank_to_bank() -> None:
    banks = (Region("flash", "1", 0, 512, 256), Region("flash", "2", 512, 512, 128))
    check_range(banks, "X", "Programming", 0, 1024)
    made = Draft(banks, ERASED)
    made.write(500, b"z" * 100)
    assert made.sectors == [256, 512]
    assert made.unknown() == [(256, 256), (512, 128)]
