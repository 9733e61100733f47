"""The made-up flash controller (docs/simulated-chips.md), refusals first."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.board import open_board
from haltpoint.sim.bus import BusFault, Unmodelled
from haltpoint.sim.errors import SelectorError

KEY, CTRL, STATUS, ADDR, ID = (0x4001_0000 + offset for offset in (0, 4, 8, 0xC, 0x10))
KEYS = (0xA5F0_1E2D, 0x5A0F_E1D2)
PROGRAM, ERASE, LOCK = 1, 2, 1 << 31
BUSY, SEQUENCE, NOT_ERASED, PROTECTED, BAD_ADDRESS = 1, 0x10, 0x20, 0x40, 0x80


def unlocked(name: str, operation: int) -> Chip:
    chip = Chip(name)
    for key in KEYS:
        chip[KEY] = key
    chip[CTRL] = operation
    return chip


def test_reset_values() -> None:
    chip = Chip("generic-m0plus")
    assert [chip[address] for address in (KEY, CTRL, STATUS, ADDR, ID)] == [0, LOCK, 0, 0, 0x3143_564E]


@pytest.mark.parametrize("register", [CTRL, ADDR])
def test_locked_registers_fault(register: int) -> None:
    chip = Chip("generic-m3")
    with pytest.raises(BusFault, match="locked"):
        chip[register] = 0


@pytest.mark.parametrize("keys", [(0x1234_5678,), (KEYS[0], KEYS[0]), (KEYS[1],)])
def test_a_wrong_key_locks_until_reset(keys: tuple[int, ...]) -> None:
    chip = Chip("generic-m3")
    *first, last = keys
    for key in first:
        chip[KEY] = key
    with pytest.raises(BusFault, match="locked until reset"):
        chip[KEY] = last
    with pytest.raises(BusFault, match="locked until reset"):
        chip[KEY] = KEYS[0]
    chip.reset()
    for key in KEYS:
        chip[KEY] = key
    assert not chip[CTRL] & LOCK


def test_keys_to_an_open_lock_lock_it_until_reset() -> None:
    chip = unlocked("generic-m3", PROGRAM)
    with pytest.raises(BusFault):
        chip[KEY] = KEYS[0]
    assert chip[CTRL] == LOCK


def test_words_are_programmed_into_erased_flash_alone() -> None:
    chip = unlocked("generic-m0plus", PROGRAM)
    chip[0x100] = 0x1234_5678
    chip.sleep(31e-6)
    assert chip.flash(0x100, 4) == bytes.fromhex("78563412")
    assert chip[STATUS] == 0
    chip[0x100] = 0
    assert chip[STATUS] == NOT_ERASED
    chip[0x104] = 0
    assert chip[STATUS] == NOT_ERASED | SEQUENCE, "not before the errors are cleared"
    assert chip.flash(0x100, 8) == bytes.fromhex("78563412 ffffffff")
    chip[STATUS] = 0xF0
    chip[0x104] = 0
    assert chip[STATUS] == BUSY


def test_other_widths_and_other_moments_fault() -> None:
    chip = unlocked("generic-m0plus", PROGRAM)
    with pytest.raises(BusFault, match="words only"):
        chip.write(0x100, 0, 2)
    with pytest.raises(BusFault, match="words only"):
        chip.write(CTRL, 0, 1)
    chip[0x100] = 0
    with pytest.raises(BusFault, match="busy"):
        chip[CTRL] = ERASE
    with pytest.raises(BusFault, match="busy"):
        chip[0x104] = 0
    chip.sleep(31e-6)
    chip[CTRL] = 0
    with pytest.raises(BusFault, match="programming mode"):
        chip[0x104] = 0
    with pytest.raises(Unmodelled):
        chip[CTRL] = PROGRAM | ERASE


@pytest.mark.parametrize(
    ("name", "start", "size", "erased"),
    [
        ("generic-m0plus", 0x400, 0x400, 0xFF),
        ("generic-m0plus", 0x8000, 0x8000, 0xFF),
        ("generic-m3", 0x2000, 0x2000, 0x00),
    ],
)
def test_a_sector_is_erased_whole_and_alone(name: str, start: int, size: int, erased: int) -> None:
    chip = unlocked(name, ERASE)
    chip.board.write_flash(start - 4, b"\x5a" * (size + (4 if start + size == 0x10000 else 8)))
    chip[ADDR] = start
    assert chip[STATUS] == BUSY
    chip.sleep(4e-3)
    assert chip[STATUS] == BUSY
    chip.sleep(size / 1024 * 0.25e-3)
    assert chip[STATUS] == 0
    assert chip.flash(start, size) == bytes([erased]) * size
    assert chip.flash(start - 4, 4) == b"\x5a" * 4


def test_what_is_no_sector_is_not_erased() -> None:
    chip = unlocked("generic-m4", ERASE)
    chip[ADDR] = 0x4000
    assert chip[STATUS] == BAD_ADDRESS
    chip[STATUS] = 0xF0
    chip[ADDR] = 0x8000
    assert chip[STATUS] == PROTECTED, "the maker's"
    assert chip.flash(0x8000, 4) == b"\xc3" * 4
    chip[STATUS] = 0xF0
    chip[CTRL] = PROGRAM
    chip[ADDR] = 0
    assert chip[STATUS] == SEQUENCE


def test_a_reset_tears_what_is_under_way() -> None:
    chip = unlocked("generic-m4", ERASE)
    chip.board.write_flash(0, b"\xff\x0f" * 8)
    chip[ADDR] = 0
    chip.reset()
    assert chip.flash(0, 4) == bytes.fromhex("55055505")
    assert chip[CTRL] == LOCK
    assert chip[STATUS] == 0


def test_there_are_no_option_bytes() -> None:
    with pytest.raises(SelectorError, match="has no option bytes"):
        open_board("sim:generic-m3,rdp=1")
