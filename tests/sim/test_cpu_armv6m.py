"""ARMv6-M (DDI0419C): what a Cortex-M0 and M0+ have not, and their debug units."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

RAM = 0x2000_0000
DHCSR, DFSR, DEMCR = 0xE000_EDF0, 0xE000_ED30, 0xE000_EDFC
FP_CTRL, FP_COMP0, DWT_CTRL = 0xE000_2000, 0xE000_2008, 0xE000_1000
DWT_COMP0, DWT_MASK0, DWT_FUNCTION0 = 0xE000_1020, 0xE000_1024, 0xE000_1028


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32g071rb")
    table = [0x2000_1000, 0x0800_0101, *[0x0800_0103] * 14]
    chip.board.write_flash(0x0800_0000, b"".join(word.to_bytes(4, "little") for word in table))
    chip.board.write_flash(0x0800_0100, bytes.fromhex("fee7fee7"))  # b . ; b .
    chip.power_cycle()
    chip.halt()
    for number, value in ((13, 0x2000_1000), (16, 1 << 24), (15, RAM)):
        chip.set_register(number, value)
    return chip


def code(chip: Chip, *halves: int) -> None:
    data = b"".join(half.to_bytes(2, "little") for half in halves)
    chip.board.machine.ap_write_words(RAM, data.ljust(-(-len(data) // 4) * 4, b"\0"))


def go(chip: Chip) -> None:
    chip[DHCSR] = 0xA05F_0001
    chip.sleep(1e-4)


def test_identity(chip: Chip) -> None:
    assert chip[0xE000_ED00] == 0x410C_C601
    assert chip[FP_CTRL] == 0x40
    assert chip[DWT_CTRL] == 0x2000_0000
    assert (chip.board.chip.dpidr, chip.board.chip.rom_table) == (0x0BC1_1477, 0xF000_0003)
    assert chip[0xF000_0000] == 0xF00F_F003
    assert [chip[0xF000_0FE0 + 4 * n] for n in range(3)] == [0x60, 0x04, 0x0A]
    assert [chip[0xE00F_F000 + 4 * n] for n in range(4)] == [0xFFF0_F003, 0xFFF0_2003, 0xFFF0_3003, 0]


@pytest.mark.parametrize("address", [0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38, 0xE000_ED18, 0xE000_ED88])
def test_there_are_no_fault_registers(chip: Chip, address: int) -> None:
    chip[address] = 0xFFFF_FFFF
    assert chip[address] == 0


def test_vectors_can_be_moved(chip: Chip) -> None:
    chip[0xE000_ED08] = 0x2000_01FF
    assert chip[0xE000_ED08] == 0x2000_0100


def test_s_regrdy_is_seen_while_halted_only(chip: Chip) -> None:
    assert chip[DHCSR] & 0x3_0000 == 0x3_0000
    code(chip, 0xE7FE)
    go(chip)
    assert chip[DHCSR] & 0x3_0000 == 0


def test_debug_exceptions_are_only_two(chip: Chip) -> None:
    chip[DEMCR] = 0xFFFF_FFFF
    assert chip[DEMCR] == 0x0100_0401


@pytest.mark.parametrize(
    ("name", "halves"),
    [
        ("unaligned load", (0x2001, 0x6800)),  # movs r0, #1; ldr r0, [r0]
        ("no such place", (0x2003, 0x0780, 0x6800)),  # movs r0, #3; lsls r0, #30; ldr r0, [r0]
        ("a Thumb-2 instruction", (0xF240, 0x0000)),  # movw r0, #0
        ("undefined", (0xDE00,)),
    ],
)
def test_every_fault_is_a_hard_fault(chip: Chip, name: str, halves: tuple[int, ...]) -> None:
    chip[DEMCR] = 1 << 24 | 1 << 10
    code(chip, *halves, 0xE7FE)
    go(chip)
    assert chip[DHCSR] & 1 << 17, name
    assert chip.register(16) & 0x3F == 3
    assert chip[DFSR] & 8


def test_breakpoints(chip: Chip) -> None:
    chip.board.write_flash(0x0800_0104, bytes.fromhex("00bf00bffee7"))
    chip.set_register(15, 0x0800_0104)
    chip[FP_CTRL] = 3
    chip[FP_COMP0] = 0x0800_0104 | 2 << 30 | 1
    go(chip)
    assert chip.register(15) == 0x0800_0106
    assert chip[FP_CTRL] == 0x41
    chip[FP_COMP0 + 0x10] = 0x1234_5679
    assert chip[FP_COMP0 + 0x10] == 0, "four comparators"


def test_watchpoints(chip: Chip) -> None:
    code(chip, 0x2001, 0x6008, 0xBF00, 0xE7FE)  # movs r0, #1; str r0, [r1]
    chip.set_register(1, RAM + 0x200)
    chip[DEMCR] = 1 << 24
    chip[DWT_COMP0], chip[DWT_MASK0], chip[DWT_FUNCTION0] = RAM + 0x200, 0, 6
    go(chip)
    assert chip[DFSR] & 4
    chip[DWT_COMP0 + 0x20] = 0x1234
    assert chip[DWT_COMP0 + 0x20] == 0, "two comparators"


def test_no_cycle_counter(chip: Chip) -> None:
    chip[DEMCR] = 1 << 24
    chip[DWT_CTRL] = 1
    assert (chip[DWT_CTRL], chip[DWT_CTRL + 4]) == (0x2000_0000, 0)
