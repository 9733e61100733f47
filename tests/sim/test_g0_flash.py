"""What the flash controllers of G0 (RM0444) and C0 (RM0490) have of their own; the shared rules: test_l4_flash.py."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault, Unmodelled

ACR, KEYR, OPTKEYR, SR, CR = (0x4002_2000 + n for n in (0, 8, 0xC, 0x10, 0x14))
OPTR = 0x4002_2020
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, MER1, BKER, MER2, STRT = 1, 2, 4, 1 << 13, 1 << 15, 1 << 16
OPTLOCK, LOCK = 1 << 30, 1 << 31
PROGERR, WRPERR, PGSERR, BSY1, BSY2, CFGBSY = 1 << 3, 1 << 4, 1 << 7, 1 << 16, 1 << 17, 1 << 18
EMPTY = 1 << 16
FLASH = 0x0800_0000
BUSY = BSY1 | BSY2 | CFGBSY
BOARDS = ["stm32g071rb", "stm32g0b1re", "stm32c031c6"]


def opened(board: str, options: str = "") -> Chip:
    chip = Chip(board, options)
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    return chip


def status(chip: Chip) -> int:
    for _ in range(100):
        if not chip[SR] & BUSY:
            return chip[SR]
        chip.board.sleep(1e-3)
    raise AssertionError("busy for ever")


@pytest.mark.parametrize("board", BOARDS)
def test_reset_values(board: str) -> None:
    chip = Chip(board)
    assert [chip[address] for address in (ACR, SR, CR, OPTR)] == [0x5_0600, 0, 0xC000_0000, 0xFFFF_FEAA]
    chip.board.write_flash(FLASH, bytes(8))
    chip.power_cycle()
    assert chip[ACR] == 0x4_0600


@pytest.mark.parametrize("board", BOARDS)
def test_a_wrong_key_is_a_bus_error(board: str) -> None:
    with pytest.raises(BusFault):
        Chip(board)[KEYR] = 0


def test_configuration_is_busy_from_the_first_word_on() -> None:
    chip = opened("stm32g071rb")
    chip[CR] = PG | OPTLOCK
    chip[FLASH] = 1
    assert chip[SR] == CFGBSY
    chip[CR] = PER | OPTLOCK
    assert chip[CR] == PG | OPTLOCK, "held meanwhile"
    chip[FLASH + 4] = 2
    assert chip[SR] == BSY1 | CFGBSY
    assert status(chip) == 0


def test_the_empty_flag_is_a_plain_bit() -> None:
    chip = opened("stm32g071rb")
    assert chip[ACR] & EMPTY
    chip.board.write_flash(FLASH, bytes.fromhex("0010002009000008fee7"))
    assert not chip[ACR] & EMPTY
    chip[ACR] = chip[ACR] | EMPTY
    chip.reset()
    assert chip.board.machine.core.engine.pc >> 16 == 0x1FFF
    chip[ACR] = chip[ACR] & ~EMPTY
    chip.reset()
    assert chip.board.machine.core.engine.pc == 0x0800_0008


def test_taking_the_debug_port_away_is_loud() -> None:
    with pytest.raises(Unmodelled):
        Chip("stm32g071rb")[ACR] = 0x600


def test_two_banks_and_two_busy_flags() -> None:
    chip = opened("stm32g0b1re")
    second = FLASH + 256 * 1024
    for address in (FLASH + 0x800, second + 0x800):
        chip.board.write_flash(address, bytes(8))
    chip[CR] = PER | 1 << 3 | BKER | STRT | OPTLOCK
    assert chip[SR] == BSY2 | CFGBSY
    assert status(chip) == 0
    assert chip.flash(FLASH + 0x800, 8) == bytes(8)
    assert chip.flash(second + 0x800, 8) == b"\xff" * 8
    chip[CR] = MER1 | STRT | OPTLOCK
    assert chip[SR] == BSY1 | CFGBSY
    assert status(chip) == 0
    assert chip.flash(FLASH + 0x800, 8) == b"\xff" * 8


def test_protection_in_each_bank() -> None:
    chip = opened("stm32g0b1re", ",wrp=3+130-131")
    for address, flag in ((FLASH + 3 * 2048, WRPERR), (FLASH + 130 * 2048, WRPERR), (FLASH, 0)):
        chip[SR] = 0xFFFF
        chip[CR] = PG | OPTLOCK
        chip[address] = 1
        if not flag:
            chip[address + 4] = 1
        assert status(chip) == flag


def test_a_page_that_does_not_exist() -> None:
    chip = opened("stm32g071rb")
    with pytest.raises(Unmodelled):
        chip[CR] = PER | 64 << 3 | STRT | OPTLOCK


def test_dbgmcu_needs_its_clock_to_be_written() -> None:
    chip = Chip("stm32g071rb")
    assert chip[0x4001_5800] == 0x2000_6460
    chip[0x4002_103C] = 1 << 27
    chip[0x4001_5808] = 1 << 12
    chip[0x4002_103C] = 0
    chip[0x4001_5808] = 0
    chip[0x4002_103C] = 1 << 27
    assert chip[0x4001_5808] == 1 << 12, "lost without the clock"


@pytest.mark.parametrize(("board", "hz"), [(BOARDS[0], 16_000_000), (BOARDS[1], 16_000_000), (BOARDS[2], 12_000_000)])
def test_clock_after_reset(board: str, hz: int) -> None:
    chip = Chip(board)
    assert chip.board.soc.rcc.core_hz == hz
    chip[0x4002_1000] = chip[0x4002_1000] & ~(7 << 11)
    assert chip.board.soc.rcc.core_hz == (48_000_000 if board == "stm32c031c6" else 16_000_000)


def test_pll_to_64_mhz() -> None:
    chip = Chip("stm32g071rb")
    chip[0x4002_100C] = 2 | 8 << 8 | 1 << 28 | 1 << 29
    chip[0x4002_1000] |= 1 << 24
    chip.sleep(1e-3)
    chip[0x4002_1008] = 2
    assert chip.board.soc.rcc.core_hz == 64_000_000


@pytest.mark.parametrize("board", BOARDS)
def test_a_program_on_the_core_erases_and_programs(board: str) -> None:
    chip = Chip(board)
    chip.board.write_flash(FLASH + 0x1000, bytes(2048))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PER | 2 << 3 | STRT | OPTLOCK)
    chip.wait(SR, BUSY)
    chip.store(CR, PG | OPTLOCK)
    for n in range(8):
        chip.store(FLASH + 0x1000 + 4 * n, 0x1111_1111 * (n + 1))
        if n % 2:
            chip.wait(SR, BUSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(22e-3 + 4 * 85e-6, rel=0.01)
    assert chip.flash(FLASH + 0x1000, 36) == b"".join(bytes([0x11 * n] * 4) for n in range(1, 9)) + b"\xff" * 4
