"""Loads one after the other, in random states: HALTPOINT_HOSTILE_LOADS=100 for as many on each chip.

Without it, few where a sector has 128 KiB, because there they take the longest.
"""

from __future__ import annotations

import os

import pytest
from support.hostile.chances import loads_in_a_row
from support.hostile.chips import CHIPS

LOADS = int(os.environ.get("HALTPOINT_HOSTILE_LOADS", "0"))
USUALLY, LARGE_SECTORS = 10, {"stm32h743zi": 3}
SEED = 356


@pytest.mark.parametrize("chip", CHIPS)
def test_loads_in_a_row(chip: str) -> None:
    count = LOADS or LARGE_SECTORS.get(chip, USUALLY)
    met = loads_in_a_row(chip, SEED, count)
    assert len(met) == count
    assert len(set(met)) > count // 2
