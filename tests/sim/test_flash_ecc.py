"""What power losses leave of a flash unit, and what reading it does: an NMI, or a bus error."""

from __future__ import annotations

import struct

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import BusFault

FLASH, TABLE, COUNT, HANDLER = 0x0800_0000, 0x2000_1200, 0x2000_1100, 0x2000_1140
VTOR, ICSR, CFSR, BFAR, HFSR, DHCSR, DEMCR = (
    0xE000_E000 + n for n in (0xD08, 0xD04, 0xD28, 0xD38, 0xD2C, 0xDF0, 0xDFC)
)
ECCD, NMIPEND = 1 << 31, 1 << 31
KEYS = (0x4567_0123, 0xCDEF_89AB)
TELLING = {  # ECCR, its address of a unit of the last bank, that unit's number there
    "stm32l431rc": (0x4002_2018, FLASH + 0x1000, 0x1000),
    "stm32l496ag": (0x4002_2018, FLASH + 0x8_0040, 1 << 19 | 0x40),
    "stm32g071rb": (0x4002_2018, FLASH + 0x1000, 0x200),
    "stm32g0b1re": (0x4002_201C, FLASH + 0x4_0040, 8),
    "stm32g431rb": (0x4002_2018, FLASH + 0x1000, 0x1000),
    "stm32wb55rg": (0x5800_4018, FLASH + 0x1000, 0x1000),
    "stm32u575zi": (0x4002_2030, FLASH + 0x10_0040, 1 << 21 | 0x40),
    "stm32h563zi": (0x4002_2104, FLASH + 0x10_0040, 1 << 22 | 4),
}
# ldr r0, count; ldr r1, [r0]; adds r1, #1; str r1, [r0]; cmp r1, #3; blt 1f
# ldr r0, register; ldr r1, eccd; str r1, [r0]; 1: bx lr
COUNTING = (0x4804, 0x6801, 0x3101, 0x6001, 0x2903, 0xDB02, 0x4802, 0x4903, 0x6001, 0x4770)
TELLERS = pytest.mark.parametrize("name", TELLING)


def counting(chip: Chip, register: int) -> Chip:
    """An NMI handler that counts, and clears ECCD from its third time on."""
    code = struct.pack("<10H3I", *COUNTING, COUNT, register, ECCD)
    chip.halt()
    chip.board.machine.ap_write_words(HANDLER, code)
    chip[COUNT] = 0
    chip[TABLE + 8] = HANDLER | 1
    chip[VTOR] = TABLE
    return chip


@TELLERS
def test_the_first_damage_is_noted_and_the_nmi_stays_until_it_is_cleared(name: str) -> None:
    register, address, place = TELLING[name]
    chip = counting(Chip(name), register)
    chip.board.spoil_flash(address, 4)
    chip.wait(address - 4, 0)
    chip.run()
    assert (chip[register], chip[COUNT]) == (0, 0), "the unit before is whole"
    chip.wait(address, 0)
    chip.run()
    assert (chip[register], chip[COUNT]) == (place, 3), "entered again until the flag was cleared"
    chip.board.spoil_flash(FLASH, 1)
    assert chip[address] == 0xFFFF_FFFF
    assert chip[FLASH] == 0xFFFF_FFFF
    assert chip[register] == ECCD | place, "the first is kept"
    assert chip[ICSR] & NMIPEND, "a debugger's read asserts it too"
    chip[register] = ECCD
    assert not chip[register] & ECCD
    chip.board.write_flash(address, bytes(16))
    assert chip[address] == 0
    assert not chip[register] & ECCD


@TELLERS
def test_a_block_read_tells_as_well(name: str) -> None:
    register, address, place = TELLING[name]
    chip = Chip(name)
    chip.halt()
    chip.board.spoil_flash(address, 4)
    chip.board.machine.ap_read_words(address - 64, 16)
    assert chip[register] == 0
    chip.board.machine.ap_read_words(address - 64, 17)
    assert chip[register] == ECCD | place


def test_fetching_tells() -> None:
    chip = counting(Chip("stm32l431rc"), 0x4002_2018)
    chip.board.write_flash(FLASH + 0x100, b"\x00\xbf" * 8 + b"\x00\xbe")
    chip.board.spoil_flash(FLASH + 0x108, 8)
    for start, count in ((0x110, 0), (0x100, 3)):
        chip.set_register(15, FLASH + start)
        chip.set_register(13, 0x2000_1000)
        chip[DHCSR] = 0xA05F_0001
        chip.sleep(1e-3)
        assert (chip[DHCSR] >> 17 & 1, chip.register(15)) == (1, FLASH + 0x110)
        assert chip[COUNT] >= count


H7_CCR, H7_SR, DBECCERR = 0x5200_2014, 0x5200_2010, 1 << 26


def test_the_h7_refuses_loads_fetches_and_the_debugger() -> None:
    chip = Chip("stm32h743zi")
    chip.halt()
    chip.board.spoil_flash(FLASH + 0x120, 1)
    with pytest.raises(BusFault) as caught:
        chip.board.machine.ap_read_words(FLASH + 0x100, 16)
    assert caught.value.address == FLASH + 0x120
    assert chip[H7_SR] == DBECCERR
    chip[H7_CCR] = DBECCERR
    for start in (0x11C, 0x140):
        chip.wait(FLASH + start, 0)
        chip.run()


@pytest.mark.parametrize(
    ("code", "cause"), [(b"\x08\x68\x00\xbe", 0x8200), (b"\x00\xbf" * 16, 0x100)], ids=["load", "fetch"]
)
def test_the_h7_faults(code: bytes, cause: int) -> None:
    """``ldr r0, [r1]``, or on into what is damaged: PRECISERR and the address, or IBUSERR."""
    chip = Chip("stm32h743zi")
    chip.board.write_flash(FLASH, struct.pack("<2I", 0x2000_1000, FLASH + 0x81).ljust(0x80) + b"\xfe\xe7")
    chip.reset()
    chip.halt()
    chip.board.spoil_flash(FLASH + 0x120, 1)
    chip.board.write_flash(FLASH + 0x100, code.ljust(32, b"\0"))
    chip[DEMCR] = 1 << 24 | 1 << 10  # VC_HARDERR
    chip.set_register(1, FLASH + 0x124)
    chip.set_register(15, FLASH + 0x100)
    chip[DHCSR] = 0xA05F_0001
    chip.sleep(1e-3)
    assert chip[DHCSR] >> 17 & 1
    assert chip[HFSR] == 1 << 30, "forced"
    assert chip[CFSR] == cause
    assert chip[BFAR] == FLASH + 0x124 or cause == 0x100
    assert chip[H7_SR] == DBECCERR


TORN = {  # KEYR, CR, PG, bytes of a unit, where an error shows
    "stm32l431rc": (0x4002_2008, 0x4002_2014, 1, 8, 0x4002_2018),
    "stm32g071rb": (0x4002_2008, 0x4002_2014, 1, 8, 0x4002_2018),
    "stm32u575zi": (0x4002_2008, 0x4002_2028, 1, 16, 0x4002_2030),
    "stm32h563zi": (0x4002_2004, 0x4002_2028, 2, 16, 0x4002_2104),
    "stm32h743zi": (0x5200_2004, 0x5200_200C, 2, 32, H7_SR),
}


@pytest.mark.parametrize("way", ["power", "reset"])
@pytest.mark.parametrize("name", TORN)
def test_a_torn_unit_is_damaged(name: str, way: str) -> None:
    key_register, control, pg, unit, told = TORN[name]
    chip = Chip(name)
    chip.halt()
    for key in KEYS:
        chip[key_register] = key
    chip[control] = pg
    for at in range(0, unit, 4):
        chip[FLASH + unit + at] = 0x1234_5678
    chip.power_cycle() if way == "power" else chip.reset()
    left = chip.flash(FLASH + unit, 4)
    assert left not in {b"\xff" * 4, bytes.fromhex("78563412")}, "torn"
    assert chip[FLASH] == 0xFFFF_FFFF
    assert chip[told] & (ECCD | DBECCERR) == 0
    if told == H7_SR:
        with pytest.raises(BusFault):
            assert chip[FLASH + unit]
    else:
        assert chip[FLASH + unit] == int.from_bytes(left, "little"), "the data comes all the same"
    assert chip[told] & (ECCD | DBECCERR)
    chip.board.write_flash(FLASH + unit, bytes(unit))
    assert chip[FLASH + unit] == 0
