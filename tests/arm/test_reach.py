"""Where code in a range can lead."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from haltpoint.arm.thumb import Reach, reach

BASE = 0x0800_0000
NOP, BX_LR = 0xBF00, 0x4770


def reached(code: Iterable[int], *, size: int | None = None, pc: int = 0) -> Reach:
    """Of code at BASE, addresses relative to that."""
    raw = b"".join(half.to_bytes(2, "little") for half in code)
    found = reach(raw, BASE, BASE + pc, BASE + (len(raw) if size is None else size))
    return Reach(frozenset(place - BASE for place in found.places), found.count, found.loops)


# Encodings by the GNU assembler, with the place each stands at there and where it leads.
BRANCHES = [
    ([0xD0FD], 0x202, {0x200, 0x204}),  # beq
    ([0xD113], 0x204, {0x22E, 0x206}),  # bne
    ([0xE7FB], 0x206, {0x200}),  # b
    ([0xE011], 0x208, {0x22E}),
    ([0xB183], 0x20A, {0x22E, 0x20C}),  # cbz
    ([0xB97F], 0x20C, {0x22E, 0x20E}),  # cbnz
    ([0xF73F, 0xAF77], 0x20E, {0x100, 0x212}),  # bgt.w
    ([0xF2C0, 0x86F5], 0x212, {0x1000, 0x216}),  # blt.w
    ([0xF7FF, 0xBF73], 0x216, {0x100}),  # b.w
    ([0xF000, 0xBEF1], 0x21A, {0x1000}),
    ([0xF7FF, 0xFF6F], 0x21E, {0x100}),  # bl
    ([0xF000, 0xFEED], 0x222, {0x1000}),
    ([0xF1FF, 0xBEEB], 0x226, {0x200000}),  # b.w
    ([0xF1FF, 0xFEE9], 0x22A, {0x200000}),  # bl
]


@pytest.mark.parametrize(("code", "at", "places"), BRANCHES)
def test_a_branch_leads_where_it_says(code: list[int], at: int, places: set[int]) -> None:
    assert reached(code) == Reach(frozenset(place - at for place in places), 1, loops=False)


def test_a_branch_to_itself_leads_nowhere() -> None:
    assert reached([0xE7FE]) == Reach(frozenset(), 1, loops=True)


def test_a_loop_has_its_exit() -> None:
    assert reached([NOP, 0xD1FD, NOP]) == Reach(frozenset({6}), 3, loops=True)


def test_both_ways_of_a_branch_are_followed() -> None:
    # beq +4; nop; b out; nop; b far out
    assert reached([0xD001, NOP, 0xE010, NOP, 0xE030]) == Reach(frozenset({0x28, 0x6C}), 5, loops=False)


@pytest.mark.parametrize("odd", [[BX_LR], [0xDF00], [0xBE00], [0xDE00], [0xBD10], [0xE8D0, 0xF001], [0xF7F0, 0xA000]])
def test_what_must_be_looked_at_by_itself_is_a_place(odd: list[int]) -> None:
    assert reached([NOP, NOP, *odd, NOP]) == Reach(frozenset({4}), 2, loops=False)
    assert reached([*odd, NOP]) == Reach(frozenset({0}), 0, loops=False)


@pytest.mark.parametrize(
    "quiet", [[0xBF30], [0xBF20], [0xB662], [0xF3BF, 0x8F4F], [0xF3EF, 0x8010], [0xF380, 0x8810], [0xF3AF, 0x8003]]
)
def test_what_waits_or_masks_is_run_through(quiet: list[int]) -> None:
    assert reached([NOP, *quiet, NOP]) == Reach(frozenset({2 * len(quiet) + 4}), 3, loops=False)


def test_a_call_into_the_range_is_a_place() -> None:
    assert reached([NOP, 0xF7FF, 0xFFFD, NOP]).places == {2}


@pytest.mark.parametrize(
    ("block", "count"),
    [([0xBF08, 0x2001], 1), ([0xBF04, 0x2001, 0x2102], 1), ([0xBF1F, *[0x2001] * 4], 1)],
)
def test_a_plain_it_block_is_run_through(block: list[int], count: int) -> None:
    assert reached([NOP, *block, NOP]) == Reach(frozenset({2 * len(block) + 4}), count + 2, loops=False)


@pytest.mark.parametrize("block", [[0xBF08, BX_LR], [0xBF04, 0x2001, 0xE010], [0xBF01, 0x2001, 0x2001, 0x2001]])
def test_an_it_block_that_goes_elsewhere_is_a_place(block: list[int]) -> None:
    assert reached([NOP, *block]).places == {2}


def test_what_is_not_known_is_a_place() -> None:
    assert reached([NOP, NOP], size=100) == Reach(frozenset({4}), 2, loops=False)
    assert reached([NOP, 0xF000], size=100).places == {2}
    assert reached([NOP], pc=-4).count == 0
