"""Every state on every chip that can show it: the load is exact, all is put back, and what was loaded runs."""

from __future__ import annotations

import pytest
from support.flash_bench import Bench
from support.hostile.chips import CHIPS, EVERY_CHIP, Facts
from support.hostile.scene import load_exactly, meet, reached
from support.hostile.states import STATES, State

SHOWN = [(chip, state) for chip, facts in CHIPS.items() for state in STATES if state.shown_on(facts)]
SHOWN += [(chip, state) for chip in EVERY_CHIP if chip not in CHIPS for state in STATES if "mpu" in state.needs]


@pytest.mark.parametrize(("chip", "state"), SHOWN, ids=[f"{chip}-{state.name}" for chip, state in SHOWN])
def test_hostile_state(chip: str, state: State) -> None:
    async def body(bench: Bench, facts: Facts) -> None:
        await reached(bench, facts, state)
        await load_exactly(bench, facts, (state,))

    meet(chip, (state,), body)
