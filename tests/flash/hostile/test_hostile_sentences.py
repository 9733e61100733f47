"""What cannot be cured: one sentence that says what it is and what helps; and what is said to help does."""

from __future__ import annotations

import pytest
import trio
from support.flash_load import extent, noise
from support.hostile.chips import CHIPS, Facts
from support.hostile.scene import Connection, hurry, load_exactly, stage
from support.hostile.sentences import SENTENCES, Sentence, connect_mode
from support.hostile.states import STATES

from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.board import Board, open_board

CASES = [(chip, sentence) for chip in CHIPS for sentence in SENTENCES if not sentence.chips or chip in sentence.chips]
PICOSECONDS = 1_000_000_000_000


async def fail_to_load(board: Board, facts: Facts, sentence: Sentence) -> str:
    """Try, and return what is said; protected or not, what is not written stays."""
    async with Connection(board) as bench:
        if sentence.touch:
            await sentence.touch(bench, facts)
        data = noise(20_000)
        start, end = extent(bench.chip, facts.base, len(data))
        before = board.read_flash(facts.base, 0x8000)
        if sentence.during:
            call = sentence.during
            board.clock.at(board.clock.horizon + PICOSECONDS * 2 // 25, lambda: call(board))
        session = bench.session()
        session.erase(start, end - start)
        session.write(facts.base, data)
        with pytest.raises(HaltpointError) as caught:
            await session.finish()
        kept = 0 if not sentence.during else end - start
        assert board.read_flash(facts.base, 0x8000)[kept:] == before[kept:]
        return str(caught.value)


async def help_it(board: Board, facts: Facts, sentence: Sentence) -> None:
    """Do what the sentence says, and load."""
    if sentence.cure == "power":
        board.power(on=True)
        board.sleep(0.01)
    async with Connection(board, connect_mode(sentence)) as bench:
        if sentence.cure == "reset":
            await bench.core.reset(halt=True)
        blank = [state for state in STATES if state.blank]
        await load_exactly(bench, facts, blank if sentence.cure == "power" else ())


@pytest.mark.parametrize(("chip", "sentence"), CASES, ids=[f"{chip}-{sentence.name}" for chip, sentence in CASES])
def test_sentence(chip: str, sentence: Sentence) -> None:
    facts = CHIPS[chip]
    option = sentence.option(facts)
    board = open_board(f"sim:{chip}" + (f",{option}" if option else ""))
    hurry(board, ())
    stage(board, facts, (*sentence.ops, *(facts.taking_pins if sentence.taking_pins else ())), sentence.life)

    async def main() -> None:
        if sentence.connecting:
            with pytest.raises(HaltpointError) as caught:
                async with Connection(board):
                    pass
            said = str(caught.value)
        else:
            said = await fail_to_load(board, facts, sentence)
        print(said)
        for part in sentence.says:
            assert part in said, said
        if sentence.cure:
            await help_it(board, facts, sentence)

    trio.run(main, clock=board.trio_clock())
