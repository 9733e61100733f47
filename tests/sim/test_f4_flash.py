"""The F4's flash controller (RM0090 3), refusals first."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault, Unmodelled

ACR, KEYR, OPTKEYR, SR, CR, OPTCR, OPTCR1 = (0x4002_3C00 + n for n in (0, 4, 8, 0xC, 0x10, 0x14, 0x18))
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
OPTKEY1, OPTKEY2 = 0x0819_2A3B, 0x4C5D_6E7F
PG, SER, MER, MER1, STRT, EOPIE, ERRIE, LOCK = (1 << n for n in (0, 1, 2, 15, 16, 24, 25, 31))
X8, X16, X32, X64 = (n << 8 for n in range(4))
EOP, OPERR, WRPERR, PGAERR, PGPERR, PGSERR, BSY = (1 << n for n in (0, 1, 4, 5, 6, 7, 16))
FLASH, BANK2 = 0x0800_0000, 0x0810_0000


def unlock(chip: Chip) -> None:
    chip[KEYR] = KEY1
    chip[KEYR] = KEY2
    assert not chip[CR] & LOCK


def status(chip: Chip) -> int:
    for _ in range(400):
        if not chip[SR] & BSY:
            return chip[SR]
        chip.board.sleep(50e-3)
    raise AssertionError("busy for ever")


def program(chip: Chip, address: int, value: int, width: int = 4) -> int:
    chip[CR] = PG | {1: X8, 2: X16, 4: X32}[width]
    chip.write(address, value, width)
    return status(chip)


def sector(number: int) -> int:
    return SER | STRT | X32 | number << 3


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32f407vg")
    unlock(chip)
    return chip


@pytest.fixture
def big() -> Chip:
    chip = Chip("stm32f429zi")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32f407vg")
    assert [chip[address] for address in (ACR, KEYR, OPTKEYR, SR, CR, OPTCR)] == [0, 0, 0, 0, LOCK, 0x0FFF_AAED]
    assert Chip("stm32f429zi")[OPTCR1] == 0x0FFF_0000


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, KEY1], [KEY1, 0]])
def test_a_wrong_key_is_a_bus_error_and_locks_out_until_reset(keys: list[int]) -> None:
    chip = Chip("stm32f407vg")
    for key in keys[:-1]:
        chip[KEYR] = key
    with pytest.raises(BusFault):
        chip[KEYR] = keys[-1]
    with pytest.raises(BusFault):
        unlock(chip)
    chip.reset()
    unlock(chip)


def test_keys_to_an_open_lock_lock_out(chip: Chip) -> None:
    with pytest.raises(BusFault):
        chip[KEYR] = KEY1
    assert chip[CR] & LOCK


def test_lock_closes_and_keys_open_again(chip: Chip) -> None:
    chip[CR] = LOCK
    assert chip[CR] == LOCK
    chip[CR] = PG
    assert chip[CR] == LOCK
    unlock(chip)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_an_item_takes_16_us_in_any_width(chip: Chip, width: int) -> None:
    chip[CR] = PG | EOPIE | {1: X8, 2: X16, 4: X32}[width]
    chip.write(FLASH, 0x1234_5678 & (1 << 8 * width) - 1, width)
    assert chip[SR] == BSY
    chip.board.sleep(15.9e-6)
    assert chip[SR] == BSY
    chip.board.sleep(0.2e-6)
    assert chip[SR] == EOP
    assert chip.flash(FLASH, 4) == (bytes.fromhex("78563412")[:width]).ljust(4, b"\xff")


def test_eop_needs_its_interrupt_enable(chip: Chip) -> None:
    assert program(chip, FLASH, 1) == 0


def test_a_store_without_pg_sets_pgserr(chip: Chip) -> None:
    chip[FLASH] = 0
    assert status(chip) == PGSERR
    assert chip.flash(FLASH, 4) == b"\xff" * 4


@pytest.mark.parametrize(("size", "width"), [(X8, 4), (X16, 1), (X32, 2), (X32, 1)])
def test_another_width_than_psize_sets_pgperr(chip: Chip, size: int, width: int) -> None:
    chip[CR] = PG | size
    chip.write(FLASH, 0, width)
    assert status(chip) == PGPERR
    assert chip.flash(FLASH, 4) == b"\xff" * 4


def test_double_words_need_vpp(chip: Chip) -> None:
    chip[CR] = PG | X64
    with pytest.raises(Unmodelled):
        chip[FLASH] = 0


def test_bits_only_fall_and_may_fall_twice(chip: Chip) -> None:
    assert program(chip, FLASH, 0xFFFF_0FFF) == 0
    assert program(chip, FLASH, 0x00FF_FFFF) == 0
    assert chip.flash(FLASH, 4) == 0x00FF_0FFF.to_bytes(4, "little")


def test_operr_needs_its_interrupt_enable(chip: Chip) -> None:
    chip[CR] = PG | X8 | ERRIE
    chip[FLASH] = 0
    assert status(chip) == PGPERR | OPERR


@pytest.mark.parametrize(
    ("number", "start", "size", "seconds"),
    [(0, 0, 16, 0.25), (3, 48, 16, 0.25), (4, 64, 64, 0.55), (5, 128, 128, 1.0), (11, 896, 128, 1.0)],
)
def test_sectors(chip: Chip, number: int, start: int, size: int, seconds: float) -> None:
    chip.board.write_flash(FLASH, bytes(1 << 20))
    chip[CR] = sector(number)
    assert chip[CR] & STRT
    chip.board.sleep(seconds - 1e-3)
    assert chip[SR] == BSY
    chip.board.sleep(2e-3)
    assert chip[SR] == 0
    assert not chip[CR] & STRT
    content = chip.flash(FLASH, 1 << 20)
    assert content.find(b"\xff") == start * 1024
    assert content.count(b"\xff") == size * 1024


def test_narrow_erase_is_slow(chip: Chip) -> None:
    chip[CR] = sector(0) & ~X32
    chip.board.sleep(0.39)
    assert chip[SR] == BSY
    chip.board.sleep(0.02)
    assert chip[SR] == 0


def test_sector_and_mass_erase_together_do_nothing(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(16))
    chip[CR] = SER | MER | STRT | X32
    assert chip[SR] == 0
    assert chip.flash(FLASH, 16) == bytes(16)


def test_erase_goes_before_programming(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(16))
    chip[CR] = sector(0) | PG
    assert status(chip) == 0
    assert chip.flash(FLASH, 16) == b"\xff" * 16


def test_a_sector_that_does_not_exist(chip: Chip) -> None:
    with pytest.raises(Unmodelled):
        chip[CR] = sector(12)


def test_mass_erase_takes_8_s(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(1 << 20))
    chip[CR] = MER | STRT | X32
    chip.board.sleep(7.99)
    assert chip[SR] == BSY
    chip.board.sleep(0.02)
    assert chip[SR] == 0
    assert chip.flash(FLASH, 1 << 20) == b"\xff" * (1 << 20)


def test_the_second_bank_is_snb_16_and_up(big: Chip) -> None:
    for address in (FLASH, BANK2, BANK2 + 0x4000):
        big.board.write_flash(address, bytes(16))
    big[CR] = sector(0x10)
    assert status(big) == 0
    assert [big.flash(a, 16)[:1] for a in (FLASH, BANK2, BANK2 + 0x4000)] == [b"\0", b"\xff", b"\0"]
    with pytest.raises(Unmodelled):
        big[CR] = sector(12)


@pytest.mark.parametrize("bits", [MER, MER1, MER | MER1])
def test_each_bank_has_its_mass_erase(big: Chip, bits: int) -> None:
    for address in (FLASH, BANK2):
        big.board.write_flash(address, bytes(16))
    before = big.board.seconds
    big[CR] = bits | STRT | X32
    assert status(big) == 0
    assert big.board.seconds - before < 8.1, "both banks at once"
    assert (big.flash(FLASH, 1) == b"\xff", big.flash(BANK2, 1) == b"\xff") == (bool(bits & MER), bool(bits & MER1))


def test_the_other_bank_can_be_read_meanwhile(big: Chip) -> None:
    unit = big.board.soc.flash
    big[CR] = sector(0x10)
    assert unit.ready_at(FLASH, 4, writing=False) == 0
    assert unit.ready_at(BANK2, 4, writing=False) > 0


def test_control_stalls_the_bus_while_busy(chip: Chip) -> None:
    unit = chip.board.soc.flash
    assert unit.ready_at(CR, 4, writing=True) == 0
    chip[CR] = sector(0)
    assert unit.ready_at(CR, 4, writing=True) > chip.board.clock.now
    assert unit.ready_at(SR, 4, writing=True) == 0
    assert unit.ready_at(CR, 4, writing=False) == 0


def test_a_reset_tears_what_was_under_way(chip: Chip) -> None:
    chip.board.write_flash(FLASH, bytes(16))
    chip[CR] = sector(0)
    chip.reset()
    assert chip.flash(FLASH, 4) == b"\xaa" * 4


def test_a_cache_is_only_reset_while_off(chip: Chip) -> None:
    chip[ACR] = 0x605
    chip[ACR] = 0x605 | 1 << 11 | 1 << 12
    assert chip[ACR] == 0x605
    chip[ACR] = 5
    chip[ACR] = 5 | 1 << 11 | 1 << 12
    assert chip[ACR] == 0x1805


# --- options


def test_a_protected_sector_refuses_program_erase_and_mass_erase() -> None:
    chip = Chip("stm32f407vg", ",wrp=2")
    unlock(chip)
    assert chip[OPTCR] >> 16 == 0xFFB
    assert program(chip, FLASH + 0x8000, 0) == WRPERR
    for operation in (sector(2), MER | STRT | X32):
        chip[SR] = WRPERR
        chip[CR] = operation
        assert status(chip) == WRPERR
    chip[SR] = WRPERR
    assert program(chip, FLASH, 0) == 0


def test_protection_of_the_second_bank() -> None:
    chip = Chip("stm32f429zi", ",wrp=12")
    unlock(chip)
    assert chip[OPTCR1] >> 16 == 0xFFE
    chip[CR] = sector(0x10)
    assert status(chip) == WRPERR


def open_options(chip: Chip) -> None:
    chip[OPTKEYR] = OPTKEY1
    chip[OPTKEYR] = OPTKEY2
    assert not chip[OPTCR] & 1


def test_options_have_their_own_lock() -> None:
    chip = Chip("stm32f407vg")
    chip[OPTCR] = 0x0FFE_AAEC
    assert chip[OPTCR] == 0x0FFF_AAED
    open_options(chip)
    chip[OPTCR] = 0x0FFE_AAEC
    assert chip[OPTCR] == 0x0FFE_AAEC
    chip[OPTCR] = 0x0FFE_AAED
    chip.reset()
    assert chip[OPTCR] == 0x0FFF_AAED, "nothing was stored"


def test_optstrt_stores_and_protects() -> None:
    chip = Chip("stm32f407vg")
    open_options(chip)
    chip[OPTCR] = 0x0FFE_AAEC
    chip[OPTCR] = 0x0FFE_AAEE
    assert status(chip) == 0
    unlock(chip)
    assert program(chip, FLASH, 0) == WRPERR
    chip.reset()
    assert chip[OPTCR] == 0x0FFE_AAED
    assert chip[0x1FFF_C008] & 0xFFFF == 0x0FFE


def test_leaving_readout_protection_erases() -> None:
    chip = Chip("stm32f407vg", ",rdp=1")
    chip.board.write_flash(FLASH, bytes(64))
    assert chip.board.soc.flash.hides_flash
    open_options(chip)
    chip[OPTCR] = 0x0FFF_AAEC
    chip[OPTCR] = 0x0FFF_AAEE
    assert status(chip) == 0
    assert chip.flash(FLASH, 64) == b"\xff" * 64
    chip.power_cycle()
    assert not chip.board.soc.flash.hides_flash


# --- on the core


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32f407vg")
    chip.board.write_flash(FLASH + 0x4000, bytes(0x4000))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, sector(1))
    chip.wait(SR, BSY)
    chip.store(CR, PG | X32)
    for n in range(4):
        chip.store(FLASH + 0x4000 + 4 * n, 0x1111_1111 * (n + 1))
        chip.wait(SR, BSY)
    chip.store(CR, PG | X8)
    chip.store(FLASH + 0x4010, 0x77, 1)
    chip.wait(SR, BSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(0.25, rel=0.01)
    assert chip.flash(FLASH + 0x4000, 18) == b"".join(bytes([0x11 * n] * 4) for n in range(1, 5)) + b"\x77\xff"
    assert chip[SR] == 0


def test_the_core_waits_in_a_store_to_busy_control() -> None:
    chip = Chip("stm32f407vg")
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, sector(0))
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(0.25, rel=0.01)
    assert chip[CR] == LOCK


def test_stores_without_waiting_are_stalled_not_lost() -> None:
    chip = Chip("stm32f407vg")
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, PG | X32)
    for n in range(16):
        chip.store(FLASH + 4 * n, n)
    assert chip.run() == pytest.approx(15 * 16e-6, rel=0.2)
    chip.sleep(1e-4)
    assert chip.flash(FLASH, 64) == b"".join(n.to_bytes(4, "little") for n in range(16))


def test_ccm_holds_data_but_no_code() -> None:
    chip = Chip("stm32f407vg")
    chip[0x1000_0000] = 0xBE00_BE00
    assert chip[0x1000_0000] == 0xBE00_BE00
    chip.halt()
    chip.set_register(13, 0x2000_1000)
    chip.set_register(16, 1 << 24)
    chip.set_register(15, 0x1000_0000)
    chip[0xE000_EDFC] = 1 << 24 | 1 << 10
    chip[0xE000_EDF0] = 0xA05F_0001
    chip.sleep(1e-3)
    assert chip[0xE000_ED28] & 0x100, "IBUSERR"
