"""The plan against a naive model: an array of bytes that is edited in order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.flash.memory_map import Region
from haltpoint.flash.plan import WORTHWHILE_GAP, Draft, Plan, SectorContent, check_range
from haltpoint.flash.survey import everything
from haltpoint.probes.errors import ImageError

START, PAGE, PAGES = 0x0800_0000, 512, 8
SIZE = PAGE * PAGES
FLASH = (Region("flash", "flash", START, SIZE, PAGE),)
ERASED = 0xFF

edits = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.one_of(st.integers(1, 3 * PAGE), st.binary(min_size=1, max_size=2 * PAGE))),
    min_size=1,
    max_size=6,
)


units = st.sampled_from([2, 4, 8, 16, 64])


def draft(operations: list[tuple[int, int | bytes]], unit: int = 4, *, erase_gaps: bool = False) -> Draft:
    made = Draft(FLASH, ERASED, unit, erase_gaps=erase_gaps)
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


def old_of(made: Draft, before: bytes) -> None:
    """Tell the draft what it asks for."""
    for address, length in made.edges():
        made.keep(address, before[address - START : address - START + length])


def filled(made: Draft, before: bytes) -> Plan:
    """The plan of an engine that reads all gaps."""
    old_of(made, before)
    found = everything(made.plan())
    return Plan(found.filled({at: before[at - START : at - START + length] for at, length in found.unread}), 0)


def expected(operations: list[tuple[int, int | bytes]], before: bytes, *, erase_gaps: bool) -> bytes:
    """The same in bytes: what is written, what is erased in sectors without a write, all else as before."""
    content: list[int | None] = [None] * SIZE
    erased = [False] * SIZE
    for offset, what in operations:
        end = min(offset + (what if isinstance(what, int) else len(what)), SIZE)
        for at in range(offset, end):
            if isinstance(what, bytes):
                content[at] = what[at - offset]
            elif content[at] is not None:
                content[at] = ERASED
            else:
                erased[at] = True
    result = bytearray(before)
    for page in range(0, SIZE, PAGE):
        everywhere = range(page, page + PAGE)
        written = any(content[at] is not None for at in everywhere)
        touched = written or any(erased[at] for at in everywhere)
        for at in everywhere:
            new = content[at]
            if new is not None:
                result[at] = new
            elif (touched and erase_gaps) or (erased[at] and not written):
                result[at] = ERASED
    return bytes(result)


@given(edits, st.integers(0, 2**32).map(lambda s: random.Random(s).randbytes(SIZE)), st.booleans(), units)
def test_the_result_is_what_the_edits_say_and_nothing_else_changes(
    operations: list[tuple[int, int | bytes]], before: bytes, erase_gaps: bool, unit: int
) -> None:
    made = draft(operations, unit, erase_gaps=erase_gaps)
    flash = bytearray(before)
    execute(filled(made, before), flash)
    assert flash == expected(operations, before, erase_gaps=erase_gaps)


@given(edits, units)
def test_only_touched_sectors_are_in_the_plan_in_order(operations: list[tuple[int, int | bytes]], unit: int) -> None:
    made = draft(operations, unit)
    touched: set[int] = set()
    for offset, what in operations:
        length = min(what if isinstance(what, int) else len(what), SIZE - offset)
        touched |= {START + page * PAGE for page in range(offset // PAGE, (offset + length - 1) // PAGE + 1)}
    assert made.sectors == sorted(touched)
    plan = filled(made, bytes(SIZE))
    assert [sector.start for sector in plan.sectors] == sorted(touched)
    assert b"".join(area.data for area in plan.areas()) == b"".join(sector.content for sector in plan.sectors)


def test_gdb_erases_what_it_writes_to_and_the_rest_of_the_sector_is_kept() -> None:
    made = draft([(0, 2 * PAGE), (3, b"abc")])
    assert made.bytes_written == 3
    assert made.edges() == [(START, 8)]
    made.keep(START, b"wxyz1234")
    first, second = made.plan().sectors
    assert first.content[:8] == b"wxyabc34"
    assert first.kept == ((8, PAGE - 8),)
    assert second.content == b"\xff" * PAGE
    assert second.kept == ()


def test_whole_sectors_need_no_reading() -> None:
    made = draft([(0, 2 * PAGE), (0, b"x" * PAGE)])
    assert made.edges() == []
    assert [sector.kept for sector in made.plan().sectors] == [(), ()]


def test_the_byte_gdb_forgets_to_erase_keeps_its_neighbours() -> None:
    """GDB erases one sector for an image of one sector and one byte."""
    made = draft([(0, PAGE), (0, b"x" * (PAGE + 1))])
    assert made.edges() == [(START + PAGE, 4)]
    plan = filled(made, b"o" * SIZE)
    assert plan.sectors[1].content == b"x" + b"o" * (PAGE - 1)


def test_short_gaps_are_read_at_once_long_ones_stay_unknown_in_whole_units() -> None:
    made = draft([(0, b"a" * 10), (202, b"b" * 20), (PAGE * 5 - 3, b"c" * 9)], unit=16)
    assert made.edges() == [(START, 224), (START + 5 * PAGE - 16, 32)]
    for address, length in made.edges():
        made.keep(address, b"o" * length)
    page, before, behind = made.plan().sectors
    assert page.content[:224] == b"a" * 10 + b"o" * 192 + b"b" * 20 + b"oo"
    assert page.kept == ((224, PAGE - 224),)
    assert before.kept == ((0, PAGE - 16),)
    assert behind.kept == ((16, PAGE - 16),)


def test_short_gaps_are_sent_long_ones_are_not() -> None:
    gap = b"\xff" * WORTHWHILE_GAP
    content = b"\xff" * 8 + b"AAAA" + gap[4:] + b"BBBB" + gap + b"CCCC" + b"\xff" * 8
    runs = list(SectorContent(0, content).runs(ERASED))
    assert [(run.address, run.data) for run in runs] == [
        (8, b"AAAA" + gap[4:] + b"BBBB"),
        (8 + 4 + len(gap) - 4 + 4 + len(gap), b"CCCC"),
    ]
    assert list(SectorContent(0, gap * 4).runs(ERASED)) == []


def test_areas_join_sectors_that_follow_each_other_and_leave_out_what_is_kept() -> None:
    plan = draft([(0, 2 * PAGE), (4 * PAGE, PAGE)]).plan()
    assert [(area.address, len(area.data)) for area in plan.areas()] == [(START, 2 * PAGE), (START + 4 * PAGE, PAGE)]
    parts = Plan((SectorContent(0, b"x" * 256, kept=((64, 64),)), SectorContent(256, b"y" * 256, kept=((0, 128),))), 0)
    assert [(area.address, len(area.data)) for area in parts.areas()] == [(0, 64), (128, 128), (384, 128)]
    assert [run.address for sector in parts.sectors for run in sector.runs(ERASED)] == [0, 128, 384]


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
    assert [(sector.start, sector.kept) for sector in made.plan().sectors] == [(256, ((0, 244),)), (512, ((88, 40),))]
