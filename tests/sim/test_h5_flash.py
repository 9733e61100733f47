"""The H563's flash controller (RM0481 7), refusals first, and the access ports before it."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip
from support.sim_client import OK, entered

from haltpoint.sim.bus import Unmodelled
from haltpoint.sim.errors import SelectorError

BASE = 0x4002_2000
ACR, KEYR, SECKEYR, OPTKEYR, OPSR, OPTCR, SR, CR, SECCR, CCR = (
    BASE + n for n in (0, 4, 8, 0xC, 0x18, 0x1C, 0x20, 0x28, 0x2C, 0x30)
)
OPTSR_CUR, OPTSR_PRG, OPTSR2_PRG, WRP1_CUR, WRP1_PRG, ECCDETR = (
    BASE + n for n in (0x50, 0x54, 0x74, 0xE8, 0xEC, 0x104)
)
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
LOCK, PG, SER, BER, FW, STRT, MER, BKSEL = (1 << n for n in (0, 1, 2, 3, 4, 5, 15, 31))
BSY, WBNE, EOP, WRPERR, PGSERR, STRBERR, INCERR = (1 << n for n in (0, 1, 16, 17, 18, 19, 20))
ECCD = 1 << 31
CPUID, AP_FAULT = 0xE000_ED00, 0x11
FLASH, BANK2, SECTOR = 0x0800_0000, 0x0810_0000, 0x2000
WORDS = (0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444)
CONTENT = b"".join(word.to_bytes(4, "little") for word in WORDS)


def unlock(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    assert not chip[CR] & LOCK


def unlock_options(chip: Chip) -> None:
    chip[OPTKEYR] = 0x0819_2A3B
    chip[OPTKEYR] = 0x4C5D_6E7F
    assert not chip[OPTCR] & 1


def status(chip: Chip) -> int:
    for _ in range(400):
        if not chip[SR] & BSY:
            return chip[SR]
        chip.board.sleep(2e-3)
    raise AssertionError("busy for ever")


def program(chip: Chip, address: int, *words: int) -> int:
    chip[CR] = PG
    for n, word in enumerate(words):
        chip[address + 4 * n] = word
    return status(chip)


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32h563zi")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32h563zi")
    assert [chip[at] for at in (ACR, SR, CR, OPTCR, OPSR, ECCDETR)] == [0x13, 0, 1, 1, 0, 0]
    assert chip[OPTSR_CUR] >> 8 & 0xFF == 0xED, "product state Open"
    assert chip[WRP1_CUR] == 0xFFFF_FFFF
    assert chip[0x4402_4000] & 0xFFF == 0x484
    assert chip.board.soc.rcc.core_hz == 32_000_000


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, 0], [KEY1, KEY2, KEY1]])
def test_a_wrong_key_locks_until_reset(keys: list[int]) -> None:
    chip = Chip("stm32h563zi")
    for key in (*keys, KEY1, KEY2):
        chip[KEYR] = key
    assert chip[CR] & LOCK
    chip.reset()
    unlock(chip)


def test_secure_registers_are_dead_without_trustzone(chip: Chip) -> None:
    chip[SECKEYR] = KEY1
    chip[SECKEYR] = KEY2
    chip[SECCR] = PG
    assert (chip[SECKEYR], chip[SECCR]) == (0, 0)


def test_a_quad_word_is_programmed_when_it_is_complete(chip: Chip) -> None:
    chip[CR] = PG
    for n in range(3):
        chip[FLASH + 4 * n] = WORDS[n]
        assert chip[SR] == WBNE
    chip[FLASH + 12] = WORDS[3]
    assert chip[SR] == BSY
    chip.sleep(50e-6)
    assert chip[SR] == EOP
    assert chip.flash(FLASH, 16) == CONTENT


def test_fw_programs_what_is_there(chip: Chip) -> None:
    chip[CR] = PG
    chip.write(FLASH + 4, 0x1234, 2)
    chip[CR] = PG | FW
    assert status(chip) == EOP
    assert chip.flash(FLASH, 16) == b"\xff" * 4 + b"\x34\x12" + b"\xff" * 10


def test_flags_are_cleared_through_ccr_only(chip: Chip) -> None:
    program(chip, FLASH, *WORDS)
    chip[SR] = EOP
    assert chip[SR] == EOP
    chip[CCR] = EOP
    assert chip[SR] == 0


@pytest.mark.parametrize("control", [0, PG | SER, PG | BER, PG | MER])
def test_a_store_without_pg_alone_sets_pgserr(chip: Chip, control: int) -> None:
    chip[CR] = control
    chip[FLASH] = 0
    assert chip[SR] == PGSERR
    assert program(chip, FLASH, *WORDS) == PGSERR, "until it is cleared"
    chip[CCR] = PGSERR
    assert program(chip, FLASH, *WORDS) == EOP


def test_two_quad_words_mixed_set_incerr(chip: Chip) -> None:
    chip[CR] = PG
    chip[FLASH] = 0
    chip[FLASH + 16] = 0
    assert chip[SR] == INCERR


def test_two_banks_mixed_set_incerr(chip: Chip) -> None:
    chip[CR] = PG
    chip[FLASH] = 0
    chip[BANK2] = 0
    assert chip[SR] == INCERR


def test_a_byte_twice_sets_strberr(chip: Chip) -> None:
    chip[CR] = PG
    chip[FLASH] = 0
    chip.write(FLASH + 3, 0, 1)
    assert chip[SR] == STRBERR


def test_a_quad_word_programmed_twice_is_no_longer_what_its_ecc_says(chip: Chip) -> None:
    assert program(chip, BANK2 + 0x20, *WORDS) == EOP
    assert chip[ECCDETR] == 0
    assert program(chip, BANK2 + 0x20, 0x0101_0101, *WORDS[1:]) == EOP
    assert chip[ECCDETR] == 0
    assert chip[BANK2 + 0x20] == 0x0101_0101 & WORDS[0]
    assert chip[ECCDETR] == ECCD | 1 << 22 | 2
    assert chip.flash(BANK2 + 0x20, 4) == (0x0101_0101 & WORDS[0]).to_bytes(4, "little")
    chip[ECCDETR] = ECCD
    assert not chip[ECCDETR] & ECCD


def test_a_sector_takes_2_ms(chip: Chip) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(3 * SECTOR))
    chip[CR] = SER | 1 << 6 | STRT
    chip.sleep(1.9e-3)
    assert chip[SR] == BSY
    chip.sleep(0.2e-3)
    assert (chip[SR], chip[CR] & STRT) == (EOP, 0)
    assert chip.flash(FLASH, 3 * SECTOR) == bytes(SECTOR) + b"\xff" * SECTOR + bytes(SECTOR)
    chip[CR] = SER | BKSEL | 2 << 6 | STRT
    assert status(chip) == EOP
    assert chip.flash(BANK2, 3 * SECTOR) == bytes(2 * SECTOR) + b"\xff" * SECTOR


@pytest.mark.parametrize("control", [PG | SER, PG | MER, SER | BER, SER | MER, 0])
def test_an_erase_that_is_not_one_is_refused(chip: Chip, control: int) -> None:
    chip.board.write_flash(FLASH, bytes(16))
    chip[CR] = control | STRT
    assert chip[SR] == PGSERR
    assert chip.flash(FLASH, 16) == bytes(16)


@pytest.mark.parametrize(("control", "erased"), [(BER, {FLASH}), (BER | BKSEL, {BANK2}), (MER, {FLASH, BANK2})])
def test_banks_are_erased(chip: Chip, control: int, erased: set[int]) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(16))
    chip[CR] = control | STRT
    chip.sleep(250e-3)
    assert chip[SR] == BSY
    assert status(chip) == EOP
    assert {at for at in (FLASH, BANK2) if chip.flash(at, 16) == b"\xff" * 16} == erased


def test_cr_is_deaf_while_busy(chip: Chip) -> None:
    chip[CR] = SER | STRT
    chip[CR] = PG
    assert not chip[CR] & PG
    assert status(chip) == EOP


@pytest.mark.parametrize(
    ("control", "code"),
    [(SER | 3 << 6, 3 << 29 | 3 * SECTOR // 16), (SER | BKSEL, 3 << 29 | 1 << 22), (BER | BKSEL, 4 << 29 | 1 << 22)],
)
def test_opsr_tells_what_a_reset_interrupted(chip: Chip, control: int, code: int) -> None:
    for address in (FLASH, BANK2):
        chip.board.write_flash(address, bytes(4 * SECTOR))
    chip[CR] = control | STRT
    chip.reset()
    assert chip[OPSR] == code
    place = (BANK2 if control & BKSEL else FLASH) + (control >> 6 & 0x7F) * SECTOR
    assert chip.flash(place, 16) == b"\xaa" * 16, "half erased"
    chip.reset()
    assert chip[OPSR] == 0


def test_opsr_tells_of_a_quad_word_too(chip: Chip) -> None:
    chip[CR] = PG
    for n in range(4):
        chip[FLASH + 0x40 + 4 * n] = 0
    chip.reset()
    assert chip[OPSR] == 1 << 29 | 4
    assert chip.flash(FLASH + 0x40, 16) == b"\x55" * 16


def test_write_protection_covers_four_sectors() -> None:
    chip = Chip("stm32h563zi", ",wrp=5+128")
    assert chip[WRP1_CUR] == 0xFFFF_FFFD
    unlock(chip)
    for address, refused in ((FLASH + 3 * SECTOR, 0), (FLASH + 4 * SECTOR, 1), (FLASH + 7 * SECTOR, 1), (BANK2, 1)):
        assert bool(program(chip, address, *WORDS) & WRPERR) == refused
        assert chip.flash(address, 16) == (b"\xff" * 16 if refused else CONTENT)
        chip[CCR] = 0x00FF_0000
    for control in (SER | 6 << 6, BER, MER):
        chip[CR] = control | STRT
        assert status(chip) == WRPERR
        chip[CCR] = WRPERR


def test_options_change_after_a_while(chip: Chip) -> None:
    chip[WRP1_PRG] = 0
    assert chip[WRP1_PRG] == 0xFFFF_FFFF, "locked"
    unlock_options(chip)
    chip[WRP1_PRG] = 0xFFFF_FFF0
    chip[OPTCR] = 2
    assert chip[SR] == BSY
    assert chip[WRP1_CUR] == 0xFFFF_FFFF
    assert status(chip) == EOP
    chip.power_cycle()
    assert chip[WRP1_CUR] == 0xFFFF_FFF0


@pytest.mark.parametrize(("register", "value"), [(OPTSR_PRG, 0x2D30_72F8), (OPTSR2_PRG, 0xB400_0034)])
def test_other_product_states_and_trustzone_are_not_modelled(chip: Chip, register: int, value: int) -> None:
    unlock_options(chip)
    chip[register] = value
    with pytest.raises(Unmodelled):
        chip[OPTCR] = 2


def test_there_is_no_readout_protection_of_the_old_kind() -> None:
    with pytest.raises(SelectorError, match="product state"):
        Chip("stm32h563zi", ",rdp=1")


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32h563zi")
    chip.board.write_flash(BANK2, bytes(SECTOR))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, SER | BKSEL | STRT)
    chip.wait(SR, BSY)
    chip.store(CR, PG)
    for n in range(8):
        chip.store(BANK2 + 4 * n, WORDS[n % 4])
        if n % 4 == 3:
            chip.wait(SR, BSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(2e-3 + 2 * 44e-6, rel=0.05)
    assert chip.flash(BANK2, 32) == 2 * CONTENT


# --- access ports


def test_the_core_is_behind_access_port_1() -> None:
    probe = entered(chip="stm32h563zi")
    assert probe.debug(0x4B, 0, reply=2)[0] == OK
    assert probe.read_register(CPUID)[0] != OK, "access port 0 reaches DBGMCU alone"
    probe.read(CPUID, 4)
    assert probe.status() == (AP_FAULT, CPUID)
    assert probe.debug(0x4B, 1, reply=2)[0] == OK
    assert probe.read_register(CPUID) == (OK, 0x410F_D214)
    assert probe.read(CPUID, 4, ap=1)[:4] == bytes.fromhex("14d20f41")
    assert probe.debug(0x4B, 2, reply=2)[0] == 0x1D, "there is no third"


def test_the_identities_of_both_access_ports() -> None:
    probe = entered(chip="stm32h563zi")
    found = []
    for port in range(3):
        probe.debug(0x4B, port, reply=2)
        found.append(int.from_bytes(probe.debug(0x45, port, 0, 0xFC, 0, reply=8)[4:8], "little"))
    assert found == [0x5477_0002, 0x8477_0001, 0]
