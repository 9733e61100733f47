"""What a supply too low for PSIZE does to an F4's or F7's flash (RM0090 3.6.2): nothing is said, the bits are wrong."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip
from support.sim_client import entered

from haltpoint.sim.board import open_board
from haltpoint.sim.errors import SelectorError

KEYR, SR, CR = (0x4002_3C00 + n for n in (4, 0xC, 0x10))
PG, SER, STRT, BSY = 1, 2, 1 << 16, 1 << 16
FLASH = 0x0800_0000
WIDTHS = {0: 1, 1: 2, 2: 4}


def opened(board: str, vdd: str) -> Chip:
    chip = Chip(board, f",vdd={vdd}")
    chip[KEYR] = 0x4567_0123
    chip[KEYR] = 0xCDEF_89AB
    return chip


def status(chip: Chip) -> int:
    for _ in range(100):
        if not chip[SR] & BSY:
            return chip[SR]
        chip.board.sleep(50e-3)
    raise AssertionError("busy for ever")


@pytest.mark.parametrize("board", ["stm32f407vg", "stm32f429zi", "stm32f746zg"])
@pytest.mark.parametrize(
    ("vdd", "size", "good"),
    [
        ("1.8", 0, True),
        ("1.8", 1, False),
        ("1.8", 2, False),
        ("2.1", 1, True),
        ("2.4", 2, False),
        ("2.7", 2, True),
        ("1.7", 0, False),
    ],
)
def test_programming_needs_its_supply(board: str, vdd: str, size: int, good: bool) -> None:
    chip = opened(board, vdd)
    chip[CR] = PG | size << 8
    width = WIDTHS[size]
    chip.write(FLASH, 0, width)
    assert status(chip) == 0, "no flag tells"
    assert (chip.flash(FLASH, width) == bytes(width)) == good


@pytest.mark.parametrize(("vdd", "size", "good"), [("1.8", 0, True), ("1.8", 2, False), ("2.7", 2, True)])
def test_erasing_too(vdd: str, size: int, good: bool) -> None:
    chip = opened("stm32f407vg", vdd)
    chip.board.write_flash(FLASH, bytes(64))
    chip[CR] = SER | size << 8 | STRT
    assert status(chip) == 0
    assert (chip.flash(FLASH, 64) == b"\xff" * 64) == good


@pytest.mark.parametrize("vdd", ["1.8", "3.25"])
def test_the_probe_measures_it(vdd: str) -> None:
    probe = entered(f"vdd={vdd}")
    answer = probe.command(0xF7, reply=8)
    reference, sample = (int.from_bytes(answer[n : n + 4], "little") for n in (0, 4))
    assert 2.4 * sample / reference == pytest.approx(float(vdd), abs=0.01)


@pytest.mark.parametrize("vdd", ["0", "1.5", "3.7", "33", "3V3", "-1", "1e0"])
def test_odd_supplies_are_refused(vdd: str) -> None:
    with pytest.raises(SelectorError, match="supply"):
        open_board(f"sim:stm32f407vg,vdd={vdd}")
