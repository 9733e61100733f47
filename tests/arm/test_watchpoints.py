"""Watchpoints: which comparators watch which bytes, what is written when, and who is told to have been hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.arm.dwt import Comparator, Watch, WatchHit, WatchKind, assign, blocks, needs
from haltpoint.arm.watchpoints import Watchpoints
from haltpoint.probes.access import Batch, Write
from haltpoint.probes.errors import TargetError

WRITE, READ, ACCESS = WatchKind.WRITE, WatchKind.READ, WatchKind.ACCESS
RAM = 0x20000000
COMP, MASK, FUNCTION = 0xE0001020, 0xE0001024, 0xE0001028
MATCHED = 1 << 24


def written(watchpoints: Watchpoints) -> list[tuple[int, int]]:
    """Address and value of what is missing in the unit, which then counts as written."""
    batch = Batch()
    watchpoints.written(watchpoints.write_hardware(batch))
    return [(access.address, access.value) for access in batch.accesses if isinstance(access, Write)]


def unit(count: int = 4, version: int = 1) -> Watchpoints:
    """A unit that has just been taken over and switched off."""
    watchpoints = Watchpoints()
    watchpoints.use(count, version)
    written(watchpoints)
    return watchpoints


def covered(comparators: list[Comparator]) -> set[int]:
    """The bytes that version 1 comparators match."""
    found: set[int] = set()
    for each in comparators:
        assert each.mask is not None
        assert each.comp % (1 << each.mask) == 0, "DDI0403E C1.8.16: else UNPREDICTABLE"
        found |= set(range(each.comp, each.comp + (1 << each.mask)))
    return found


# ---------------------------------------------------------------------------------------- encodings
@pytest.mark.parametrize(
    ("address", "length", "expected"),
    [
        (RAM, 4, [(RAM, 2)]),
        (RAM + 2, 2, [(RAM + 2, 1)]),
        (RAM + 1, 1, [(RAM + 1, 0)]),
        (RAM + 2, 4, [(RAM + 2, 1), (RAM + 4, 1)]),
        (RAM, 12, [(RAM, 3), (RAM + 8, 2)]),
        (RAM, 1 << 16, [(RAM, 15), (RAM + 0x8000, 15)]),
        (0, 3, [(0, 1), (2, 0)]),
    ],
)
def test_a_range_in_aligned_blocks(address: int, length: int, expected: list[tuple[int, int]]) -> None:
    assert blocks(address, length) == expected


@given(address=st.integers(RAM, RAM + 200), length=st.integers(1, 200), free=st.integers(1, 4))
def test_version_1_covers_every_byte_and_only_writes_are_rounded(address: int, length: int, free: int) -> None:
    wanted = set(range(address, address + length))
    for kind in WatchKind:
        comparators = needs(Watch(address, length, kind), 1, free)
        bytes_ = covered(comparators)
        assert wanted <= bytes_
        assert all(address <= each.address < address + length for each in comparators)
        if kind is WRITE and free > 1:
            assert len(comparators) <= free
            assert len(bytes_) <= 4 * max(length, 4)
        if kind is not WRITE:
            assert bytes_ == wanted


@pytest.mark.parametrize(("kind", "function"), [(READ, 5), (WRITE, 6), (ACCESS, 7)])
def test_functions_of_version_1(kind: WatchKind, function: int) -> None:
    assert needs(Watch(RAM, 4, kind), 1, 4) == [Comparator(Watch(RAM, 4, kind), RAM, RAM, 2, function)]


@pytest.mark.parametrize(
    ("address", "length", "expected"),
    [
        (RAM + 1, 1, [(RAM + 1, 0x015)]),
        (RAM + 2, 2, [(RAM + 2, 0x415)]),
        (RAM + 4, 4, [(RAM + 4, 0x815)]),
        (RAM + 2, 4, [(RAM + 2, 0x015), (RAM + 5, 0x007)]),
        (RAM, 31, [(RAM, 0x015), (RAM + 30, 0x007)]),
    ],
)
def test_version_2_takes_one_comparator_or_a_pair(address: int, length: int, expected: list[tuple[int, int]]) -> None:
    comparators = needs(Watch(address, length, WRITE), 2, 4)
    assert [(each.comp, each.function) for each in comparators] == expected
    assert all(each.mask is None for each in comparators)


@pytest.mark.parametrize(("kind", "match"), [(ACCESS, 4), (WRITE, 5), (READ, 6)])
def test_functions_of_version_2(kind: WatchKind, match: int) -> None:
    assert needs(Watch(RAM, 1, kind), 2, 4)[0].function == 0x10 | match


# ---------------------------------------------------------------------------------------- allocation
def test_a_pair_sits_at_an_even_comparator_whatever_came_before() -> None:
    single, pair = Watch(RAM, 4, WRITE), Watch(RAM + 0x10, 6, WRITE)
    placed = assign([single, pair], 2, 4)
    assert [holds and holds.watch for holds in placed] == [pair, pair, single, None]


def test_version_2_refuses_a_pair_where_only_single_ones_are_left() -> None:
    watchpoints = unit(4, version=2)
    for index in range(3):
        watchpoints.add(RAM + 4 * index, 4, WRITE)
    with pytest.raises(
        TargetError, match="6 bytes at 0x20000100 failed: the core has 4 watchpoint comparators, this takes 2 of"
    ):
        watchpoints.add(RAM + 0x100, 6, WRITE)
    assert len(watchpoints) == 3


def test_no_comparator_left_says_how_many_there_are() -> None:
    watchpoints = unit(2)
    watchpoints.add(RAM, 4, WRITE)
    watchpoints.add(RAM + 4, 4, READ)
    with pytest.raises(TargetError) as caught:
        watchpoints.add(RAM + 8, 1, ACCESS)
    assert str(caught.value) == (
        "Watching 1 byte at 0x20000008 failed: the core has 2 watchpoint comparators, this takes 1 of them and 2 are "
        "in use. Delete another watchpoint, or watch fewer bytes or aligned ones."
    )
    watchpoints.remove(RAM, 4, WRITE)
    watchpoints.add(RAM + 8, 1, ACCESS)


def test_a_core_without_the_unit_says_so() -> None:
    with pytest.raises(TargetError, match="this core has no watchpoint unit"):
        unit(0).add(RAM, 4, WRITE)


# ---------------------------------------------------------------------------------------- the difference
def test_only_what_differs_is_written_and_the_function_last() -> None:
    watchpoints = unit()
    watchpoints.add(RAM, 4, WRITE)
    assert written(watchpoints) == [(COMP, RAM), (MASK, 2), (FUNCTION, 6)]
    assert written(watchpoints) == []
    watchpoints.remove(RAM, 4, WRITE)
    watchpoints.add(RAM, 4, WRITE)
    assert written(watchpoints) == [], "as GDB does at every stop"
    watchpoints.remove(RAM, 4, WRITE)
    assert written(watchpoints) == [(FUNCTION, 0)]


def test_a_comparator_in_use_is_off_while_it_is_changed() -> None:
    watchpoints = unit()
    watchpoints.add(RAM, 4, WRITE)
    written(watchpoints)
    watchpoints.remove(RAM, 4, WRITE)
    watchpoints.add(RAM + 8, 2, ACCESS)
    assert written(watchpoints) == [(FUNCTION, 0), (COMP, RAM + 8), (MASK, 1), (FUNCTION, 7)]
    watchpoints.remove(RAM + 8, 2, ACCESS)
    watchpoints.add(RAM + 12, 2, ACCESS)
    assert written(watchpoints) == [(FUNCTION, 0), (COMP, RAM + 12), (FUNCTION, 7)]


def test_after_a_reset_what_is_in_use_is_written_again() -> None:
    watchpoints = unit()
    watchpoints.add(RAM, 4, WRITE)
    written(watchpoints)
    watchpoints.forget_written()
    assert written(watchpoints) == [(COMP, RAM), (MASK, 2), (FUNCTION, 6)]


def test_a_unit_taken_over_is_switched_off() -> None:
    watchpoints = Watchpoints()
    watchpoints.use(2, 1)
    assert written(watchpoints) == [(FUNCTION, 0), (FUNCTION + 16, 0)]


# ---------------------------------------------------------------------------------------- hits
def test_who_was_hit() -> None:
    watchpoints = unit()
    watchpoints.add(RAM + 2, 4, WRITE)  # two blocks
    watchpoints.add(RAM + 0x10, 4, READ)
    written(watchpoints)
    assert watchpoints.hits({0: 6, 1: 6 | MATCHED, 2: 5}) == (WatchHit(WRITE, RAM + 4),)
    assert watchpoints.hits({0: 6 | MATCHED, 1: 6 | MATCHED, 2: 5 | MATCHED}) == (
        WatchHit(WRITE, RAM + 2),
        WatchHit(READ, RAM + 0x10),
    )
    assert watchpoints.hits({0: 6, 1: 6, 2: 5}) == (), "nobody can be named"


def test_the_only_one_was_it_when_no_comparator_admits_it() -> None:
    watchpoints = unit()
    watchpoints.add(RAM, 4, ACCESS)
    written(watchpoints)
    assert watchpoints.hits({0: 7}) == (WatchHit(ACCESS, RAM),)


def test_a_rounded_watch_reports_an_address_of_its_own() -> None:
    watchpoints = unit(1)
    watchpoints.add(RAM + 3, 3, WRITE)
    written(watchpoints)
    assert watchpoints.hits({0: 6 | MATCHED}) == (WatchHit(WRITE, RAM + 3),)
