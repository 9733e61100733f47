"""The L4's flash controller (RM0351 3, RM0394 3), refusals first."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault, Unmodelled

ACR, PDKEYR, KEYR, OPTKEYR, SR, CR, ECCR = (0x4002_2000 + n for n in (0, 4, 8, 0xC, 0x10, 0x14, 0x18))
OPTR, WRP1AR, WRP2AR = 0x4002_2020, 0x4002_202C, 0x4002_204C
RCC_CSR = 0x4002_1094
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
OPTKEY1, OPTKEY2 = 0x0819_2A3B, 0x4C5D_6E7F
PG, PER, MER1, BKER, MER2 = 1, 2, 4, 1 << 11, 1 << 15
STRT, OPTSTRT, FSTPG, EOPIE, ERRIE = 1 << 16, 1 << 17, 1 << 18, 1 << 24, 1 << 25
OBL_LAUNCH, OPTLOCK, LOCK = 1 << 27, 1 << 30, 1 << 31
EOP, OPERR, PROGERR, WRPERR, PGAERR, SIZERR, PGSERR, MISERR, FASTERR = (1 << n for n in (0, 1, 3, 4, 5, 6, 7, 8, 9))
BSY, PEMPTY = 1 << 16, 1 << 17
FLASH, BANK2 = 0x0800_0000, 0x0808_0000
ERASED = b"\xff" * 8


def unlock(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    assert not chip[CR] & LOCK


def unlock_options(chip: Chip) -> None:
    unlock(chip)
    chip[OPTKEYR] = OPTKEY1
    chip[OPTKEYR] = OPTKEY2
    assert not chip[CR] & OPTLOCK


def status(chip: Chip) -> int:
    """SR when nothing is busy, without the empty flag."""
    for _ in range(200):
        if not chip[SR] & BSY:
            return chip[SR] & ~PEMPTY
        chip.board.sleep(1e-3)
    raise AssertionError("busy for ever")


def double_word(chip: Chip, address: int, low: int, high: int) -> int:
    chip[CR] = PG | OPTLOCK
    chip[address] = low
    chip[address + 4] = high
    return status(chip)


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32l431rc")
    unlock(chip)
    return chip


@pytest.fixture
def big() -> Chip:
    chip = Chip("stm32l496ag")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32l431rc")
    assert [chip[address] for address in (ACR, PDKEYR, KEYR, OPTKEYR, ECCR)] == [0x600, 0, 0, 0, 0]
    assert (chip[SR], chip[CR]) == (PEMPTY, LOCK | OPTLOCK)
    assert chip[OPTR] == 0xFFEF_F8AA
    assert Chip("stm32l496ag")[SR] == 0


def test_lock_closes_and_keys_open_again(chip: Chip) -> None:
    chip[CR] = LOCK
    assert chip[CR] == LOCK | OPTLOCK
    unlock(chip)


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, KEY1], [KEY1, 0]])
def test_a_wrong_key_is_a_bus_error_and_locks_out_until_reset(keys: list[int]) -> None:
    chip = Chip("stm32l431rc")
    for key in keys[:-1]:
        chip[KEYR] = key
    with pytest.raises(BusFault):
        chip[KEYR] = keys[-1]
    with pytest.raises(BusFault):
        unlock(chip)
    assert chip[CR] & LOCK
    chip.reset()
    unlock(chip)


def test_keys_to_an_open_lock_lock_out(chip: Chip) -> None:
    with pytest.raises(BusFault):
        chip[KEYR] = KEY1
    assert chip[CR] & LOCK
    with pytest.raises(BusFault):
        unlock(chip)


def test_option_keys_before_the_flash_keys_are_a_bus_error() -> None:
    chip = Chip("stm32l431rc")
    with pytest.raises(BusFault):
        chip[OPTKEYR] = OPTKEY1


def test_control_is_dead_while_locked() -> None:
    chip = Chip("stm32l431rc")
    chip[CR] = PG
    assert chip[CR] == LOCK | OPTLOCK


def test_a_double_word_takes_81_69_us(chip: Chip) -> None:
    chip[CR] = PG | EOPIE | OPTLOCK
    chip[FLASH] = 0x1234_5678
    assert not chip[SR] & BSY
    chip[FLASH + 4] = 0x9ABC_DEF0
    assert chip[SR] & BSY
    chip.board.sleep(81.6e-6)
    assert chip[SR] & BSY
    chip.board.sleep(0.2e-6)
    assert chip[SR] & ~PEMPTY == EOP
    assert chip.flash(FLASH, 8) == bytes.fromhex("78563412f0debc9a")
    chip[SR] = EOP
    assert chip[SR] & ~PEMPTY == 0


def test_eop_needs_its_interrupt_enable(chip: Chip) -> None:
    assert double_word(chip, FLASH, 1, 2) == 0


def test_a_store_without_pg_sets_pgserr(chip: Chip) -> None:
    chip[FLASH] = 0x1234
    assert status(chip) == PGSERR
    assert chip.flash(FLASH, 4) == b"\xff" * 4


def test_a_store_to_a_locked_flash_sets_pgserr() -> None:
    chip = Chip("stm32l431rc")
    chip[FLASH] = 0
    assert status(chip) == PGSERR


@pytest.mark.parametrize("width", [1, 2])
def test_narrow_stores_set_sizerr(chip: Chip, width: int) -> None:
    chip[CR] = PG | OPTLOCK
    chip.write(FLASH, 0x12, width)
    assert status(chip) == SIZERR
    assert chip.flash(FLASH, 8) == ERASED


def test_the_second_word_first_sets_pgaerr(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    chip[FLASH + 4] = 1
    assert status(chip) == PGAERR


def test_words_of_two_double_words_set_pgaerr(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    chip[FLASH] = 1
    chip[FLASH + 8] = 2
    assert status(chip) == PGAERR
    assert chip.flash(FLASH, 16) == ERASED * 2


def test_a_programmed_double_word_takes_only_zero(chip: Chip) -> None:
    double_word(chip, FLASH, 0xFFFF_FFFF, 0x7FFF_FFFF)
    assert double_word(chip, FLASH, 0xFFFF_FFFF, 0x3FFF_FFFF) == PROGERR
    assert chip.flash(FLASH, 8) == bytes.fromhex("ffffffffffffff7f")
    chip[SR] = PROGERR
    assert double_word(chip, FLASH, 0, 0) == 0
    assert chip.flash(FLASH, 8) == bytes(8)


def test_an_error_flag_left_over_refuses_everything_with_pgserr(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    chip.write(FLASH, 1, 1)
    assert double_word(chip, FLASH, 1, 2) == SIZERR | PGSERR
    assert chip.flash(FLASH, 8) == ERASED
    chip[CR] = PER | STRT | OPTLOCK
    assert not chip[SR] & BSY
    chip[SR] = SIZERR | PGSERR
    assert double_word(chip, FLASH, 1, 2) == 0


def test_operr_needs_its_interrupt_enable(chip: Chip) -> None:
    chip[CR] = PG | ERRIE | OPTLOCK
    chip.write(FLASH, 1, 1)
    assert status(chip) == SIZERR | OPERR


def test_page_erase(chip: Chip) -> None:
    for page in (1, 2, 3):
        chip.board.write_flash(FLASH + 2048 * page, bytes(2048))
    chip[CR] = PER | 2 << 3 | STRT | OPTLOCK
    assert chip[SR] & BSY
    assert chip[CR] & STRT
    chip.board.sleep(21.9e-3)
    assert chip[SR] & BSY
    chip.board.sleep(0.2e-3)
    assert not chip[SR] & BSY
    assert not chip[CR] & STRT
    assert chip.flash(FLASH + 2048, 6144) == bytes(2048) + b"\xff" * 2048 + bytes(2048)


@pytest.mark.parametrize("extra", [PG, FSTPG, MER1])
def test_an_erase_with_another_operation_set_is_refused(chip: Chip, extra: int) -> None:
    chip.board.write_flash(FLASH, bytes(2048))
    chip[CR] = PER | extra | STRT | OPTLOCK
    assert status(chip) == PGSERR
    assert chip.flash(FLASH, 2048) == bytes(2048)


def test_programming_with_per_set_is_refused(chip: Chip) -> None:
    chip[CR] = PG | PER | OPTLOCK
    chip[FLASH] = 1
    assert status(chip) == PGSERR


def test_start_without_an_operation_is_unpredictable(chip: Chip) -> None:
    with pytest.raises(Unmodelled):
        chip[CR] = STRT | OPTLOCK


def test_mass_erase(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(256 * 1024))
    chip[CR] = MER1 | STRT | OPTLOCK
    assert status(chip) == 0
    assert chip.flash(FLASH, 256 * 1024) == b"\xff" * 256 * 1024


def test_control_is_ignored_while_busy(chip: Chip) -> None:
    chip[CR] = PER | STRT | OPTLOCK
    chip[CR] = PER | 5 << 3 | STRT | OPTLOCK
    assert chip[CR] >> 3 & 0x7F == 0


def test_bker_chooses_the_bank_and_pnb_counts_within_it(big: Chip) -> None:
    for address in (FLASH + 0x800, BANK2 + 0x800):
        big.board.write_flash(address, bytes(8))
    big[CR] = PER | 1 << 3 | BKER | STRT | OPTLOCK
    assert status(big) == 0
    assert (big.flash(FLASH + 0x800, 8), big.flash(BANK2 + 0x800, 8)) == (bytes(8), ERASED)


@pytest.mark.parametrize("bits", [MER1, MER2, MER1 | MER2])
def test_each_bank_has_its_mass_erase(big: Chip, bits: int) -> None:
    for address in (FLASH, BANK2):
        big.board.write_flash(address, bytes(8))
    big[CR] = bits | STRT | OPTLOCK
    assert status(big) == 0
    assert (big.flash(FLASH, 8) == ERASED, big.flash(BANK2, 8) == ERASED) == (bool(bits & MER1), bool(bits & MER2))


def test_the_other_bank_can_be_read_meanwhile(big: Chip) -> None:
    unit = big.board.soc.flash
    big[CR] = PER | BKER | STRT | OPTLOCK
    assert unit.ready_at(FLASH, 4, writing=False) == 0
    assert unit.ready_at(BANK2, 4, writing=False) > 0
    assert unit.ready_at(FLASH, 4, writing=True) > 0


def test_a_reset_tears_what_was_under_way(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    chip[FLASH] = 0
    chip[FLASH + 4] = 0
    chip.reset()
    assert chip.flash(FLASH, 8) == b"\x55" * 8
    unlock(chip)
    assert double_word(chip, FLASH, 1, 2) == PROGERR


def test_empty_is_found_by_power_and_toggled_by_software(chip: Chip) -> None:
    double_word(chip, FLASH, 0x2000_1000, FLASH + 9)
    assert chip[SR] & PEMPTY
    chip.reset()
    assert chip[SR] & PEMPTY, "a system reset does not look"
    assert chip.board.machine.core.engine.pc >> 16 == 0x1FFF, "the boot loader runs"
    chip[SR] = PEMPTY
    assert not chip[SR] & PEMPTY
    chip.reset()
    assert chip.board.machine.core.exceptions.vtor == 0


def test_empty_is_found_by_loading_the_options(chip: Chip) -> None:
    double_word(chip, FLASH, 0x2000_1000, FLASH + 9)
    chip[OPTKEYR] = OPTKEY1
    chip[OPTKEYR] = OPTKEY2
    chip[CR] = OBL_LAUNCH
    chip.sleep(2e-3)
    assert not chip[SR] & PEMPTY
    assert chip[RCC_CSR] & 1 << 25


def test_a_cache_is_only_reset_while_off(chip: Chip) -> None:
    chip[ACR] = 0x600 | 1 << 11
    assert chip[ACR] == 0x600
    chip[ACR] = 1 << 10
    chip[ACR] = 1 << 10 | 1 << 11
    assert chip[ACR] == 1 << 10 | 1 << 11


def test_power_down_needs_its_keys(chip: Chip) -> None:
    chip[ACR] = 0x600 | 1 << 13
    assert chip[ACR] == 0x600
    chip[PDKEYR] = 0x0415_2637
    chip[PDKEYR] = 0xFAFB_FCFD
    with pytest.raises(Unmodelled):
        chip[ACR] = 0x600 | 1 << 13


# --- fast rows


def run_row(chip: Chip, *, gap: bool = False, words: int = 64) -> int:
    """Program a row from the core; the last word of SR."""
    chip.store(CR, FSTPG | OPTLOCK)
    for n in range(words):
        chip.store(FLASH + 4 * n, n)
        if gap and n == 9:
            chip.wait(SR, BSY)
            chip.wait(SR, BSY)
    chip.wait(SR, BSY)
    chip.run()
    return chip[SR] & ~PEMPTY


def test_a_fast_row_takes_1_91_ms(chip: Chip) -> None:
    chip[CR] = MER1 | STRT | OPTLOCK
    status(chip)
    before = chip.board.seconds
    assert run_row(chip) == 0
    assert chip.board.seconds - before == pytest.approx(32 * 59.7e-6, rel=0.15)
    assert chip.flash(FLASH, 256) == b"".join(n.to_bytes(4, "little") for n in range(64))


def test_a_fast_row_needs_a_mass_erase(chip: Chip) -> None:
    chip[CR] = PER | STRT | OPTLOCK
    status(chip)
    assert run_row(chip, words=2) == PGSERR


def test_a_late_word_breaks_a_fast_row(chip: Chip) -> None:
    chip[CR] = MER1 | STRT | OPTLOCK
    status(chip)
    assert run_row(chip, gap=True, words=12) & (MISERR | FASTERR) == MISERR | FASTERR


def test_a_fast_row_starts_at_its_beginning(chip: Chip) -> None:
    chip[CR] = MER1 | STRT | OPTLOCK
    status(chip)
    chip[CR] = FSTPG | OPTLOCK
    chip[FLASH + 8] = 0
    assert status(chip) == PGAERR


# --- options


def test_a_write_protected_page_refuses_program_erase_and_mass_erase() -> None:
    chip = Chip("stm32l431rc", ",wrp=2-3")
    unlock(chip)
    assert chip[WRP1AR] & 0x00FF_00FF == 0x0003_0002
    chip[CR] = PG | OPTLOCK
    chip[FLASH + 0x1000] = 0
    assert status(chip) == WRPERR
    for operation in (PER | 3 << 3, MER1):
        chip[SR] = WRPERR
        chip[CR] = operation | STRT | OPTLOCK
        assert status(chip) == WRPERR
    chip[SR] = WRPERR
    assert double_word(chip, FLASH, 1, 2) == 0


def test_protection_of_the_second_bank() -> None:
    chip = Chip("stm32l496ag", ",wrp=256-300")
    unlock(chip)
    assert chip[WRP2AR] & 0x00FF_00FF == 44 << 16
    chip[CR] = MER2 | STRT | OPTLOCK
    assert status(chip) == WRPERR
    chip[SR] = WRPERR
    chip[CR] = MER1 | STRT | OPTLOCK
    assert status(chip) == 0


def test_options_need_optlock_open(chip: Chip) -> None:
    chip[WRP1AR] = 0
    assert chip[WRP1AR] == 0xFF00_FFFF


def test_options_come_into_force_by_launch() -> None:
    chip = Chip("stm32l431rc")
    unlock_options(chip)
    chip[WRP1AR] = 0x0000_0000
    chip[CR] = OPTSTRT
    assert chip[SR] & BSY
    assert status(chip) == 0
    assert double_word(chip, FLASH, 1, 2) == 0, "not yet in force"
    chip[OPTKEYR] = OPTKEY1
    chip[OPTKEYR] = OPTKEY2
    chip[CR] = OBL_LAUNCH
    chip.sleep(2e-3)
    unlock(chip)
    assert double_word(chip, FLASH + 8, 1, 2) == WRPERR | PGSERR


def test_a_system_reset_loads_nothing() -> None:
    chip = Chip("stm32l431rc")
    unlock_options(chip)
    chip[WRP1AR] = 0
    chip[CR] = OPTSTRT
    status(chip)
    chip.reset()
    assert chip[WRP1AR] == 0xFF00_FFFF
    chip.power_cycle()
    assert chip[WRP1AR] == 0xFF00_FF00


def test_readout_protection_hides_the_flash_and_leaving_it_erases() -> None:
    chip = Chip("stm32l431rc", ",rdp=1")
    chip.board.write_flash(FLASH, bytes(64))
    assert chip.board.soc.flash.hides_flash
    chip.board.wire.connect()
    unlock_options(chip)
    chip[CR] = PG
    chip[FLASH + 0x800] = 0
    assert status(chip) == WRPERR
    chip[SR] = WRPERR
    chip[OPTR] = 0xFFEF_F8AA
    chip[CR] = OPTSTRT
    status(chip)
    assert chip.flash(FLASH, 64) == b"\xff" * 64
    chip[CR] = OBL_LAUNCH
    chip.sleep(2e-3)
    assert not chip.board.soc.flash.hides_flash


def test_level_2_closes_the_debug_port_for_ever() -> None:
    chip = Chip("stm32l431rc")
    unlock_options(chip)
    chip[OPTR] = 0xFFEF_F8CC
    chip[CR] = OPTSTRT
    status(chip)
    assert chip.board.wire.answers
    chip.power_cycle()
    assert not chip.board.wire.answers


def test_hardware_watchdog_from_the_options() -> None:
    chip = Chip("stm32l431rc", ",iwdg=hardware")
    assert chip.board.soc.iwdg.running


# --- on the core


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32l431rc")
    chip.board.write_flash(FLASH + 0x1000, bytes(2048))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PER | 2 << 3 | STRT | OPTLOCK)
    chip.wait(SR, BSY)
    chip.store(CR, PG | EOPIE | OPTLOCK)
    for n in range(8):
        chip.store(FLASH + 0x1000 + 4 * n, 0x1111_1111 * (n + 1))
        if n % 2:
            chip.wait(SR, BSY)
    chip.store(CR, LOCK)
    seconds = chip.run()
    assert seconds == pytest.approx(22.02e-3 + 4 * 81.69e-6, rel=0.01)
    assert chip.flash(FLASH + 0x1000, 36) == b"".join(bytes([0x11 * n] * 4) for n in range(1, 9)) + b"\xff" * 4
    assert chip[SR] & ~PEMPTY == EOP
    assert chip[CR] == LOCK | OPTLOCK


def test_code_in_flash_stands_still_while_its_bank_is_busy() -> None:
    chip = Chip("stm32l431rc")
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PER | 2 << 3 | STRT | OPTLOCK)
    chip.store(0x2000_0800, 1)
    seconds = chip.run()
    assert seconds < 1e-3, "code in RAM goes on"
    assert chip[SR] & BSY
