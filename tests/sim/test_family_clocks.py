"""Clocks, reset flags, watchdogs and debug freeze of the families."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import Unmodelled

IWDG, WWDG, DBGMCU = 0x4000_3000, 0x4000_2C00, 0xE004_2000
L4, F4 = 0x4002_1000, 0x4002_3800
AIRCR = 0xE000_ED0C


def wait(chip: Chip, address: int, bit: int) -> None:
    for _ in range(100):
        if chip[address] & bit:
            return
        chip.sleep(100e-6)
    raise AssertionError(f"bit 0x{bit:X} of 0x{address:08X} never comes")


def hz(chip: Chip) -> int:
    return int(chip.board.soc.rcc.core_hz)


@pytest.mark.parametrize(("board", "frequency"), [("stm32l431rc", 4_000_000), ("stm32f407vg", 16_000_000)])
def test_the_clock_after_reset(board: str, frequency: int) -> None:
    chip = Chip(board)
    assert hz(chip) == frequency
    chip.halt()
    chip[0xE000_1000] = 1
    chip.set_register(15, 0x2000_0000)
    chip.set_register(16, 1 << 24)
    chip[0x2000_0000] = 0xE7FE_E7FE
    chip[0xE000_EDF0] = 0xA05F_0001
    before = chip[0xE000_1004]
    chip.sleep(1e-3)
    assert chip[0xE000_1004] - before == pytest.approx(frequency // 1000, abs=2)


def l4_to_80(chip: Chip) -> None:
    """MSI 4 MHz / 1 * 40 / 2."""
    chip[L4 + 0x0C] = 1 | 40 << 8 | 1 << 24
    chip[L4] |= 1 << 24
    wait(chip, L4, 1 << 25)
    chip[L4 + 0x08] = 3
    assert chip[L4 + 0x08] & 0xC == 0xC


def f4_to_168(chip: Chip) -> None:
    """HSE 8 MHz / 8 * 336 / 2."""
    chip[F4] |= 1 << 16
    wait(chip, F4, 1 << 17)
    chip[F4 + 0x04] = 8 | 336 << 6 | 1 << 22 | 7 << 24
    chip[F4] |= 1 << 24
    wait(chip, F4, 1 << 25)
    chip[F4 + 0x08] = 2 | 5 << 10 | 4 << 13


def test_l4_pll_to_80_mhz() -> None:
    chip = Chip("stm32l431rc")
    l4_to_80(chip)
    assert hz(chip) == 80_000_000
    chip.reset()
    assert hz(chip) == 4_000_000


def test_f4_pll_to_168_mhz() -> None:
    chip = Chip("stm32f407vg")
    f4_to_168(chip)
    assert hz(chip) == 168_000_000
    assert chip.board.soc.rcc.apb_hz(1) == 42_000_000
    assert chip.board.soc.rcc.apb_hz(2) == 84_000_000


@pytest.mark.parametrize(("code", "frequency"), [(0, 100_000), (7, 8_000_000), (11, 48_000_000)])
def test_msi_ranges(code: int, frequency: int) -> None:
    chip = Chip("stm32l496ag")
    chip[L4] = code << 4 | 9
    assert hz(chip) == frequency


def test_hsi_of_the_l4() -> None:
    chip = Chip("stm32l431rc")
    chip[L4 + 0x08] = 1
    assert hz(chip) == 4_000_000, "not ready yet"
    chip[L4] |= 1 << 8
    wait(chip, L4, 1 << 10)
    assert hz(chip) == 16_000_000
    chip[L4] = 0x61
    assert chip[L4] & 1 << 8, "the clock in use cannot be switched off"


def test_too_fast_is_not_passed_over() -> None:
    chip = Chip("stm32l431rc")
    chip[L4 + 0x0C] = 1 | 80 << 8 | 1 << 24
    chip[L4] |= 1 << 24
    wait(chip, L4, 1 << 25)
    with pytest.raises(Unmodelled):
        chip[L4 + 0x08] = 3


def test_pll_settings_hold_while_it_runs() -> None:
    chip = Chip("stm32l431rc")
    l4_to_80(chip)
    before = chip[L4 + 0x0C]
    chip[L4 + 0x0C] = 0
    assert chip[L4 + 0x0C] == before


def test_a_missing_crystal_never_starts() -> None:
    chip = Chip("stm32f407vg", ",hse=none")
    chip[F4] |= 1 << 16
    chip.sleep(1)
    assert not chip[F4] & 1 << 17


@pytest.mark.parametrize(("board", "csr", "power"), [("stm32l431rc", L4 + 0x94, 0xC), ("stm32f407vg", F4 + 0x74, 0xE)])
def test_reset_flags(board: str, csr: int, power: int) -> None:
    chip = Chip(board)
    assert chip[csr] >> 24 == power
    chip[csr] |= 1 << (23 if csr == L4 + 0x94 else 24)
    assert chip[csr] >> 24 == 0
    chip[AIRCR] = 0x05FA_0004
    chip.sleep(1e-3)
    assert chip[csr] >> 24 == 0x14


@pytest.mark.parametrize("board", ["stm32l431rc", "stm32f429zi"])
def test_iwdg_and_its_freeze(board: str) -> None:
    chip = Chip(board)
    chip.board.write_flash(0x0800_0000, (0x2000_1000).to_bytes(4, "little") + (0x0800_0009).to_bytes(4, "little"))
    chip.board.write_flash(0x0800_0008, b"\xfe\xe7")
    chip.power_cycle()
    for value in (0x5555, 0xCCCC):
        chip[IWDG] = value
    chip.halt()
    chip[DBGMCU + 8] = 1 << 12
    chip.sleep(2)
    assert not chip[0xE000_EDF0] & 1 << 25, "frozen"
    chip[DBGMCU + 8] = 0
    chip.sleep(1)
    assert chip[0xE000_EDF0] & 1 << 25, "reset after 4096 ticks of 8 kHz"


def test_the_window_of_the_l4_watchdog() -> None:
    chip = Chip("stm32l431rc")
    chip[IWDG] = 0xCCCC
    chip[IWDG] = 0x5555
    chip[IWDG + 8] = 1000
    chip[IWDG + 0x10] = 500
    csr = L4 + 0x94
    chip[csr] |= 1 << 23
    chip.sleep(0.07)
    chip[IWDG] = 0xAAAA
    chip.sleep(1e-3)
    assert not chip[csr] >> 29 & 1
    chip[IWDG] = 0xAAAA
    chip.sleep(1e-3)
    assert chip[csr] >> 29 & 1, "too early"


def test_the_f4_has_no_window() -> None:
    chip = Chip("stm32f407vg")
    chip[IWDG] = 0x5555
    chip[IWDG + 0x10] = 500
    assert chip[IWDG + 0x10] == 0


def test_wwdg_cannot_be_gated_off_on_the_l4() -> None:
    chip = Chip("stm32l431rc")
    chip[L4 + 0x58] = 1 << 11
    chip[L4 + 0x58] = 0
    assert chip[L4 + 0x58] == 1 << 11


def test_memory_to_memory_dma_of_the_l4() -> None:
    chip = Chip("stm32l431rc")
    chip[L4 + 0x48] |= 1
    chip[0x2000_0100] = 0x1234_5678
    dma = 0x4002_0000
    chip[dma + 0x0C], chip[dma + 0x10], chip[dma + 0x14] = 1, 0x2000_0100, 0x2000_0200
    chip[dma + 0xA8] = 3
    chip[dma + 0x08] = 1 << 14 | 2 << 10 | 2 << 8 | 0xC1
    chip.sleep(1e-4)
    assert chip[0x2000_0200] == 0x1234_5678
    assert chip[dma + 0xA8] == 3


@pytest.mark.parametrize(
    ("board", "address"),
    [("stm32l431rc", 0x4000_5400), ("stm32l431rc", 0x5004_0000), ("stm32f407vg", 0x4001_2000)],
)
def test_what_is_not_modelled_is_loud(board: str, address: int) -> None:
    with pytest.raises(Unmodelled):
        Chip(board)[address]


def test_a_channel_of_the_u5_dma_is_loud() -> None:
    chip = Chip("stm32u575zi")
    chip[0x4602_0C88] |= 1
    assert chip[0x4002_0060] == 1, "idle"
    with pytest.raises(Unmodelled):
        chip[0x4002_0064] = 1


def test_ports_need_their_clock() -> None:
    chip = Chip("stm32l431rc")
    assert chip[0x4800_0000] == 0
    chip[L4 + 0x4C] = 1
    assert chip[0x4800_0000] == 0xABFF_FFFF
    chip[0x4800_0018] = 0x8
    assert chip[0x4800_0014] == 8


def test_the_second_sram_is_seen_twice() -> None:
    chip = Chip("stm32l431rc")
    chip[0x1000_0010] = 0xCAFE
    assert chip[0x2000_C010] == 0xCAFE
    chip[0x2000_C010] = 0xBEEF
    assert chip[0x1000_0010] == 0xBEEF
