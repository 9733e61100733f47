"""Trouble at any moment of a load over FTDI: an exact result or one clear error, never a wrong byte, never a hang."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import trio
from support.flash_bench import Bench, on_board

from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.knobs import FaultKnobs

FLASH = 0x0800_0000
KNOBS = ("unplug", "power_loss", "time_out", "stall", "short", "wait", "fault", "parity")
STEP = {"wait": 211, "fault": 211, "parity": 211}
EVERY = 8  # of the transfers of a load


def outcome(wire: str, knob: str, nth: int) -> tuple[str, int]:
    """What a load of 3 KiB comes to when the knob strikes at its nth chance, and how often it struck."""
    data = random.Random(7).randbytes(3 * 1024)
    told, struck = "", 0

    async def scenario(bench: Bench) -> None:
        nonlocal told, struck
        faults: FaultKnobs = bench.board.faults
        getattr(faults, knob)(nth)
        try:
            with trio.fail_after(60):
                await bench.load(data)
        except HaltpointError as error:
            told = type(error).__name__ if str(error).endswith(".") else "no sentence"
        else:
            assert bench.board.read_flash(FLASH, len(data)) == data
            told = "exact"
        struck = faults.injected
        faults.clear()

    on_board(f"sim:stm32f103c8,probe=ft2232h,wire={wire}", scenario)
    return told, struck


@pytest.mark.parametrize(
    ("wire", "knob"),
    [(wire, knob) for wire in ("jtag", "swd") for knob in KNOBS if (wire, knob) != ("jtag", "parity")],
)
def test_a_load_survives_or_says_why(wire: str, knob: str) -> None:
    step = STEP.get(knob, EVERY)
    outcomes: Counter[str] = Counter()
    for nth in range(1, 3000, step):
        told, struck = outcome(wire, knob, nth)
        if not struck:
            break
        outcomes[told] += 1
    print(f"{wire}, {knob}: {sum(outcomes.values())} injected, {dict(outcomes)}")
    assert outcomes
    assert "no sentence" not in outcomes
