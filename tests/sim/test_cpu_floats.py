"""The floating-point unit as a loader can meet it: registers, extended frames, FPCCR."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import Unmodelled

CPACR, FPCCR, FPCAR = 0xE000_ED88, 0xE000_EF34, 0xE000_EF38
FLASH, RAM = 0x0800_0000, 0x2000_0000
DHCSR, ICSR = 0xE000_EDF0, 0xE000_ED04
VMOV_S0_R1, VADD = (0xEE00, 0x1A10), (0xEE30, 0x0A00)  # vmov s0, r1; vadd.f32 s0, s0, s0
PENDSV = 1 << 28


@pytest.fixture
def chip() -> Chip:
    """A chip halted in RAM, PendSV's handler at RAM + 0x100, PSP unused."""
    chip = Chip("stm32f407vg")
    table = [0x2000_1000, RAM | 1, *[RAM + 0x101] * 14]
    chip.board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in table))
    code(chip, RAM, 0xE7FE)
    chip.reset()
    chip.halt()
    for number, value in ((13, 0x2000_1000), (16, 1 << 24), (1, 0x3F80_0000)):
        chip.set_register(number, value)
    return chip


def code(chip: Chip, at: int, *halves: int) -> None:
    data = b"".join(half.to_bytes(2, "little") for half in halves)
    chip.board.machine.ap_write_words(at, data.ljust(-(-len(data) // 4) * 4, b"\0"))


def go(chip: Chip, start: int | None = RAM) -> None:
    if start is not None:
        chip.set_register(15, start)
    chip[DHCSR] = 0xA05F_0001
    chip.sleep(1e-4)
    assert chip[DHCSR] & 1 << 17


def test_identity_and_reset_values(chip: Chip) -> None:
    assert chip[0xE000_ED00] == 0x410F_C241
    assert (chip[CPACR], chip[FPCCR]) == (0, 0xC000_0000)
    assert (chip[0xE000_EF40], chip[0xE000_EF44]) == (0x1011_0021, 0x1100_0011)


def test_registers_by_the_debugger(chip: Chip) -> None:
    for n in range(32):
        chip.set_register(64 + n, 0x1000 + n)
    chip.set_register(33, 0x0300_0000)
    assert [chip.register(64 + n) for n in range(32)] == [0x1000 + n for n in range(32)]
    assert chip.register(33) == 0x0300_0000


def test_an_m3_has_no_such_registers() -> None:
    chip = Chip("stm32f103c8")
    chip.halt()
    chip.set_register(64, 1)
    assert chip.register(64) == 0
    assert chip[CPACR] == 0


def test_using_it_sets_fpca(chip: Chip) -> None:
    chip[CPACR] = 0xF << 20
    code(chip, RAM, *VMOV_S0_R1, *VADD, 0xBE00)
    go(chip)
    assert chip.register(64) == 0x4000_0000
    assert chip.register(20) >> 24 == 4


def test_extended_frame_and_return(chip: Chip) -> None:
    chip[CPACR] = 0xF << 20
    code(chip, RAM, *VMOV_S0_R1, *VADD, 0xBE00, 0xBE01)
    code(chip, RAM + 0x100, 0xBE02, *VMOV_S0_R1, 0x4770)
    go(chip)
    chip[ICSR] = PENDSV
    go(chip, RAM + 10)
    assert chip.register(15) == RAM + 0x100
    assert chip.register(14) == 0xFFFF_FFE9
    assert chip.register(13) == 0x2000_1000 - 104
    assert chip.register(20) >> 24 == 0
    assert chip[FPCCR] == 0xC000_0001
    assert chip[FPCAR] == 0x2000_1000 - 104 + 32
    assert chip[chip[FPCAR]] == 0x4000_0000
    go(chip, RAM + 0x102)
    assert chip.register(15) == RAM + 10
    assert chip.register(13) == 0x2000_1000
    assert chip.register(64) == 0x4000_0000
    assert chip.register(20) >> 24 == 4


def test_a_plain_frame_without_context(chip: Chip) -> None:
    chip[CPACR] = 0xF << 20
    code(chip, RAM, 0xBE00, 0xBE01)
    code(chip, RAM + 0x100, 0xBE02)
    chip[ICSR] = PENDSV
    go(chip)
    assert chip.register(14) == 0xFFFF_FFF9
    assert chip.register(13) == 0x2000_1000 - 32


def test_use_without_permission_is_not_passed_over(chip: Chip) -> None:
    code(chip, RAM, *VMOV_S0_R1, 0xBE00, 0xBE01)
    go(chip)
    chip[ICSR] = PENDSV
    with pytest.raises(Unmodelled):
        go(chip, RAM + 6)
