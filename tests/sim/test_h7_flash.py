"""The H743's flash controller (RM0433 4), refusals first."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault

BASE = 0x5200_2000
KEYR, OPTKEYR, CR, SR, CCR, OPTCR, OPTSR_CUR, OPTSR_PRG = (BASE + n for n in (4, 8, 0xC, 0x10, 0x14, 0x18, 0x1C, 0x20))
WPSN_CUR, WPSN_PRG = BASE + 0x38, BASE + 0x3C
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
LOCK, PG, SER, BER, FW, START = (1 << n for n in (0, 1, 2, 3, 6, 7))
X64 = 3 << 4
BSY, WBNE, QW, EOP, WRPERR, PGSERR, STRBERR, INCERR, DBECCERR = (1 << n for n in (0, 1, 2, 16, 17, 18, 19, 21, 26))
BUSY = BSY | QW
FLASH, BANK2, SECOND = 0x0800_0000, 0x0810_0000, 0x100


def unlock(chip: Chip, bank: int = 0) -> None:
    chip[KEYR + bank] = KEY1
    chip[KEYR + bank] = KEY2
    assert not chip[CR + bank] & LOCK


def status(chip: Chip, bank: int = 0) -> int:
    for _ in range(400):
        if not chip[SR + bank] & BUSY:
            return chip[SR + bank]
        chip.board.sleep(50e-3)
    raise AssertionError("busy for ever")


def word(chip: Chip, address: int, first: int = 0) -> int:
    chip[CR] = PG | X64
    for n in range(8):
        chip[address + 4 * n] = first + n
    return status(chip)


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32h743zi")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32h743zi")
    assert [chip[at] for at in (BASE, CR, SR, CR + SECOND, SR + SECOND, BASE + SECOND)] == [
        0x37,
        0x31,
        0,
        0x31,
        0,
        0x37,
    ]
    assert chip[OPTSR_CUR] >> 8 & 0xFF == 0xAA
    assert chip[OPTCR] == 1
    assert chip[WPSN_CUR] == 0xFF


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, 0]])
def test_a_wrong_key_locks_out_until_reset(keys: list[int]) -> None:
    chip = Chip("stm32h743zi")
    for key in (*keys, KEY1, KEY2):
        chip[KEYR] = key
    assert chip[CR] & LOCK
    unlock(chip, SECOND)
    chip.reset()
    unlock(chip)


def test_keys_to_an_open_lock_lock_out(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    assert chip[CR] & LOCK


def test_a_flash_word_takes_100_us(chip: Chip) -> None:
    chip[CR] = PG | X64
    for n in range(7):
        chip[FLASH + 4 * n] = n
    assert chip[SR] == WBNE
    chip[FLASH + 28] = 7
    assert chip[SR] == BUSY
    chip.board.sleep(99e-6)
    assert chip[SR] == BUSY
    chip.board.sleep(2e-6)
    assert chip[SR] == EOP
    assert chip.flash(FLASH, 32) == b"".join(n.to_bytes(4, "little") for n in range(8))


def test_flags_are_cleared_through_ccr_only(chip: Chip) -> None:
    word(chip, FLASH)
    chip[SR] = EOP
    assert chip[SR] == EOP
    chip[CCR] = EOP
    assert chip[SR] == 0


def test_a_store_without_pg_sets_pgserr(chip: Chip) -> None:
    chip[FLASH] = 0
    assert chip[SR] == PGSERR
    assert word(chip, FLASH) == PGSERR, "until it is cleared"
    assert chip.flash(FLASH, 4) == b"\xff" * 4
    chip[CCR] = PGSERR
    assert word(chip, FLASH) == EOP


def test_two_flash_words_mixed_set_incerr(chip: Chip) -> None:
    chip[CR] = PG | X64
    chip[FLASH] = 0
    chip[FLASH + 32] = 0
    assert chip[SR] == INCERR


def test_a_byte_twice_sets_strberr(chip: Chip) -> None:
    chip[CR] = PG | X64
    chip[FLASH] = 0
    chip.write(FLASH + 3, 0, 1)
    assert chip[SR] == STRBERR


def test_force_write_fills_with_ones(chip: Chip) -> None:
    chip[CR] = PG | X64
    chip[FLASH] = 0x1234_5678
    chip[CR] = PG | X64 | FW
    assert status(chip) == EOP
    assert chip.flash(FLASH, 32) == bytes.fromhex("78563412") + b"\xff" * 28


def test_a_programmed_word_is_spoilt_by_a_second_program(chip: Chip) -> None:
    word(chip, FLASH, 0xFFFF_0000)
    assert word(chip, FLASH, 0x0000_FF00) == EOP
    assert chip.flash(FLASH, 4) == bytes(4)
    with pytest.raises(BusFault):
        assert chip[FLASH + 28]
    assert chip[SR] == EOP | DBECCERR
    chip[CCR] = DBECCERR
    assert chip[SR] == EOP
    assert chip[FLASH + 32] == 0xFFFF_FFFF


def test_ones_count_as_programmed(chip: Chip) -> None:
    chip[CR] = PG | X64
    for n in range(8):
        chip[FLASH + 4 * n] = 0xFFFF_FFFF
    status(chip)
    assert chip[FLASH] == 0xFFFF_FFFF
    word(chip, FLASH)
    with pytest.raises(BusFault):
        assert chip[FLASH]


def test_sector_erase(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(0x60000))
    chip[CR] = SER | X64 | 1 << 8 | START
    chip.board.sleep(0.99)
    assert chip[SR] & BUSY
    chip.board.sleep(0.02)
    assert chip[SR] == EOP
    assert chip.flash(FLASH, 0x60000) == bytes(0x20000) + b"\xff" * 0x20000 + bytes(0x20000)


def test_an_erase_with_pg_set_is_refused(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(4))
    chip[CR] = SER | PG | X64 | START
    assert chip[SR] == PGSERR
    assert chip.flash(FLASH, 4) == bytes(4)


def test_each_bank_has_its_own_registers(chip: Chip) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(4))
    chip[CR + SECOND] = BER | X64 | START
    assert chip[CR + SECOND] == 0x31, "locked"
    unlock(chip, SECOND)
    chip[CR + SECOND] = BER | X64 | START
    assert chip[SR] == 0
    assert chip.board.soc.flash.ready_at(FLASH, 4, writing=False) == 0
    assert chip.board.soc.flash.ready_at(BANK2, 4, writing=False) > 0
    assert status(chip, SECOND) == EOP
    assert (chip.flash(FLASH, 4), chip.flash(BANK2, 4)) == (bytes(4), b"\xff" * 4)


def test_protection() -> None:
    chip = Chip("stm32h743zi", ",wrp=2")
    unlock(chip)
    assert chip[WPSN_CUR] == 0xFB
    assert word(chip, FLASH + 0x40000) & WRPERR
    for operation in (SER | 2 << 8, BER):
        chip[CCR] = WRPERR | PGSERR
        chip[CR] = operation | X64 | START
        assert status(chip) == WRPERR


def test_options_are_stored_by_optstart() -> None:
    chip = Chip("stm32h743zi")
    chip[WPSN_PRG] = 0xFE
    assert chip[WPSN_PRG] == 0xFF, "locked"
    for key in (0x0819_2A3B, 0x4C5D_6E7F):
        chip[OPTKEYR] = key
    chip[WPSN_PRG] = 0xFE
    chip[OPTCR] = 2
    assert chip[OPTSR_CUR] & 1
    chip.board.sleep(0.3)
    assert not chip[OPTSR_CUR] & 1
    assert chip[WPSN_CUR] == 0xFE
    chip.reset()
    assert chip[WPSN_CUR] == 0xFE


def test_a_reset_tears_what_was_under_way(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(4))
    chip[CR] = SER | X64 | START
    chip.reset()
    assert chip.flash(FLASH, 4) == b"\xaa" * 4


def test_it_boots_from_flash_with_itcm_at_0() -> None:
    chip = Chip("stm32h743zi")
    chip.board.write_flash(FLASH, bytes.fromhex("0010002009000008fee7"))
    chip.power_cycle()
    assert chip.board.machine.core.engine.pc == FLASH + 8
    assert chip[0xE000_ED08] == FLASH
    chip[0] = 0x1234
    assert chip[0] == 0x1234
    assert chip[0xE000_ED00] == 0x411F_C271
    assert chip[0xE000_2000] == 0x1000_0080
    assert chip[0x5C00_1000] & 0xFFF == 0x450


def test_pll_to_400_mhz_and_reset_flags() -> None:
    chip = Chip("stm32h743zi")
    rcc = 0x5802_4400
    assert chip.board.soc.rcc.core_hz == 64_000_000
    assert chip[rcc + 0xD0] == 0x00FA_0000
    chip[rcc + 0xD0] = 1 << 16
    assert chip[rcc + 0xD0] == 0
    chip[rcc + 0x28] = 4 << 4
    chip[rcc + 0x30] = 49 | 1 << 9
    chip[rcc] |= 1 << 24
    chip.sleep(1e-3)
    chip[rcc + 0x10] = 3
    assert chip.board.soc.rcc.core_hz == 400_000_000


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32h743zi")
    chip.board.write_flash(FLASH + 0x20000, bytes(0x20000))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, SER | X64 | 1 << 8 | START)
    chip.wait(SR, BUSY)
    chip.store(CCR, EOP)
    chip.store(CR, PG | X64)
    for n in range(16):
        chip.store(FLASH + 0x20000 + 4 * n, n)
    chip.wait(SR, BUSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(1.0002, rel=0.01)
    assert chip.flash(FLASH + 0x20000, 68) == b"".join(n.to_bytes(4, "little") for n in range(16)) + b"\xff" * 4
    assert chip[SR] == EOP
