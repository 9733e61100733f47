"""Loads that are cut off anywhere, and the next load from whatever is there: exact, the rest of the flash as before.

Here at every ``STRIDE``-th transfer of a load, each time in another way. All transfers and all ways:

    HALTPOINT_CUT_STRIDE=1 python -m pytest tests/flash/test_power.py
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import noise

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import Chip
from haltpoint.flash.session import FlashSession
from haltpoint.probes.access import Access, Require, Result
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.board import Board

STRIDE = int(os.environ.get("HALTPOINT_CUT_STRIDE", "50"))
KIB = 1024
IWDG = 0x4000_3000
CHIPS = {"stm32f103c8": FLASH, "stm32l431rc": FLASH, "stm32g0b1re": FLASH + 256 * KIB - 4 * KIB}
"""Where the image begins: for the last one, the first bank ends in it."""


async def load(core: CortexM, chip: Chip, address: int, data: bytes) -> FlashSession:
    session = FlashSession(core, chip)
    session.write(address, data)
    await session.finish()
    return session


def at_transfer(bench: Bench, number: int, act: Callable[[], None]) -> None:
    """Do something when the probe has carried out that many bulk transfers from now on."""
    probe, last = bench.memory.probe, bench.board.stats.bulk + number
    run, done = probe.run, list[Access]()

    def watched(accesses: Sequence[Access]) -> list[Result]:
        whole = any(isinstance(access, Require) for access in accesses)
        results: list[Result] = []
        for part in [accesses] if whole else [[access] for access in accesses]:
            results += run(part)
            if bench.board.stats.bulk >= last and not done:
                done.extend(part)
                act()
        return results

    probe.run = watched  # type: ignore[method-assign]
    probe.undo = lambda: setattr(probe, "run", run)  # type: ignore[attr-defined]


def power(bench: Bench, _scope: trio.CancelScope) -> None:
    bench.board.power(on=False)


def unplug(bench: Bench, _scope: trio.CancelScope) -> None:
    bench.board.unplug()


def reset(bench: Bench, _scope: trio.CancelScope) -> None:
    bench.board.machine.hold_reset(asserted=True)
    bench.board.sleep(0.001)
    bench.board.machine.hold_reset(asserted=False)


def watchdog(bench: Bench, _scope: trio.CancelScope) -> None:
    bench.board.machine.system_reset()


def cancel(_bench: Bench, scope: trio.CancelScope) -> None:
    scope.cancel()


WAYS: list[Callable[[Bench, trio.CancelScope], None]] = [power, unplug, reset, watchdog, cancel]


async def cut_off(bench: Bench, number: int, way: Callable[[Bench, trio.CancelScope], None], image: bytes) -> None:
    """A load that does not come to its end, unless ``number`` is behind it."""
    start = CHIPS[bench.board.selector.split(",")[0].removeprefix("sim:")]
    with trio.CancelScope() as scope:
        at_transfer(bench, number, lambda: way(bench, scope))
        try:
            await load(bench.core, bench.chip, start, image)
        except HaltpointError as error:
            assert "failed: " in str(error)  # noqa: PT017 (a reset at the very end comes too late to be noticed)
    bench.memory.probe.undo()  # type: ignore[attr-defined]


async def afresh(board: Board, chip: Chip, body: Callable[[CortexM, Chip], Awaitable[None]]) -> None:
    """Power and cable as they should be, and a new connection."""
    board.power(on=True)
    board.plug()
    probe = open_probe("stlink", UsbHost(board.backend, board.sleep))
    core = CortexM(Memory(probe, InlineExecutor()))
    try:
        await core.connect(ConnectMode.HALT)
        await body(core, chip)
    finally:
        probe.close()


def transfers_of_a_load(chip: str, image: bytes) -> int:
    counts = []

    async def body(bench: Bench) -> None:
        bench.board.write_flash(CHIPS[chip], noise(len(image), seed=2))
        bench.board.stats.reset()
        await load(bench.core, bench.chip, CHIPS[chip], image)
        counts.append(bench.board.stats.bulk)

    on_board(f"sim:{chip}", body)
    return counts[0]


@pytest.mark.parametrize("chip", CHIPS)
def test_the_next_load_succeeds_and_nothing_else_is_touched(chip: str) -> None:
    image, start = noise(16 * KIB - 6), CHIPS[chip]
    count = transfers_of_a_load(chip, image)
    ways = itertools.cycle(WAYS)
    for number in range(STRIDE, count + STRIDE, STRIDE):
        for way in WAYS if STRIDE == 1 else [next(ways), next(ways)]:
            cut_and_load_again(chip, start, number, way, image)


def cut_and_load_again(
    chip: str, start: int, number: int, way: Callable[[Bench, trio.CancelScope], None], image: bytes
) -> None:
    async def test(bench: Bench) -> None:
        board, around = bench.board, 4 * KIB
        page = bench.chip.sector(start).size
        low, high = max(FLASH, start - around), start + -(-len(image) // page) * page + around
        before = noise(high - low, seed=number)
        board.write_flash(low, before)
        await cut_off(bench, number, way, image)
        bench.memory.probe.close()
        first, end = start - low, start - low + -(-len(image) // page) * page
        seen = board.read_flash(low, high - low)
        assert seen[:first] == before[:first], f"below, {way.__name__} at {number}"
        assert seen[end:] == before[end:], f"above, {way.__name__} at {number}"

        async def again(core: CortexM, found: Chip) -> None:
            await load(core, found, start, image)
            content = board.read_flash(low, high - low)
            assert content[first : first + len(image)] == image, f"{way.__name__} at {number}"
            assert content[:first] == before[:first]
            assert content[end:] == before[end:]

        await afresh(board, bench.chip, again)

    on_board(f"sim:{chip}", test)


@pytest.mark.parametrize("way", [reset, watchdog, cancel], ids=["reset", "watchdog", "cancel"])
@pytest.mark.parametrize("chip", ["stm32f103c8", "stm32l431rc"])
def test_gaps_come_back_with_the_next_load_of_the_same_session(
    chip: str, way: Callable[[Bench, trio.CancelScope], None]
) -> None:
    """What a half-done load has erased besides the image is then known to the session alone."""

    async def test(bench: Bench) -> None:
        page = bench.chip.sector(FLASH).size
        before = noise(3 * page, seed=3)
        for number in range(64, 120, 6):
            bench.board.write_flash(FLASH, before)
            session = FlashSession(bench.core, bench.chip)
            writes = [(FLASH + 5, b"a" * 500), (FLASH + page + 700, b"b" * 40)]
            with trio.CancelScope() as scope:
                at_transfer(bench, number, lambda s=scope: way(bench, s))  # type: ignore[misc]
                for address, data in writes:
                    session.write(address, data)
                try:
                    await session.finish()
                except HaltpointError as error:
                    assert "failed: " in str(error)  # noqa: PT017
            bench.memory.probe.undo()  # type: ignore[attr-defined]
            await bench.core.reset(halt=True)
            for address, data in writes:
                session.write(address, data)
            await session.finish()
            expected = bytearray(before)
            expected[5:505] = b"a" * 500
            expected[page + 700 : page + 740] = b"b" * 40
            assert bench.board.read_flash(FLASH, 3 * page) == expected, number

    on_board(f"sim:{chip}", test)
