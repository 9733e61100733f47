"""PM0075, refusals first."""

from __future__ import annotations

import pytest

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.bus import BusFault

ACR, KEYR, OPTKEYR, SR, CR, AR, OBR, WRPR = (0x4002_2000 + offset for offset in (0, 4, 8, 0xC, 0x10, 0x14, 0x1C, 0x20))
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, MER, OPTPG, OPTER, STRT, LOCK, OPTWRE = 1, 2, 4, 0x10, 0x20, 0x40, 0x80, 0x200
BUSY, PGERR, WRPRTERR, EOP = 3, 4, 0x10, 0x20
FLASH = 0x0800_0000
OPTIONS = 0x1FFF_F800


class Registers:
    def __init__(self, options: str = "", chip: str = "stm32f103c8") -> None:
        self.board: Board = open_board(f"sim:{chip}{options}")

    def __getitem__(self, address: int) -> int:
        return self.board.machine.ap_read(address, 4)

    def __setitem__(self, address: int, value: int) -> None:
        self.board.machine.ap_write(address, value, 4)

    def half(self, address: int, value: int) -> None:
        self.board.machine.ap_write(address, value, 2)

    def unlock(self, bank: int = 0) -> None:
        self[KEYR + bank] = KEY1
        self[KEYR + bank] = KEY2

    def wait(self, bank: int = 0) -> int:
        for _ in range(100):
            if not self[SR + bank] & 1:
                return self[SR + bank]
            self.board.sleep(1e-3)
        raise AssertionError("busy for ever")

    def flash(self, address: int, length: int = 2) -> bytes:
        return self.board.read_flash(address, length)

    def reset(self) -> None:
        self.board.machine.run_until_now()
        self.board.machine.system_reset()


@pytest.fixture
def chip() -> Registers:
    return Registers()


def test_reset_values(chip: Registers) -> None:
    assert [chip[address] for address in (ACR, KEYR, OPTKEYR, SR, CR, AR)] == [0x30, 0, 0, 0, 0x80, 0]
    assert chip[OBR] == 0x03FF_FFFC
    assert chip[WRPR] == 0xFFFF_FFFF


def test_keys_open_the_lock_and_lock_closes_it(chip: Registers) -> None:
    chip.unlock()
    assert chip[CR] == 0
    chip[CR] = LOCK
    assert chip[CR] == LOCK
    chip.unlock()
    assert chip[CR] == 0


@pytest.mark.parametrize("keys", [[0], [KEY2], [KEY1, KEY1], [KEY1, 0]])
def test_a_wrong_key_is_a_bus_error_and_locks_out_until_reset(chip: Registers, keys: list[int]) -> None:
    for key in keys[:-1]:
        chip[KEYR] = key
    with pytest.raises(BusFault):
        chip[KEYR] = keys[-1]
    with pytest.raises(BusFault):
        chip.unlock()
    assert chip[CR] == LOCK
    chip.reset()
    chip.unlock()
    assert chip[CR] == 0


def test_keys_to_an_open_lock_are_ignored(chip: Registers) -> None:
    chip.unlock()
    chip.unlock()
    assert chip[CR] == 0


def test_keys_to_an_open_lock_can_be_made_to_lock_out() -> None:
    chip = Registers(",quirks=open-lock-refuses-keys")
    chip.unlock()
    chip[KEYR] = KEY1
    assert chip[CR] == LOCK
    with pytest.raises(BusFault):
        chip.unlock()


def test_control_is_dead_while_locked(chip: Registers) -> None:
    chip[CR] = PG
    assert chip[CR] == LOCK


def test_a_half_word_takes_52_5_us(chip: Registers) -> None:
    chip.unlock()
    chip[CR] = PG
    chip.half(FLASH, 0x1234)
    assert chip[SR] == BUSY
    chip.board.sleep(52.4e-6)
    assert chip[SR] == BUSY
    chip.board.sleep(0.2e-6)
    assert chip[SR] == EOP
    assert chip.flash(FLASH) == b"\x34\x12"
    chip[SR] = EOP
    assert chip[SR] == 0


def test_program_without_pg_is_refused(chip: Registers) -> None:
    chip.unlock()
    with pytest.raises(BusFault):
        chip.half(FLASH, 0x1234)
    assert chip.flash(FLASH) == b"\xff\xff"


@pytest.mark.parametrize("width", [1, 4])
def test_only_half_words(chip: Registers, width: int) -> None:
    chip.unlock()
    chip[CR] = PG
    with pytest.raises(BusFault):
        chip.board.machine.ap_write(FLASH, 0x12, width)
    assert chip.flash(FLASH, 4) == b"\xff" * 4


def test_a_programmed_half_word_takes_only_zero(chip: Registers) -> None:
    chip.unlock()
    chip[CR] = PG
    chip.half(FLASH, 0x1234)
    chip.wait()
    chip[SR] = EOP
    chip.half(FLASH, 0x1230)
    assert chip[SR] == PGERR
    assert chip.flash(FLASH) == b"\x34\x12"
    chip[SR] = PGERR
    chip.half(FLASH, 0)
    assert chip.wait() == EOP
    assert chip.flash(FLASH) == b"\0\0"


def test_program_through_the_alias_at_zero(chip: Registers) -> None:
    chip.unlock()
    chip[CR] = PG
    chip.half(0x10, 0xBEEF)
    chip.wait()
    assert chip.flash(FLASH + 0x10) == b"\xef\xbe"
    assert chip.board.machine.ap_read(0x10, 2) == 0xBEEF


def test_page_erase_takes_20_ms_and_only_the_page(chip: Registers) -> None:
    chip.board.write_flash(FLASH, bytes(3072))
    chip.unlock()
    chip[CR] = PER
    chip[AR] = FLASH + 1024 + 17
    chip[CR] = PER | STRT
    assert chip[SR] == BUSY
    assert chip[CR] == PER | STRT
    chip.board.sleep(19.99e-3)
    assert chip[SR] == BUSY
    chip.board.sleep(0.02e-3)
    assert chip[SR] == EOP
    assert chip[CR] == PER
    assert chip.flash(FLASH, 3072) == bytes(1024) + b"\xff" * 1024 + bytes(1024)


def test_mass_erase(chip: Registers) -> None:
    chip.board.write_flash(FLASH, bytes(65536))
    chip.unlock()
    chip[CR] = MER
    chip[CR] = MER | STRT
    assert chip.wait() == EOP
    assert chip.flash(FLASH, 65536) == b"\xff" * 65536


@pytest.mark.parametrize("left_over", [PG, MER, OPTPG])
def test_erase_with_a_left_over_operation_is_refused(chip: Registers, left_over: int) -> None:
    chip.board.write_flash(FLASH, bytes(1024))
    chip.unlock()
    chip[AR] = FLASH
    chip[CR] = PER | left_over | STRT
    assert chip[SR] == PGERR
    assert chip.flash(FLASH) == b"\0\0"


def test_registers_are_held_while_busy(chip: Registers) -> None:
    chip.unlock()
    chip[AR] = FLASH
    chip[CR] = PER | STRT
    chip[CR] = PG
    chip[AR] = FLASH + 1024
    assert chip[CR] == PER | STRT
    chip.wait()
    assert chip[CR] == PER


def test_without_hsi_nothing_is_programmed_or_erased() -> None:
    chip = Registers()
    chip[0x4002_1000] = 0x1_0001 | 0x80  # HSE on
    chip.board.sleep(0.01)
    chip[0x4002_1004] = 1
    chip[0x4002_1000] = 0x1_0080  # HSI off
    assert chip[0x4002_1000] & 3 == 0
    chip.unlock()
    chip[CR] = PG
    chip.half(FLASH, 0x1234)
    assert chip[SR] == PGERR
    assert chip.flash(FLASH) == b"\xff\xff"
    chip[SR] = PGERR
    chip[AR] = FLASH
    chip[CR] = PER | STRT
    assert chip[SR] == PGERR


def test_a_reset_tears_an_erase(chip: Registers) -> None:
    chip.board.write_flash(FLASH, bytes(1024))
    chip.unlock()
    chip[AR] = FLASH
    chip[CR] = PER | STRT
    chip.board.sleep(1e-3)
    chip.reset()
    assert chip[SR] == 0
    assert chip[CR] == LOCK
    assert chip.flash(FLASH, 1024) not in {bytes(1024), b"\xff" * 1024}


def test_write_protected_pages() -> None:
    chip = Registers(",wrp=4-5")
    assert chip[WRPR] == 0xFFFF_FFFD
    chip.unlock()
    chip[CR] = PG
    chip.half(FLASH + 7 * 1024, 0)  # page 7 shares a bit with pages 4 to 6
    assert chip[SR] == WRPRTERR
    chip[SR] = WRPRTERR
    chip.half(FLASH + 8 * 1024, 0)
    assert chip.wait() == EOP
    chip[SR] = EOP
    chip[CR] = PER
    chip[AR] = FLASH + 4 * 1024
    chip[CR] = PER | STRT
    assert chip[SR] == WRPRTERR
    chip[SR] = WRPRTERR
    chip[CR] = MER | STRT
    assert chip[SR] == WRPRTERR


def program_option(chip: Registers, index: int, value: int) -> None:
    chip.half(OPTIONS + 2 * index, value)
    chip.wait()


def open_options(chip: Registers) -> None:
    chip.unlock()
    chip[OPTKEYR] = KEY1
    chip[OPTKEYR] = KEY2
    assert chip[CR] == OPTWRE


def test_option_bytes_make_their_own_complements_and_load_at_reset(chip: Registers) -> None:
    open_options(chip)
    chip[CR] = OPTWRE | OPTER
    chip[CR] = OPTWRE | OPTER | STRT
    assert chip.wait() == EOP
    assert chip[OPTIONS] == 0xFFFF_FFFF
    chip[CR] = OPTWRE | OPTPG
    program_option(chip, 0, 0xA5)
    program_option(chip, 1, 0xFE)
    program_option(chip, 4, 0xFD)
    assert chip[OPTIONS] == 0x01FE_5AA5
    assert chip[OBR] == 0x03FF_FFFC  # not loaded yet
    chip.reset()
    assert chip[WRPR] == 0xFFFF_FFFD
    assert chip[OBR] & 0x3FF == 0xFE << 2 & 0x3FF | 1  # DATA0 is still erased: OPTERR


def test_option_bytes_need_their_own_keys(chip: Registers) -> None:
    chip.unlock()
    chip[CR] = OPTER | STRT
    assert chip[SR] == 0
    with pytest.raises(BusFault):
        chip.half(OPTIONS, 0)
    with pytest.raises(BusFault):
        chip[OPTKEYR] = 1


def test_leaving_read_protection_erases_the_flash() -> None:
    chip = Registers(",rdp=1")
    assert chip[OBR] & 2
    chip.board.write_flash(FLASH, b"secret!!")
    open_options(chip)
    chip[CR] = OPTWRE | OPTER
    chip[CR] = OPTWRE | OPTER | STRT
    chip.wait()
    assert chip.flash(FLASH, 8) == b"secret!!"
    chip[CR] = OPTWRE | OPTPG
    program_option(chip, 0, 0xA5)
    assert chip.flash(FLASH, 8) == b"\xff" * 8
    chip.reset()
    assert not chip[OBR] & 2


def test_read_protection_protects_the_first_pages_from_programs() -> None:
    chip = Registers(",rdp=1")
    chip.unlock()
    chip[CR] = PG
    chip.half(FLASH, 0)
    assert chip[SR] == WRPRTERR
    chip[SR] = WRPRTERR
    chip.half(FLASH + 4096, 0)
    assert chip.wait() == EOP


@pytest.mark.parametrize(
    ("name", "size", "idcode"),
    [
        ("stm32f103c8", 0xFFFF_0040, 0x2003_6410),
        ("stm32f103cb", 0xFFFF_0080, 0x2003_6410),
        ("stm32f103rc", 0xFFFF_0100, 0x1003_6414),
        ("stm32f103re", 0xFFFF_0200, 0x1003_6414),
        ("stm32f103vg", 0xFFFF_0400, 0x1000_6430),
    ],
)
def test_identity(name: str, size: int, idcode: int) -> None:
    chip = Registers(chip=name)
    assert chip[0x1FFF_F7E0] == size
    assert chip[0xE004_2000] == idcode


def test_high_density_pages_are_2_kib() -> None:
    chip = Registers(chip="stm32f103rc")
    chip.board.write_flash(FLASH, bytes(8192))
    chip.unlock()
    chip[AR] = FLASH + 2048
    chip[CR] = PER | STRT
    chip.wait()
    assert chip.flash(FLASH, 8192) == bytes(2048) + b"\xff" * 2048 + bytes(4096)


def test_xl_density_has_a_second_bank_with_its_own_registers() -> None:
    chip = Registers(chip="stm32f103vg")
    second = FLASH + 512 * 1024
    chip.unlock(0x40)
    assert chip[CR] == LOCK
    chip[CR + 0x40] = PG
    chip.half(second, 0x1234)
    assert chip[SR] == 0
    assert chip[SR + 0x40] == BUSY
    assert chip.wait(0x40) == EOP
    assert chip.flash(second) == b"\x34\x12"
    with pytest.raises(BusFault):
        chip.half(FLASH, 0)


def test_loads_are_not_watched_once_the_flash_is_idle(chip: Registers) -> None:
    """A watched load costs a call: an erase while the core was halted left them watched, 100 times slower."""
    machine = chip.board.machine
    switched: list[bool] = []
    machine.core.port._switches.append((machine.core.port.flashes[0], switched.append))
    machine.debug.write_dhcsr(0xA05F_0003)
    chip.unlock()
    chip[CR] = PER
    chip[AR] = FLASH
    chip[CR] = PER | STRT
    chip.wait()
    machine.debug.write_dhcsr(0xA05F_0001)
    chip.board.sleep(1e-3)
    machine.run_until_now()
    assert switched == [] or not switched[-1]
    chip[CR] = PER | STRT
    machine.run_until_now()
    assert switched
    assert switched[-1], "and they are while it is busy and the core runs"
