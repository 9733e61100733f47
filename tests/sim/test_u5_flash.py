"""The U575's flash controller (RM0456 7) where it differs from the L4's, whose shared rules test_l4_flash.py tests."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault, Unmodelled
from haltpoint.sim.errors import SelectorError

BASE = 0x4002_2000
ACR, KEYR, SECKEYR, OPTKEYR, PDKEY1R, SR, SECSR, CR, SECCR = (
    BASE + n for n in (0, 8, 0xC, 0x10, 0x18, 0x20, 0x24, 0x28, 0x2C)
)
OPTR, WRP1AR = BASE + 0x40, BASE + 0x58
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, MER1, BKER, BWR, MER2 = 1, 2, 4, 1 << 11, 1 << 14, 1 << 15
STRT, OPTSTRT, OBL_LAUNCH, OPTLOCK, LOCK = 1 << 16, 1 << 17, 1 << 27, 1 << 30, 1 << 31
PROGERR, WRPERR, PGAERR, SIZERR, PGSERR = (1 << n for n in (3, 4, 5, 6, 7))
BSY, WDW = 1 << 16, 1 << 17
FLASH, BANK2, PAGE = 0x0800_0000, 0x0810_0000, 0x2000
WORDS = (0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444)


def unlock(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    assert not chip[CR] & LOCK


def unlock_options(chip: Chip) -> None:
    chip[OPTKEYR] = 0x0819_2A3B
    chip[OPTKEYR] = 0x4C5D_6E7F
    assert not chip[CR] & OPTLOCK


def status(chip: Chip) -> int:
    for _ in range(400):
        if not chip[SR] & BSY:
            return chip[SR]
        chip.board.sleep(1e-3)
    raise AssertionError("busy for ever")


def program(chip: Chip, address: int, *words: int) -> int:
    chip[CR] = PG | OPTLOCK
    for n, word in enumerate(words):
        chip[address + 4 * n] = word
    return status(chip)


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32u575zi")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32u575zi")
    assert [chip[at] for at in (ACR, SR, CR, SECSR, SECCR)] == [0, 0, 0xC000_0000, 0, 0]
    assert chip[OPTR] == 0x1FEF_F8AA
    assert chip.board.machine.core.boot_base == FLASH, "nothing is seen at 0"
    with pytest.raises(BusFault):
        chip[0]


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, 0], [KEY1, KEY2, KEY1]])
def test_a_wrong_key_locks_until_reset(keys: list[int]) -> None:
    chip = Chip("stm32u575zi")
    for key in keys[:-1]:
        chip[KEYR] = key
    with pytest.raises(BusFault):
        chip[KEYR] = keys[-1]
    for key in (KEY1, KEY2):
        with pytest.raises(BusFault):
            chip[KEYR] = key
    assert chip[CR] & LOCK
    chip.reset()
    unlock(chip)


def test_secure_registers_are_dead_without_trustzone(chip: Chip) -> None:
    chip[SECKEYR] = KEY1
    chip[SECKEYR] = KEY2
    chip[SECCR] = PG
    assert (chip[SECKEYR], chip[SECCR]) == (0, 0)


def test_a_quad_word_takes_118_us(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    for n in range(3):
        chip[FLASH + 4 * n] = WORDS[n]
        assert chip[SR] == WDW
    chip[FLASH + 12] = WORDS[3]
    assert chip[SR] == BSY
    chip.sleep(117e-6)
    assert chip[SR] == BSY
    chip.sleep(2e-6)
    assert chip[SR] == 0
    assert chip.flash(FLASH, 16) == b"".join(word.to_bytes(4, "little") for word in WORDS)


def test_a_quad_word_is_programmed_once(chip: Chip) -> None:
    assert program(chip, FLASH, *WORDS) == 0
    assert program(chip, FLASH, *WORDS) == PROGERR
    chip[SR] = PROGERR
    assert program(chip, FLASH, 0, 0, 0, 0) == 0, "zeros may always be programmed"
    assert chip.flash(FLASH, 16) == bytes(16)


@pytest.mark.parametrize(
    ("control", "address", "width", "flag"),
    [
        (0, FLASH, 4, PGSERR),
        (PG | PER, FLASH, 4, PGSERR),
        (PG | MER1, FLASH, 4, PGSERR),
        (PG, FLASH, 2, SIZERR),
        (PG, FLASH, 1, SIZERR),
        (PG, FLASH + 4, 4, PGAERR),
        (PG, FLASH + 8, 4, PGAERR),
    ],
)
def test_refused_stores(chip: Chip, control: int, address: int, width: int, flag: int) -> None:
    chip[CR] = control | OPTLOCK
    chip.write(address, 0, width)
    assert chip[SR] == flag
    assert program(chip, FLASH, *WORDS) == flag | PGSERR, "until the flag is cleared"
    chip[SR] = flag | PGSERR
    assert program(chip, FLASH, *WORDS) == 0


def test_words_out_of_order_set_pgaerr(chip: Chip) -> None:
    chip[CR] = PG | OPTLOCK
    chip[FLASH] = 0
    chip[FLASH + 8] = 0
    assert chip[SR] == PGAERR


def test_a_page_of_8_kib_takes_1_5_ms(chip: Chip) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(3 * PAGE))
    chip[CR] = PER | 1 << 3 | STRT | OPTLOCK
    assert chip[CR] & STRT
    chip.sleep(1.4e-3)
    assert chip[SR] == BSY
    chip.sleep(0.2e-3)
    assert (chip[SR], chip[CR] & STRT) == (0, 0)
    assert chip.flash(FLASH, 3 * PAGE) == bytes(PAGE) + b"\xff" * PAGE + bytes(PAGE)
    chip[CR] = PER | BKER | 2 << 3 | STRT | OPTLOCK
    assert status(chip) == 0
    assert chip.flash(BANK2, 3 * PAGE) == bytes(2 * PAGE) + b"\xff" * PAGE


def test_an_erase_with_pg_set_is_refused(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(16))
    chip[CR] = PG | PER | STRT | OPTLOCK
    assert chip[SR] == PGSERR
    assert chip.flash(FLASH, 16) == bytes(16)


@pytest.mark.parametrize(("bit", "erased"), [(MER1, FLASH), (MER2, BANK2)])
def test_a_bank_is_erased_alone(chip: Chip, bit: int, erased: int) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(16))
    chip[CR] = bit | STRT | OPTLOCK
    chip.sleep(190e-3)
    assert chip[SR] == BSY
    assert status(chip) == 0
    assert {at for at in (FLASH, BANK2) if chip.flash(at, 16) == b"\xff" * 16} == {erased}


def test_cr_is_deaf_while_busy(chip: Chip) -> None:
    chip[CR] = PER | STRT | OPTLOCK
    chip[CR] = PG | OPTLOCK
    assert not chip[CR] & PG
    assert status(chip) == 0


def test_a_burst_is_eight_quad_words(chip: Chip) -> None:
    chip[CR] = PG | BWR | OPTLOCK
    for n in range(31):
        chip[FLASH + 128 + 4 * n] = n
    assert chip[SR] == WDW
    chip[FLASH + 252] = 31
    chip.sleep(380e-6)
    assert chip[SR] == BSY
    chip.sleep(10e-6)
    assert chip[SR] == 0
    assert chip.flash(FLASH + 128, 128) == b"".join(n.to_bytes(4, "little") for n in range(32))


def test_a_burst_begins_on_128_bytes(chip: Chip) -> None:
    chip[CR] = PG | BWR | OPTLOCK
    chip[FLASH + 16] = 0
    assert chip[SR] == PGAERR


def test_write_protection() -> None:
    chip = Chip("stm32u575zi", ",wrp=1-2+130")
    assert chip[WRP1AR] & 0x7F_007F == 2 << 16 | 1
    unlock(chip)
    for address in (FLASH + PAGE, FLASH + 2 * PAGE, BANK2 + 2 * PAGE):
        assert program(chip, address, *WORDS) & WRPERR
        assert chip.flash(address, 16) == b"\xff" * 16
        chip[SR] = WRPERR | PGSERR
    assert program(chip, FLASH + 3 * PAGE, *WORDS) == 0
    chip[CR] = PER | 2 << 3 | STRT | OPTLOCK
    assert status(chip) == WRPERR


def test_level_1_keeps_the_debugger_out() -> None:
    chip = Chip("stm32u575zi", ",rdp=1")
    assert chip[OPTR] & 0xFF not in {0xAA, 0xCC}
    assert chip.board.soc.flash.hides_flash


def test_options_are_in_force_after_obl_launch(chip: Chip) -> None:
    unlock_options(chip)
    chip[WRP1AR] = 1 << 31 | 5 << 16 | 4
    chip[CR] = OPTSTRT
    assert status(chip) == 0
    assert program(chip, FLASH + 4 * PAGE, *WORDS) == 0, "not yet"
    unlock_options(chip)
    chip[CR] = OBL_LAUNCH
    chip.sleep(1e-3)
    unlock(chip)
    assert program(chip, FLASH + 5 * PAGE, *WORDS) & WRPERR


def test_trustzone_cannot_be_switched_on(chip: Chip) -> None:
    unlock_options(chip)
    chip[OPTR] = chip[OPTR] | 1 << 31
    chip[CR] = OPTSTRT
    assert status(chip) == 0
    with pytest.raises(Unmodelled, match="OPTR"):
        chip[CR] = OBL_LAUNCH


def test_power_down_of_a_bank_is_not_modelled(chip: Chip) -> None:
    with pytest.raises(Unmodelled):
        chip[PDKEY1R] = 0x0415_2637


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32u575zi")
    chip.board.write_flash(BANK2, bytes(PAGE))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PER | BKER | STRT | OPTLOCK)
    chip.wait(SR, BSY)
    chip.store(CR, PG | OPTLOCK)
    for n in range(8):
        chip.store(BANK2 + 4 * n, WORDS[n % 4])
        if n % 4 == 3:
            chip.wait(SR, BSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(1.5e-3 + 2 * 118e-6, rel=0.05)
    assert chip.flash(BANK2, 32) == 2 * b"".join(word.to_bytes(4, "little") for word in WORDS)


def test_the_instruction_cache_says_when_it_is_empty(chip: Chip) -> None:
    chip[0x4003_0400] = 1
    chip[0x4003_0400] = 3
    assert (chip[0x4003_0400], chip[0x4003_0404]) == (1, 2)
    chip[0x4003_040C] = 2
    assert chip[0x4003_0404] == 0


def test_the_pll_runs_the_core_at_160_mhz(chip: Chip) -> None:
    rcc = 0x4602_0C00
    chip[rcc + 0x28] = 1 | 1 << 18  # MSIS, R enabled
    chip[rcc + 0x34] = 79 | 1 << 24  # 4 MHz x 80 / 2
    chip[rcc] = chip[rcc] | 1 << 24
    chip.sleep(1e-3)
    chip[rcc + 0x1C] = 3
    assert chip.board.soc.rcc.core_hz == 160_000_000


# --- TrustZone switched on: what a debugger sees of it, and what non-secure registers are refused


@pytest.fixture
def secure() -> Chip:
    return Chip("stm32u575zi", ",tzen=1")


def test_trustzone_shows(secure: Chip) -> None:
    assert secure[OPTR] >> 31 == 1
    assert secure[0xE000_ED44] == 0x210
    assert secure[0xE000_EFB8] == 0xFF
    assert secure[0xE000_EE08] >> 16 & 1
    assert secure[0xE000_EDF0] >> 20 & 1
    assert secure.board.machine.core.boot_base == 0x0C00_0000


def test_secure_code_sees_the_flash_elsewhere(secure: Chip) -> None:
    table = [0x2000_1000, 0x0C00_0101, *[0x0C00_0103] * 14]
    secure.board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in table))
    secure.board.write_flash(FLASH + 0x100, bytes.fromhex("00df7446fee7"))  # svc 0; mov r4, lr; b .
    secure.power_cycle()
    secure.sleep(1e-4)
    secure.halt()
    assert secure.register(15) == 0x0C00_0104
    assert secure.register(4) == 0xFFFF_FFF9, "EXC_RETURN of secure state"


def test_non_secure_registers_neither_program_nor_erase_secure_pages(secure: Chip) -> None:
    secure.board.write_flash(FLASH + PAGE, bytes(16))
    unlock(secure)
    assert program(secure, FLASH, *WORDS) & WRPERR
    for control in (PER | 1 << 3, MER1, MER2, PER | BKER):
        secure[SR] = WRPERR | PGSERR
        secure[CR] = control | STRT | OPTLOCK
        assert status(secure) == WRPERR
    assert secure.flash(FLASH + PAGE, 16) == bytes(16)
    secure[SECKEYR] = KEY1
    assert secure[SECCR] == 0, "secure registers are not to be reached from here"


def test_the_others_have_no_trustzone() -> None:
    with pytest.raises(SelectorError, match="TrustZone"):
        Chip("stm32l431rc", ",tzen=1")
