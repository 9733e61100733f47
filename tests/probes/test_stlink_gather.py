"""A few core registers in one list with the words around them: which accesses, what they come to, what is believed."""

from __future__ import annotations

import pytest
from support.boards import Bench, on_board

from haltpoint.arm.core import ConnectMode
from haltpoint.probes.access import Access, Batch, Poll, Read, ReadBlock, ReadCore, Require, Result, Write, WriteCore
from haltpoint.probes.errors import AccessFaultError, TargetError
from haltpoint.probes.stlink.gather import FEW, gather

DHCSR, DCRSR, DCRDR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8  # DDI0403E C1.6
READY, RESET, HALTED = 1 << 16, 1 << 25, 1 << 17
RUN = Write(DHCSR, 0xA05F0001)


def count(accesses: list[Access], *, quick: bool = False, limit: int = 64) -> int:
    found = gather(accesses, 0, limit, quick=quick)
    return 0 if found is None else found.count


def test_only_where_core_registers_are_among_words() -> None:
    assert count([Read(0), Write(4, 5), Read(8)]) == 0, "plain words have a list of their own"
    assert count([WriteCore(0, 1)]) == 0, "one alone has a command"
    assert count([Read(0), ReadCore((0, 1)), Read(4)]) == 3
    assert count([Read(0), ReadCore(tuple(range(FEW + 1))), Read(4)]) == 0, "there is a command for all of them"
    for other in (Read(0, 2), ReadBlock(0, 4), Poll(0, 1, 1)):
        assert count([Read(0), ReadCore((0,)), other]) == 2
    assert count([Read(0), ReadCore((0,)), Require(0, 1, 1)]) == 2, "a condition at the end decides what comes next"


def test_nothing_that_cannot_be_repeated_follows_a_transfer_of_a_core_that_is_not_known_to_be_quick() -> None:
    resume: list[Access] = [WriteCore(0, 1), WriteCore(15, 2), RUN, Read(DHCSR)]
    assert count(resume) == 0
    assert count(resume, quick=True) == 4
    assert count([Read(0), ReadCore((0,)), RUN]) == 2
    assert count([Read(0), ReadCore((0,)), RUN], quick=True) == 3


def test_a_list_has_an_end() -> None:
    words: list[Access] = [ReadCore((0, 1)), *[Read(4 * n) for n in range(100)]]
    found = gather(words, 0, 64, quick=False)
    assert found is not None
    assert found.count == 1 + 64 - 1 - 2 * 4


def test_results_are_found_and_what_looking_cleared_is_kept() -> None:
    gathered = gather([Read(0), WriteCore(0, 7), ReadCore((1, 15)), Read(4)], 0, 64, quick=True)
    assert gathered is not None
    words: list[Result] = [11, None, None, READY | RESET, None, READY, 22, None, READY, 33, 44]
    assert gathered.decode(words, 0) == ([11, None, (22, 33), 44], [], RESET)
    assert [gathered.owner(position) for position in range(len(words))] == [0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3]


def test_a_transfer_that_was_not_complete_is_told() -> None:
    gathered = gather([Read(0), ReadCore((1,))], 0, 64, quick=True)
    assert gathered is not None
    assert gathered.decode([11, None, 0, 22], 0)[1] == [1]
    gathered = gather([WriteCore(15, 7), RUN], 0, 64, quick=True)
    assert gathered is not None
    with pytest.raises(TargetError, match=r"Writing core register pc failed: the core had not finished.*--speed"):
        gathered.decode([None, None, 0, None], 0)


def test_on_a_board_one_list_does_it_all() -> None:
    async def scenario(bench: Bench) -> None:
        batch = Batch()
        dhcsr = batch.read(DHCSR)
        batch.require(dhcsr, HALTED, HALTED)
        first = batch.read_core(0, 15)
        vector = batch.read(0x0800_0004)
        bench.transfers()
        await bench.memory.run(batch)
        assert bench.transfers() == 4
        assert first.value == (0, vector.value & ~1)
        batch = Batch()
        batch.write_core(0, 0x1234_5678)
        batch.write_core(4, 0x9ABC_DEF0)
        after = batch.read_core(0, 4)
        await bench.memory.run(batch)
        assert bench.transfers() == 4
        assert after.value == (0x1234_5678, 0x9ABC_DEF0)

    on_board(scenario, code=[0xE7FE])


def test_a_condition_that_does_not_hold_ends_the_batch() -> None:
    async def scenario(bench: Bench) -> None:
        batch = Batch()
        dhcsr = batch.read(DHCSR)
        batch.require(dhcsr, HALTED, HALTED)
        batch.read_core(0, 15)
        batch.read(0x0800_0004)
        await bench.memory.run(batch)
        assert not dhcsr.value & HALTED
        assert batch.results is not None
        assert batch.results[1:] == [None, None, None]

    on_board(scenario, code=[0xE7FE], mode=ConnectMode.ATTACH)


@pytest.mark.parametrize("others", [0, 4])
def test_what_looking_cleared_is_told_to_the_next_reader_alone(others: int) -> None:
    """A reset that only looks at S_REGRDY have seen, read by a word alone and by a list of words."""

    async def scenario(bench: Bench) -> None:
        await bench.memory.read32(DHCSR)
        bench.board.machine.system_reset()
        batch = Batch()
        batch.read_core(0, 1)
        batch.read(0x0800_0000)
        await bench.memory.run(batch)
        for expected in (RESET, 0):
            batch = Batch()
            dhcsr = batch.read(DHCSR)
            for number in range(others):
                batch.read(0x0800_0000 + 4 * number)
            await bench.memory.run(batch)
            assert dhcsr.value & RESET == expected

    on_board(scenario, code=[0xE7FE])


def test_a_refused_word_is_told_by_its_place_in_the_batch() -> None:
    async def scenario(bench: Bench) -> None:
        batch = Batch()
        batch.read_core(0, 1)
        batch.read(0x0800_0000)
        batch.read(0x3000_0000)
        with pytest.raises(AccessFaultError) as fault:
            await bench.memory.run(batch)
        assert (fault.value.index, fault.value.address) == (2, 0x3000_0000)

    on_board(scenario, code=[0xE7FE])
