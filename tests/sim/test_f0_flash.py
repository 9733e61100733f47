"""What the F091 has of its own (RM0091); the flash controller's rules are the F1's: test_chip_flash.py."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault

ACR, KEYR, OPTKEYR, SR, CR, AR, OBR, WRPR = (0x4002_2000 + n for n in (0, 4, 8, 0xC, 0x10, 0x14, 0x1C, 0x20))
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, MER, OPTPG, OPTER, STRT, LOCK, OPTWRE, OBL_LAUNCH = (1 << n for n in (0, 1, 2, 4, 5, 6, 7, 9, 13))
FLASH, OPTIONS = 0x0800_0000, 0x1FFF_F800


def open_all(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    chip[OPTKEYR] = KEY1
    chip[OPTKEYR] = KEY2
    assert chip[CR] == OPTWRE


def wait(chip: Chip) -> None:
    while chip[SR] & 1:
        chip.board.sleep(1e-3)


def test_reset_values() -> None:
    chip = Chip("stm32f091rc")
    assert [chip[at] for at in (ACR, SR, CR, WRPR)] == [0x30, 0, LOCK, 0xFFFF_FFFF]
    assert chip[OBR] == 0xFFFF_FF00
    assert chip[0xE000_ED00] == 0x410C_C200
    assert chip[0xE000_ED08] == 0


def test_vtor_is_not_there() -> None:
    chip = Chip("stm32f091rc")
    chip[0xE000_ED08] = 0x2000_0000
    assert chip[0xE000_ED08] == 0


def test_a_wrong_key_is_a_bus_error() -> None:
    with pytest.raises(BusFault):
        Chip("stm32f091rc")[KEYR] = 0


def test_options_come_into_force_by_launch() -> None:
    chip = Chip("stm32f091rc")
    open_all(chip)
    chip[CR] = OPTWRE | OPTER
    chip[CR] = OPTWRE | OPTER | STRT
    wait(chip)
    chip[CR] = OPTWRE | OPTPG
    for offset, value in ((0, 0xAA), (8, 0xFE)):
        chip.write(OPTIONS + offset, value, 2)
        wait(chip)
    chip.reset()
    assert chip[WRPR] == 0xFFFF_FFFF, "a system reset loads nothing"
    open_all(chip)
    chip[CR] = OPTWRE | OBL_LAUNCH
    chip.sleep(2e-3)
    assert chip[WRPR] == 0xFFFF_FFFE
    assert chip[0x4002_1024] & 1 << 25


def test_readout_protection_levels() -> None:
    chip = Chip("stm32f091rc", ",rdp=1")
    assert chip[OBR] & 7 == 2
    assert chip.board.soc.flash.hides_flash
    chip = Chip("stm32f091rc")
    chip.board.machine.bus.patch(OPTIONS, bytes([0xCC, 0x33]))
    chip.power_cycle()
    assert chip.board.soc.flash.debug_disabled
    assert not chip.board.wire.answers


def test_dbgmcu_needs_its_clock_to_be_written() -> None:
    chip = Chip("stm32f091rc")
    assert chip[0x4001_5800] & 0xFFF == 0x442
    chip[0x4001_5804] = 6
    assert chip[0x4001_5804] == 0
    chip[0x4002_1018] = 1 << 22
    chip[0x4001_5804] = 6
    assert chip[0x4001_5804] == 6


def test_clock_by_hsi48_and_pll() -> None:
    chip = Chip("stm32f091rc")
    assert chip.board.soc.rcc.core_hz == 8_000_000
    chip[0x4002_1004] = 10 << 18  # HSI / 2 * 12
    chip[0x4002_1000] |= 1 << 24
    chip.sleep(1e-3)
    chip[0x4002_1004] |= 2
    assert chip.board.soc.rcc.core_hz == 48_000_000


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32f091rc")
    chip.board.write_flash(FLASH + 0x1000, bytes(2048))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PER)
    chip.store(AR, FLASH + 0x1000)
    chip.store(CR, PER | STRT)
    chip.wait(SR, 1)
    chip.store(CR, PG)
    for n in range(8):
        chip.store(FLASH + 0x1000 + 2 * n, 0x1111 * (n + 1), 2)
        chip.wait(SR, 1)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(30e-3 + 8 * 52.5e-6, rel=0.02)
    assert chip.flash(FLASH + 0x1000, 18) == b"".join(bytes([0x11 * n] * 2) for n in range(1, 9)) + b"\xff\xff"
