"""ARMv8-M without security (DDI0553): the Cortex-M33's own registers, stack limits, EXC_RETURN, DWT 2 and PMSAv8."""

from __future__ import annotations

import pytest
from support.chip_bench import Chip
from support.thumb import Asm

from haltpoint.sim.bus import Unmodelled

RAM, STACK = 0x2000_0000, 0x2000_1000
CODE = RAM + 0x400
VTOR, AIRCR, CCR, SHCSR, CFSR, DFSR = (0xE000_ED00 + n for n in (8, 0xC, 0x14, 0x24, 0x28, 0x30))
DHCSR, DEMCR = 0xE000_EDF0, 0xE000_EDFC
MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RLAR, MPU_RBAR_A1, MPU_RLAR_A1 = (0xE000_ED90 + 4 * n for n in range(7))
MPU_MAIR0 = 0xE000_EDC0
FP_CTRL, FP_COMP0, DWT_CTRL = 0xE000_2000, 0xE000_2008, 0xE000_1000
MSP, PSP, CONTROL = 17, 18, 20
MSPLIM, PSPLIM = 0x1E, 0x1F
STKOF = 1 << 20
HALTED, RESTARTED = 1 << 17, 1 << 26
TRCENA = 1 << 24


def comparator(index: int) -> int:
    return 0xE000_1020 + 0x10 * index


def function(index: int) -> int:
    return comparator(index) + 8


@pytest.fixture
def chip() -> Chip:
    chip = Chip("stm32u575zi")
    chip.halt()
    table = [STACK, CODE | 1, *[(RAM + 0x300) | 1] * 14]
    chip.board.machine.ap_write_words(RAM, b"".join(word.to_bytes(4, "little") for word in table))
    chip.board.machine.ap_write_words(RAM + 0x300, bytes.fromhex("fee7fee7"))  # handlers: b .
    chip[VTOR] = RAM
    for number, value in ((13, STACK), (16, 1 << 24), (15, CODE)):
        chip.set_register(number, value)
    chip[DHCSR]
    return chip


def load(chip: Chip, code: Asm) -> None:
    data = code.assemble()
    chip.board.machine.ap_write_words(code.base, data.ljust(-(-len(data) // 4) * 4, b"\0"))


def go(chip: Chip, seconds: float = 1e-3) -> None:
    chip[DHCSR] = 0xA05F_0001
    chip.sleep(seconds)


def test_identity(chip: Chip) -> None:
    assert chip[0xE000_ED00] == 0x410F_D214
    assert chip[0xE000_ED44] == 0x200, "no security in ID_PFR1"
    assert chip[FP_CTRL] == 0x1000_0080
    assert chip[DWT_CTRL] == 0x4000_0000
    assert [chip[0xE000_EFB8], chip[0xE000_EE08]] == [0xF, 0]
    assert (chip.board.chip.dpidr, chip.board.chip.ap_idr) == (0x0BE1_2477, 0x1477_0015)


def test_rom_tables_lead_to_parts_with_an_architecture(chip: Chip) -> None:
    assert chip.board.chip.rom_table == 0xE00F_E003
    assert [chip[0xE00F_E000 + 4 * n] for n in range(3)] == [0x0000_1003, 0xFFF4_2003, 0]
    assert [chip[0xE00F_EFE0 + 4 * n] for n in range(3)] == [0x82, 0x04, 0x0A]
    assert [chip[0xE00F_FFE0 + 4 * n] for n in range(3)] == [0xC9, 0xB4, 0x0B]
    found = {}
    for n in range(8):
        entry = chip[0xE00F_F000 + 4 * n]
        if entry & 1:
            base = 0xE00F_F000 + (entry & 0xFFFF_F000) & 0xFFFF_FFFF
            assert chip[base + 0xFE0] | chip[base + 0xFE4] << 8 == 0xBD21
            found[base] = chip[base + 0xFBC] & 0xFFFF
    assert found == {
        0xE000_E000: 0x2A04,
        0xE000_1000: 0x1A02,
        0xE000_2000: 0x1A03,
        0xE000_0000: 0x1A01,
        0xE004_1000: 0x4A13,
        0xE004_2000: 0x1A14,
    }


def test_ccr_has_bits_that_are_always_set(chip: Chip) -> None:
    assert chip[CCR] == 0x201
    chip[CCR] = 0
    assert chip[CCR] == 0x201


def test_vectreset_is_gone(chip: Chip) -> None:
    chip[AIRCR] = 0x05FA_0001
    assert chip.register(15) == CODE


def test_restart_is_seen_once(chip: Chip) -> None:
    load(chip, Asm(CODE).label("loop").b("loop"))
    go(chip)
    assert chip[DHCSR] & RESTARTED
    assert not chip[DHCSR] & RESTARTED


@pytest.mark.parametrize(("code", "msp"), [((0xB084,), 0x20), ((0xB40F,), 0x20), ((0xF1AD, 0x0D20), 0x10)])
def test_a_push_below_the_limit_is_a_usage_fault(chip: Chip, code: tuple[int, ...], msp: int) -> None:
    """Sub, push and a wide sub: none is carried out, and the stack of the handler is the main one."""
    chip[SHCSR] = 1 << 18
    chip.set_register(PSPLIM, RAM + 0x800)
    chip.set_register(PSP, RAM + 0x800 + msp - 0x10)
    chip.set_register(CONTROL, 2 << 24)
    chip.set_register(15, CODE)
    load(chip, Asm(CODE).half(*code).half(*code).label("loop").b("loop"))
    go(chip)
    chip.halt()
    assert chip[CFSR] & STKOF
    assert chip.register(16) & 0x1FF == 6
    assert chip.register(PSP) == RAM + 0x800, "the stack pointer stops at the limit"


def test_an_exception_does_not_stack_below_the_limit(chip: Chip) -> None:
    chip.board.machine.ap_write_words(RAM + 0x7C0, b"\xa5" * 64)
    chip[SHCSR] = 1 << 18
    chip.set_register(PSPLIM, RAM + 0x800)
    chip.set_register(PSP, RAM + 0x818)
    chip.set_register(CONTROL, 2 << 24)
    load(chip, Asm(CODE).svc(0).label("loop").b("loop"))
    go(chip)
    chip.halt()
    assert chip[CFSR] == STKOF
    assert chip.board.machine.ap_read_words(RAM + 0x7C0, 16) == b"\xa5" * 64


def test_limits_are_registers_of_program_and_debugger(chip: Chip) -> None:
    load(chip, Asm(CODE).half(0xF3EF, 0x820A, 0xF3EF, 0x830B, 0xF380, 0x880A).bkpt())  # mrs r2, mrs r3, msr msplim, r0
    chip.set_register(MSPLIM, RAM + 0x107)
    chip.set_register(PSPLIM, RAM + 0x208)
    chip.set_register(0, RAM + 0x300)
    go(chip)
    assert chip.register(2) == RAM + 0x100, "bits 2 to 0 are 0"
    assert chip.register(3) == RAM + 0x208
    assert chip.register(MSPLIM) == RAM + 0x300
    assert chip.register(0x1C) == 0, "there is no secure one"
    chip.reset()
    chip.halt()
    assert [chip.register(n) for n in (MSPLIM, PSPLIM)] == [0, 0]


@pytest.mark.parametrize(("control", "wanted"), [(0, 0xFFFF_FFB8), (2 << 24, 0xFFFF_FFBC)])
def test_exc_return_without_security(chip: Chip, control: int, wanted: int) -> None:
    load(chip, Asm(CODE).svc(0).movs(5, 7).bkpt())
    load(chip, Asm(RAM + 0x200).mov(4, 14).bx(14))
    chip[RAM + 4 * 11] = (RAM + 0x200) | 1
    chip.set_register(PSP, RAM + 0xA00)
    chip.set_register(CONTROL, control)
    chip.set_register(15, CODE)
    go(chip)
    assert chip[DHCSR] & HALTED
    assert (chip.register(4), chip.register(5)) == (wanted, 7)


def test_the_breakpoint_unit_reaches_ram(chip: Chip) -> None:
    load(chip, Asm(CODE).movs(0, 1).movs(0, 2).label("loop").b("loop"))
    chip[FP_CTRL] = 3
    chip[FP_COMP0 + 28] = (CODE + 2) | 1
    go(chip)
    assert chip[DHCSR] & HALTED
    assert chip.register(15) == CODE + 2


# --- data watchpoint and trace, version 2


def loads_and_stores(chip: Chip) -> None:
    """Load from RAM + 0x100, store to RAM + 0x104, count in R7."""
    code = Asm(CODE).load(0, RAM + 0x100).ldr(1, 0).movs(7, 1).str_(1, 0, 4).movs(7, 2).ldrb(1, 0, 6).movs(7, 3)
    load(chip, code.label("loop").b("loop"))
    chip[DEMCR] = TRCENA


@pytest.mark.parametrize(
    ("match", "size", "address", "count"),
    [
        (6, 2, 0x100, 0),  # the load
        (5, 2, 0x100, 3),  # a store: there is none
        (5, 2, 0x104, 1),
        (4, 2, 0x104, 1),
        (6, 0, 0x106, 2),
        (6, 0, 0x107, 3),
        (6, 1, 0x106, 2),
    ],
)
def test_data_address_matches(chip: Chip, match: int, size: int, address: int, count: int) -> None:
    loads_and_stores(chip)
    chip[comparator(0)] = RAM + address
    chip[function(0)] = match | 1 << 4 | size << 10
    chip.set_register(7, 0)
    go(chip)
    hit = count < 3
    assert bool(chip[DHCSR] & HALTED) == hit
    chip.halt()
    assert chip.register(7) == (count if hit else 3)
    assert bool(chip[DFSR] & 4) == hit
    assert chip[function(0)] == 0b01011 << 27 | hit << 24 | size << 10 | 1 << 4 | match
    assert not chip[function(0)] & 1 << 24, "MATCHED clears by being read"


def test_without_an_action_only_matched_is_set(chip: Chip) -> None:
    loads_and_stores(chip)
    chip[comparator(2)] = RAM + 0x104
    chip[function(2)] = 5 | 2 << 10
    go(chip)
    assert not chip[DHCSR] & HALTED
    assert chip[function(2)] & 1 << 24


def test_two_comparators_are_a_range(chip: Chip) -> None:
    loads_and_stores(chip)
    chip[comparator(0)] = RAM + 0x101
    chip[function(0)] = 5
    chip[comparator(1)] = RAM + 0x10F
    chip[function(1)] = 7 | 1 << 4
    chip.set_register(7, 0)
    go(chip)
    assert chip.register(7) == 1


@pytest.mark.parametrize(
    ("index", "value"),
    [(0, 7), (2, 7), (0, 1), (1, 11), (0, 8), (0, 4 | 2 << 4), (0, 4 | 3 << 10)],
    ids=["no limit", "no limit either", "cycles", "linked value", "value", "trace", "size"],
)
def test_what_a_comparator_cannot_is_refused(chip: Chip, index: int, value: int) -> None:
    chip[DEMCR] = TRCENA
    with pytest.raises(Unmodelled):
        chip[function(index)] = value


def test_there_is_no_mask(chip: Chip) -> None:
    chip[DEMCR] = TRCENA
    chip[comparator(0) + 4] = 3
    assert chip[comparator(0) + 4] == 0


# --- memory protection


def test_regions_have_limits_and_aliases(chip: Chip) -> None:
    assert chip[MPU_TYPE] == 0x800
    chip[MPU_RNR] = 4
    chip[MPU_RBAR], chip[MPU_RLAR] = RAM | 2, RAM + 0xFF | 1
    chip[MPU_RBAR_A1], chip[MPU_RLAR_A1] = RAM + 0x100, RAM + 0x1E1
    chip[MPU_RNR] = 5
    assert [chip[MPU_RBAR], chip[MPU_RLAR]] == [RAM + 0x100, RAM + 0x1E1]
    chip[MPU_MAIR0] = 0x44FF
    assert chip[MPU_MAIR0] == 0x44FF


@pytest.mark.parametrize(("access", "fault"), [(1, 0), (3, 0x82), (2, 0x82)], ids=["full", "read", "privileged read"])
def test_a_read_only_region_refuses_a_store(chip: Chip, access: int, fault: int) -> None:
    load(chip, Asm(CODE).load(0, RAM + 0x8000).str_(1, 0).label("loop").b("loop"))
    chip[SHCSR] = 1 << 16
    chip[MPU_RBAR], chip[MPU_RLAR] = RAM + 0x8000 | access << 1, RAM + 0x80E1
    chip[MPU_CTRL] = 5
    go(chip)
    chip.halt()
    assert chip[CFSR] == fault


def test_an_execute_never_region_inside_a_memory(chip: Chip) -> None:
    load(chip, Asm(CODE).load(0, (RAM + 0x8040) | 1).bx(0))
    load(chip, Asm(RAM + 0x8040).movs(7, 9).label("loop").b("loop"))
    chip[SHCSR] = 1 << 16
    chip[MPU_RBAR], chip[MPU_RLAR] = RAM + 0x8020 | 2 | 1, RAM + 0x8061
    chip[MPU_CTRL] = 5
    chip.set_register(7, 0)
    go(chip)
    chip.halt()
    assert (chip[CFSR], chip.register(7)) == (1, 0)


def test_where_regions_overlap_nothing_is_allowed(chip: Chip) -> None:
    load(chip, Asm(CODE).load(0, RAM + 0x8000).ldr(1, 0).label("loop").b("loop"))
    chip[SHCSR] = 1 << 16
    for region in range(2):
        chip[MPU_RNR] = region
        chip[MPU_RBAR], chip[MPU_RLAR] = RAM + 0x8000 | 2, RAM + 0x80E1
    chip[MPU_CTRL] = 5
    go(chip)
    chip.halt()
    assert chip[CFSR] == 0x82


# --- what needs TrustZone


def test_leaving_the_secure_state_stops_the_simulation(chip: Chip) -> None:
    load(chip, Asm(CODE).load(0, RAM + 0x300).half(0x4704))  # bxns r0
    with pytest.raises(Unmodelled, match="TrustZone"):
        go(chip)
