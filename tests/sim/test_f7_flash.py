"""The F746's flash (RM0385 3) where it differs from the F4's, whose shared rules test_f4_flash.py tests."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault, Unmodelled

ACR, KEYR, OPTKEYR, SR, CR, OPTCR, OPTCR1 = (0x4002_3C00 + n for n in (0, 4, 8, 0xC, 0x10, 0x14, 0x18))
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, SER, MER, STRT, LOCK = (1 << n for n in (0, 1, 2, 16, 31))
X8, X16, X32 = (n << 8 for n in range(3))
WRPERR, PGPERR, ERSERR, BSY = (1 << n for n in (4, 6, 7, 16))
ARTEN, ARTRST = 1 << 9, 1 << 11
KIB = 1024
FLASH, ITCM_FLASH = 0x0800_0000, 0x0020_0000
SIZES = [32, 32, 32, 32, 128, 256, 256, 256]


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


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32f746zg")
    unlock(chip)
    return chip


def test_reset_values() -> None:
    chip = Chip("stm32f746zg")
    assert [chip[at] for at in (ACR, SR, CR, OPTCR, OPTCR1)] == [0, 0, LOCK, 0xC0FF_AAFD, 0x0040_0080]


@pytest.mark.parametrize("number", range(8))
def test_each_sector_alone(chip: Chip, number: int) -> None:
    start = FLASH + sum(SIZES[:number]) * KIB
    size = SIZES[number] * KIB
    inside = [start, start + size - 4]
    outside = [at for at in (start - 4, start + size) if FLASH <= at < FLASH + KIB * KIB]
    for address in (*inside, *outside):
        chip.board.write_flash(address, bytes(4))
    before = chip.board.seconds
    chip[CR] = SER | number << 3 | X32 | STRT
    assert status(chip) == 0
    assert chip.board.seconds - before == pytest.approx({32: 0.25, 128: 0.6, 256: 1.1}[SIZES[number]], abs=0.06)
    assert all(chip.flash(at, 4) == b"\xff" * 4 for at in inside)
    assert all(chip.flash(at, 4) == bytes(4) for at in outside)


def test_there_are_eight_sectors(chip: Chip) -> None:
    with pytest.raises(Unmodelled):
        chip[CR] = SER | 8 << 3 | X32 | STRT


@pytest.mark.parametrize(("width", "size"), [(1, X16), (1, X32), (2, X8), (2, X32), (4, X8), (4, X16)])
def test_a_store_of_another_width_sets_pgperr(chip: Chip, width: int, size: int) -> None:
    chip[CR] = PG | size
    chip.write(FLASH, 0, width)
    assert status(chip) == PGPERR
    assert chip.flash(FLASH, 4) == b"\xff" * 4


def test_a_store_without_pg_sets_erserr(chip: Chip) -> None:
    chip[FLASH] = 0
    assert chip[SR] == ERSERR


def test_the_array_is_seen_through_the_itcm_interface_too(chip: Chip) -> None:
    chip[CR] = PG | X32
    chip[FLASH + 0x40] = 0x1234_5678
    assert status(chip) == 0
    assert chip[ITCM_FLASH + 0x40] == 0x1234_5678


def test_the_core_cannot_store_through_the_itcm_interface(chip: Chip) -> None:
    chip.store(CR, PG | X32)
    chip.store(ITCM_FLASH, 0)
    with pytest.raises(AssertionError):
        chip.run(limit=1e-3)
    assert chip.flash(FLASH, 4) == b"\xff" * 4
    assert chip[0xE000_ED28] & 1 << 10, "an imprecise bus fault"


def test_the_core_boots_through_the_itcm_interface() -> None:
    chip = Chip("stm32f746zg")
    table = [0x2000_1000, ITCM_FLASH + 0x101]
    chip.board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in table))
    chip.board.write_flash(FLASH + 0x100, bytes.fromhex("fee7"))
    chip.power_cycle()
    chip.sleep(1e-3)
    chip.halt()
    assert chip[0xE000_ED08] == ITCM_FLASH
    assert chip.register(15) == ITCM_FLASH + 0x100


def test_the_accelerator_is_reset_while_off(chip: Chip) -> None:
    chip[ACR] = ARTEN | ARTRST
    chip[ACR] = ARTEN
    chip[ACR] = ARTEN | ARTRST
    assert chip[ACR] == ARTEN


def test_another_boot_address_is_refused(chip: Chip) -> None:
    chip[OPTKEYR] = 0x0819_2A3B
    chip[OPTKEYR] = 0x4C5D_6E7F
    chip[OPTCR1] = 0x0040_2000
    with pytest.raises(Unmodelled):
        chip[OPTCR] = chip[OPTCR] & ~1 | 2


def test_write_protection_is_a_bit_per_sector() -> None:
    chip = Chip("stm32f746zg", ",wrp=1+7")
    assert chip[OPTCR] >> 16 & 0xFF == 0x7D
    unlock(chip)
    for control, flag in ((SER | 1 << 3, WRPERR), (SER | 7 << 3, WRPERR), (MER, WRPERR), (SER | 2 << 3, 0)):
        chip[CR] = control | X32 | STRT
        assert status(chip) == flag
        chip[SR] = WRPERR


def test_a_program_on_the_core_erases_and_programs() -> None:
    chip = Chip("stm32f746zg")
    chip.board.write_flash(FLASH + 32 * KIB, bytes(64))
    chip.store(KEYR, KEY1)
    chip.store(KEYR, KEY2)
    chip.store(CR, SER | 1 << 3 | X32 | STRT)
    chip.wait(SR, BSY)
    chip.store(CR, PG | X32)
    for n in range(4):
        chip.store(FLASH + 32 * KIB + 4 * n, 0x1111_1111 * (n + 1))
        chip.wait(SR, BSY)
    chip.store(CR, LOCK)
    assert chip.run() == pytest.approx(0.25 + 4 * 16e-6, rel=0.01)
    assert chip.flash(FLASH + 32 * KIB, 20) == b"".join(bytes([0x11 * n] * 4) for n in range(1, 5)) + b"\xff" * 4


def test_a_busy_array_is_busy_through_both_interfaces(chip: Chip) -> None:
    chip[CR] = SER | X32 | STRT
    ready = chip.board.soc.flash.ready_at
    assert ready(FLASH, 4, writing=False) == ready(ITCM_FLASH, 4, writing=False) > chip.board.clock.now


def test_nothing_but_itcm_ram_is_at_0(chip: Chip) -> None:
    chip[0] = 0x1234
    assert chip[0] == 0x1234
    with pytest.raises(BusFault):
        chip[0x4000]
