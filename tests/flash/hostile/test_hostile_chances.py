"""Loads one after the other, in random states: HALTPOINT_HOSTILE_LOADS=100 for as many on each chip."""

from __future__ import annotations

import os

import pytest
from support.hostile.chances import loads_in_a_row
from support.hostile.chips import CHIPS

LOADS = int(os.environ.get("HALTPOINT_HOSTILE_LOADS", "10"))
SEED = 356


@pytest.mark.parametrize("chip", CHIPS)
def test_loads_in_a_row(chip: str) -> None:
    met = loads_in_a_row(chip, SEED, LOADS)
    assert len(met) == LOADS
    assert len(set(met)) > LOADS // 2
