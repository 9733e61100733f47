"""The flash controllers of L0 (RM0367 3) and L1 (RM0038 3), refusals first."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault

PELOCK, PRGLOCK, OPTLOCK, PROG, ERASE, FPRG = 1, 2, 4, 8, 1 << 9, 1 << 10
BSY, EOP, ENDHV, READY, WRPERR, PGAERR, SIZERR, NOTZEROERR = (1 << n for n in (0, 1, 2, 3, 8, 9, 10, 16))
FLASH, EEPROM = 0x0800_0000, 0x0808_0000
IDLE = ENDHV | READY
BOARDS = {"stm32l051c8": (0x4002_2000, 128, 64, 3.2e-3), "stm32l152re": (0x4002_3C00, 256, 128, 3.28e-3)}


class Nvm(Chip):
    def __init__(self, board: str, options: str = "") -> None:
        super().__init__(board, options)
        self.base, self.page, self.half, self.time = BOARDS[board]
        self.pecr, self.sr = self.base + 4, self.base + 0x18
        self.keys = (
            (self.base + 0xC, 0x89AB_CDEF),
            (self.base + 0xC, 0x0203_0405),
            (self.base + 0x10, 0x8C9D_AEBF),
            (self.base + 0x10, 0x1314_1516),
        )

    def unlock(self) -> None:
        for register, key in self.keys:
            self[register] = key
        assert self[self.pecr] == OPTLOCK

    def status(self) -> int:
        """SR when nothing is busy; flags are cleared."""
        while self[self.sr] & BSY:
            self.board.sleep(1e-3)
        value = self[self.sr]
        self[self.sr] = value
        return value & ~IDLE


@pytest.fixture(params=BOARDS)
def chip(request: pytest.FixtureRequest) -> Nvm:
    chip = Nvm(request.param)
    chip.unlock()
    return chip


@pytest.mark.parametrize("board", BOARDS)
def test_reset_values(board: str) -> None:
    chip = Nvm(board)
    assert (chip[chip.pecr], chip[chip.sr]) == (7, IDLE)
    assert chip.flash(FLASH, 4) == bytes(4)
    assert chip[EEPROM] == 0


@pytest.mark.parametrize("board", BOARDS)
def test_a_wrong_key_is_a_bus_error_and_locks_out_until_reset(board: str) -> None:
    chip = Nvm(board)
    with pytest.raises(BusFault):
        chip[chip.base + 0xC] = 0
    with pytest.raises(BusFault):
        chip.unlock()
    chip.reset()
    chip.unlock()


@pytest.mark.parametrize("board", BOARDS)
def test_program_keys_need_pelock_open(board: str) -> None:
    chip = Nvm(board)
    for register, key in chip.keys[2:]:
        chip[register] = key
    assert chip[chip.pecr] == 7


def test_pelock_closes_all_three(chip: Nvm) -> None:
    chip[chip.pecr] = PELOCK
    assert chip[chip.pecr] == 7
    chip.unlock()


def test_a_word(chip: Nvm) -> None:
    chip[FLASH] = 0x1234_5678
    assert chip[chip.sr] & (BSY | ENDHV) == BSY
    chip.board.sleep(chip.time - 1e-5)
    assert chip[chip.sr] & BSY
    chip.board.sleep(2e-5)
    assert chip.status() == EOP
    assert chip.flash(FLASH, 8) == bytes.fromhex("7856341200000000")


@pytest.mark.parametrize("board", BOARDS)
def test_a_locked_flash_sets_wrperr(board: str) -> None:
    chip = Nvm(board)
    chip[FLASH] = 1
    assert chip.status() == WRPERR
    assert chip.flash(FLASH, 4) == bytes(4)


@pytest.mark.parametrize("width", [1, 2])
def test_narrow_stores_set_sizerr(chip: Nvm, width: int) -> None:
    chip.write(FLASH, 1, width)
    assert chip.status() == SIZERR


def test_a_word_that_is_not_zero() -> None:
    chip = Nvm("stm32l051c8")
    chip.unlock()
    chip[FLASH] = 1
    chip.status()
    chip[FLASH] = 3
    assert chip.status() == NOTZEROERR
    assert chip.flash(FLASH, 1) == b"\x01"
    chip = Nvm("stm32l152re")
    chip.unlock()
    chip[FLASH] = 1
    chip.status()
    chip[FLASH] = 2
    assert chip.status() == EOP
    assert chip.flash(FLASH, 1) == b"\x03", "ORed"


def test_page_erase(chip: Nvm) -> None:
    chip.board.write_flash(FLASH, b"\xaa" * 3 * chip.page)
    chip[chip.pecr] = ERASE | PROG | OPTLOCK
    chip[FLASH + chip.page] = 0
    assert chip.status() == EOP
    assert chip.flash(FLASH, 3 * chip.page) == b"\xaa" * chip.page + bytes(chip.page) + b"\xaa" * chip.page


def test_a_half_page_is_one_operation(chip: Nvm) -> None:
    chip[chip.pecr] = FPRG | PROG | OPTLOCK
    for n in range(chip.half // 4):
        assert not chip[chip.sr] & BSY
        chip[FLASH + 4 * n] = n + 1
    assert chip[chip.sr] & BSY
    assert chip.status() == EOP
    assert chip.flash(FLASH, chip.half) == b"".join((n + 1).to_bytes(4, "little") for n in range(chip.half // 4))


def test_a_half_page_out_of_order_sets_pgaerr(chip: Nvm) -> None:
    chip[chip.pecr] = FPRG | PROG | OPTLOCK
    chip[FLASH + 4] = 1
    assert chip.status() == PGAERR
    chip[FLASH] = 1
    chip[FLASH + 8] = 1
    assert chip.status() == PGAERR


def test_eeprom_takes_bytes(chip: Nvm) -> None:
    chip.write(EEPROM + 1, 0x55, 1)
    assert chip.status() == EOP
    chip.write(EEPROM + 1, 0xAA, 1)
    assert chip.status() == EOP
    assert chip[EEPROM] == 0xAA00


@pytest.mark.parametrize("board", BOARDS)
def test_protection(board: str) -> None:
    chip = Nvm(board, ",wrp=0")
    chip.unlock()
    assert chip[chip.base + 0x20] == 1
    chip[FLASH] = 1
    assert chip.status() == WRPERR
    chip[FLASH + 4096] = 1
    assert chip.status() == EOP


def test_a_program_on_the_core_erases_and_programs(chip: Nvm) -> None:
    chip.reset()
    chip.board.write_flash(FLASH + 0x1000, b"\xaa" * chip.page)
    for register, key in chip.keys:
        chip.store(register, key)
    chip.store(chip.pecr, ERASE | PROG | OPTLOCK)
    chip.store(FLASH + 0x1000, 0)
    chip.wait(chip.sr, BSY)
    chip.store(chip.pecr, FPRG | PROG | OPTLOCK)
    for n in range(chip.half // 4):
        chip.store(FLASH + 0x1000 + 4 * n, n)
    chip.wait(chip.sr, BSY)
    chip.store(chip.pecr, OPTLOCK)
    chip.store(FLASH + 0x1000 + chip.half, 0x1234)
    chip.wait(chip.sr, BSY)
    assert chip.run() == pytest.approx(3 * chip.time, rel=0.1)
    words = b"".join(n.to_bytes(4, "little") for n in range(chip.half // 4))
    assert chip.flash(FLASH + 0x1000, chip.half + 4) == words + b"\x34\x12\0\0"


# --- option bytes

OPTION_KEYS = (0xFBEA_D9C8, 0x2425_2627)
RDP, WRP = 0x1FF8_0000, 0x1FF8_0008
OBL_LAUNCH = 1 << 18


def open_options(chip: Nvm) -> None:
    for key in OPTION_KEYS:
        chip[chip.base + 0x14] = key
    assert not chip[chip.pecr] & OPTLOCK


def test_option_words_need_their_own_keys(chip: Nvm) -> None:
    chip[WRP] = 0xFFFE_0001
    assert chip.status() == WRPERR
    open_options(chip)
    chip[WRP] = 0xFFFE_0001
    assert chip.status() == EOP
    assert chip[WRP] == 0xFFFE_0001
    assert chip[chip.base + 0x20] == 0, "not in force yet"
    chip.power_cycle()
    assert chip[chip.base + 0x20] == 1


def test_the_options_are_launched(chip: Nvm) -> None:
    open_options(chip)
    chip[WRP] = 0xFFFE_0001
    chip.status()
    chip[chip.pecr] = OBL_LAUNCH
    chip.sleep(2e-3)
    assert chip[chip.base + 0x20] == 1
    assert chip[chip.pecr] == 7


@pytest.mark.parametrize("board", BOARDS)
def test_leaving_level_1_erases_program_memory_and_eeprom(board: str) -> None:
    chip = Nvm(board, ",rdp=1")
    chip.board.write_flash(FLASH, b"\x5a" * 1024)
    chip.board.machine.bus.patch(EEPROM, b"\xa5" * 64)
    chip.unlock()
    open_options(chip)
    chip[RDP] = 0xFF55_00AA
    assert chip.status() == EOP
    assert chip.flash(FLASH, 1024) == bytes(1024)
    assert chip.board.machine.bus.peek(EEPROM, 64) == bytes(64)
    assert chip[chip.base + 0x1C] & 0xFF != 0xAA, "in force with the next load alone"
    chip.power_cycle()
    assert chip[chip.base + 0x1C] & 0xFF == 0xAA
