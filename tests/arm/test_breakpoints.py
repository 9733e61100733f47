"""FPB encodings and the breakpoint table, without a target."""

from __future__ import annotations

import pytest

from haltpoint.arm.breakpoints import BreakpointKind, Breakpoints, bkpt_number
from haltpoint.arm.fpb import Fpb, comparator_v1, comparator_v2
from haltpoint.probes.access import Batch, Write
from haltpoint.probes.errors import TargetError

HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
SIX_V1, EIGHT_V2 = 0x00000260, 0x10000080
CTRL, COMP = 0xE0002000, 0xE0002008


@pytest.mark.parametrize(
    ("addresses", "word"),
    [
        ([], 0),
        ([0x00000000], 0x40000001),
        ([0x08000100], 0x48000101),
        ([0x08000102], 0x88000101),
        ([0x08000100, 0x08000102], 0xC8000101),
        ([0x1FFFFFFE], 0x9FFFFFFD),
    ],
)
def test_version_1_comparators(addresses: list[int], word: int) -> None:
    assert comparator_v1(addresses) == word


@pytest.mark.parametrize(
    ("address", "word"),
    [(0x08000100, 0x08000101), (0x08000102, 0x08000103), (0x20000000, 0x20000001), (0x90000001, 0x90000001)],
)
def test_version_2_comparators(address: int, word: int) -> None:
    assert comparator_v2(address) == word


def table(fp_ctrl: int = SIX_V1) -> Breakpoints:
    breakpoints = Breakpoints()
    breakpoints.use(fp_ctrl)
    return breakpoints


def written(breakpoints: Breakpoints, without: int | None = None) -> dict[int, int]:
    """Carry out the difference; what was written."""
    batch = Batch()
    breakpoints.written(breakpoints.write_hardware(batch, without))
    writes = {access.address: access.value for access in batch.accesses if isinstance(access, Write)}
    assert len(writes) == len(batch.accesses)
    return writes


def test_the_first_difference_clears_what_an_earlier_debugger_left() -> None:
    assert written(table()) == {CTRL: 3, **{COMP + 4 * n: 0 for n in range(6)}}


def test_only_differences_are_written() -> None:
    breakpoints = table()
    written(breakpoints)
    breakpoints.add(0x08000101, HARDWARE)
    assert written(breakpoints) == {COMP: 0x48000101}
    assert written(breakpoints) == {}
    breakpoints.remove(0x08000100)
    breakpoints.add(0x08000100, HARDWARE)  # as GDB does at every stop
    assert written(breakpoints) == {}
    breakpoints.add(0x08000200, HARDWARE)
    breakpoints.remove(0x08000100)
    assert written(breakpoints) == {COMP: 0x48000201}, "the free comparator serves the next one"
    breakpoints.add(0x08000300, HARDWARE)
    assert written(breakpoints) == {COMP + 4: 0x48000301}
    breakpoints.forget_written()
    assert len(written(breakpoints)) == 7


def test_both_halfwords_of_a_word_share_a_comparator() -> None:
    breakpoints = table()
    written(breakpoints)
    breakpoints.add(0x08000100, HARDWARE)
    breakpoints.add(0x08000102, HARDWARE)
    assert written(breakpoints) == {COMP: 0xC8000101}
    assert written(breakpoints, without=0x08000102) == {COMP: 0x48000101}
    assert written(breakpoints, without=0x08000100) == {COMP: 0x88000101}
    assert written(breakpoints) == {COMP: 0xC8000101}
    breakpoints.remove(0x08000100)
    assert written(breakpoints) == {COMP: 0x88000101}


def test_version_2_needs_one_comparator_each() -> None:
    breakpoints = table(EIGHT_V2)
    written(breakpoints)
    breakpoints.add(0x20000100, HARDWARE)
    breakpoints.add(0x20000102, HARDWARE)
    assert written(breakpoints) == {COMP: 0x20000101, COMP + 4: 0x20000103}


def test_the_seventh_is_refused_with_the_six_named() -> None:
    breakpoints = table()
    places = [0x08000100 + 4 * n for n in range(6)]
    for place in places:
        breakpoints.add(place, HARDWARE)
    breakpoints.add(places[0], HARDWARE)  # again: no new comparator
    breakpoints.add(places[5] + 2, HARDWARE)  # shares a comparator
    with pytest.raises(TargetError) as caught:
        breakpoints.add(0x08000200, HARDWARE)
    assert "has 6 hardware breakpoints" in str(caught.value)
    assert all(f"{place:#010x}" in str(caught.value) for place in places)
    assert 0x08000200 not in breakpoints
    breakpoints.remove(places[0])
    breakpoints.add(0x08000200, HARDWARE)
    assert set(written(breakpoints).values()) >= {0x48000201}


def test_version_1_does_not_reach_ram() -> None:
    with pytest.raises(TargetError, match=r"below 0x20000000 only.*software breakpoint"):
        table().add(0x20000000, HARDWARE)
    table(EIGHT_V2).add(0x20000000, HARDWARE)


def test_a_core_without_comparators() -> None:
    breakpoints = table(0)
    assert written(breakpoints) == {}
    with pytest.raises(TargetError, match="has 0 hardware breakpoints"):
        breakpoints.add(0x08000100, HARDWARE)


def test_clearing_everything() -> None:
    breakpoints = table()
    batch = Batch()
    breakpoints.write_all_off(batch)
    assert batch.accesses == [*(Write(COMP + 4 * n, 0) for n in range(6)), Write(CTRL, 2)]


def test_the_table_matches_by_address() -> None:
    breakpoints = table()
    breakpoints.add(0x08000100, HARDWARE)
    assert breakpoints.at(0x08000101) is HARDWARE
    breakpoints.add(0x08000100, SOFTWARE)
    assert breakpoints.at(0x08000100) is SOFTWARE
    assert len(breakpoints) == 1
    breakpoints.remove(0x08000101)
    breakpoints.remove(0x08000100)
    assert len(breakpoints) == 0


def test_software_breakpoints_hide() -> None:
    breakpoints = table()
    breakpoints.replaced(0x20000002, 0x1234)
    raw = bytes.fromhex("aaaa00bebbbb")
    assert breakpoints.hide(0x20000000, raw) == bytes.fromhex("aaaa3412bbbb")
    assert breakpoints.hide(0x20000003, raw[3:]) == bytes.fromhex("12bbbb")
    assert breakpoints.hide(0x20000000, raw[:3]) == bytes.fromhex("aaaa34")
    assert breakpoints.hide(0x20000004, raw[4:]) == bytes.fromhex("bbbb")


def test_writes_go_under_software_breakpoints() -> None:
    breakpoints = table()
    breakpoints.replaced(0x20000002, 0x1234)
    data = bytes.fromhex("0102030405")
    assert breakpoints.keep(0x20000000, data) == bytes.fromhex("010200be05")
    breakpoints.wrote(0x20000000, data)
    assert breakpoints.installed == {0x20000002: 0x0403}
    breakpoints.wrote(0x20000003, b"\xee")  # the upper half only
    assert breakpoints.installed == {0x20000002: 0xEE03}


def test_bkpt_opcodes() -> None:
    assert bkpt_number(0xBE00) == 0
    assert bkpt_number(0xBEAB) == 0xAB
    assert bkpt_number(0xBF00) is None


def test_a_breakpoint_keeps_its_comparator() -> None:
    fpb = Fpb(1, 3)
    assert fpb.words([0x100, 0x200, 0x300]) == [0x40000101, 0x40000201, 0x40000301]
    assert fpb.words([0x300]) == [0, 0, 0x40000301]
    assert fpb.words([0x300, 0x400]) == [0x40000401, 0, 0x40000301]
