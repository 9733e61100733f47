"""Loads one after the other: each one brings the firmware that makes the states that the next one meets."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import trio

from haltpoint.arm.core import ConnectMode
from haltpoint.sim.board import open_board
from support.flash_bench import Bench
from support.flash_load import extent

from .chips import CHIPS, Facts
from .scene import Connection, firmware_for, hurry, load, selector
from .states import STATES, State

__all__ = ["loads_in_a_row", "mixture"]

CLOCKS = {"fast", "slow", "crystal", "low power", "range 2"}
WATCHDOGS = {"watchdog", "watchdog window"}
WINDOWS = {"window watchdog", "closed window"}
LONGEST_SLEEP = 0.03
"""Seconds: shorter than any of the watchdogs, which would only start the firmware again."""


def _kind(state: State) -> str:
    """States of one kind exclude each other."""
    for group in (CLOCKS, WATCHDOGS, WINDOWS):
        if state.recipe in group:
            return min(group)
    if state.leftover or state.row in {10, 13}:
        return "controller"
    return "life" if state.life else state.name


def mixture(chance: random.Random, facts: Facts) -> list[State]:
    """Up to four states that can be together. Those that slow the core down come last."""
    candidates = [s for s in STATES if s.shown_on(facts) and not s.alone and not s.option]
    chosen: dict[str, State] = {}
    for state in chance.sample(candidates, chance.randint(1, 4)):
        chosen.setdefault(_kind(state), state)
    return sorted(chosen.values(), key=lambda state: state.recipe in CLOCKS)


def _pieces(chance: random.Random, bench: Bench, facts: Facts, firmware: bytes) -> Iterator[tuple[int, bytes]]:
    """The firmware and up to three pieces of noise anywhere behind it, of any length, at any address."""
    yield facts.base, firmware
    end = facts.base + sum(bank.size for bank in bench.board.chip.banks)
    taken = [(facts.base, facts.base + len(firmware))]
    for _ in range(chance.randint(0, 3)):
        length = chance.choice((1, 2, 3, 7, 8, 64, chance.randint(1, 5000)))
        address = chance.randint(facts.base + len(firmware), end - length)
        if all(address + length <= first or last <= address for first, last in taken):
            taken.append((address, address + length))
            yield address, chance.randbytes(length)


async def _one_load(
    chance: random.Random, bench: Bench, facts: Facts, met: Sequence[State], following: Sequence[State]
) -> None:
    for state in met:
        if state.touch:
            await state.touch(bench, facts)
    writes = list(_pieces(chance, bench, facts, firmware_for(facts, following)))
    extents = [extent(bench.chip, address, len(data)) for address, data in writes if chance.random() < 0.7]
    await load(bench, facts, met, writes, [(start, end - start) for start, end in extents])
    await bench.core.reset(halt=True)
    await bench.core.detach()


def loads_in_a_row(chip: str, seed: int, count: int, more: str = "") -> list[str]:
    """``count`` loads, each verified in full; what states each has met. A failure tells the load and its states."""
    facts, chance = CHIPS[chip], random.Random(f"{chip} {seed}")
    board = open_board(selector(chip, (), more))
    hurry(board, ())
    told = []
    first = mixture(chance, facts)
    board.write_flash(facts.base, firmware_for(facts, first))
    board.machine.system_reset()
    board.sleep(LONGEST_SLEEP)

    async def main() -> None:
        met = first
        for number in range(count):
            following = mixture(chance, facts)
            mode = ConnectMode.ATTACH if any(state.running for state in met) else ConnectMode.HALT
            for state in met:
                if state.earlier:
                    state.earlier(board, facts)
            names = " + ".join(state.name for state in met)
            try:
                async with Connection(board, mode) as bench:
                    if mode is ConnectMode.ATTACH:
                        await bench.core.halt()
                    await _one_load(chance, bench, facts, met, following)
            except BaseException as error:
                error.add_note(f"{chip}, seed {seed}, load {number}: {names}")
                raise
            told.append(names)
            met = following
            await trio.sleep(chance.uniform(0.004, LONGEST_SLEEP))

    trio.run(main, clock=board.trio_clock())
    return told
