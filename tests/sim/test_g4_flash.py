"""What G4, WB and WL have of their own; the shared rules of the flash controller: test_l4_flash.py."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, STRT, BKER = 1, 2, 1 << 16, 1 << 11
OPTLOCK, LOCK = 1 << 30, 1 << 31
BUSY = 1 << 16 | 1 << 18
FLASH = 0x0800_0000
BOARDS = {"stm32g431rb": 2048, "stm32g474re": 2048, "stm32wb55rg": 4096, "stm32wle5jc": 2048}


@pytest.mark.parametrize("board", BOARDS)
def test_a_program_on_the_core_erases_and_programs(board: str) -> None:
    chip = Chip(board)
    base, page = chip.board.soc.flash.base, BOARDS[board]
    status, control = base + 0x10, base + 0x14
    chip.board.write_flash(FLASH + page, bytes(2 * page))
    chip.store(base + 8, KEY1)
    chip.store(base + 8, KEY2)
    chip.store(control, PER | 1 << 3 | STRT | OPTLOCK)
    chip.wait(status, BUSY)
    chip.store(control, PG | OPTLOCK)
    for n in range(8):
        chip.store(FLASH + page + 4 * n, 0x1111_1111 * (n + 1))
        if n % 2:
            chip.wait(status, BUSY)
    chip.store(control, LOCK)
    assert chip.run() == pytest.approx(22.02e-3 + 4 * 81.69e-6, rel=0.01)
    assert chip.flash(FLASH + page, 32) == b"".join(bytes([0x11 * n] * 4) for n in range(1, 9))
    assert chip.flash(FLASH + page + 32, page - 32) == b"\xff" * (page - 32)
    assert chip.flash(FLASH + 2 * page, page) == bytes(page)


def test_the_second_bank_of_the_g474() -> None:
    chip = Chip("stm32g474re")
    second = FLASH + 256 * 1024
    for address in (FLASH, second):
        chip.board.write_flash(address, bytes(8))
    chip[0x4002_2008] = KEY1
    chip[0x4002_2008] = KEY2
    chip[0x4002_2014] = PER | BKER | STRT | OPTLOCK
    chip.sleep(30e-3)
    assert (chip.flash(FLASH, 8), chip.flash(second, 8)) == (bytes(8), b"\xff" * 8)


def test_clocks() -> None:
    chip = Chip("stm32g431rb")
    assert chip.board.soc.rcc.core_hz == 16_000_000
    chip[0x4002_100C] = 2 | 3 << 4 | 85 << 8 | 1 << 24
    chip[0x4002_1000] |= 1 << 24
    chip.sleep(1e-3)
    chip[0x4002_1008] = 3
    assert chip.board.soc.rcc.core_hz == 170_000_000
    assert Chip("stm32wb55rg").board.soc.rcc.core_hz == 4_000_000


def test_the_debug_port_of_the_wireless_ones_is_newer() -> None:
    assert Chip("stm32wb55rg").board.chip.dpidr == 0x6BA0_2477
    assert Chip("stm32g474re").board.chip.dpidr == 0x2BA0_1477


def test_freeze_registers_of_the_wireless_ones() -> None:
    chip = Chip("stm32wle5jc")
    chip[0xE004_203C] = 1 << 12
    assert chip.board.soc.dbgmcu.stops_iwdg
