"""Faults: status, escalation, lockup, and the three stop addresses of a loader that ran unmasked (DDI0403E B1.5)."""

from __future__ import annotations

import struct

import pytest
from support.cortex import (
    BFAR,
    CCR,
    CFSR,
    CODE,
    DEMCR,
    DFSR,
    DHCSR,
    FLASH,
    HFSR,
    ICSR,
    RAM,
    SHCSR,
    STACK,
    SYST,
    Bench,
)
from support.thumb import Asm

VC_HARDERR = 1 << 10
FORCED = 1 << 30
ENABLE_ALL = 7 << 16


def faulting(code: Asm) -> Asm:
    """Append a place to stay and a handler per fault that records its number in R11 and its frame in R10."""
    code.label("end").b("end")
    return code.label("fault").mrs(11, 5).mov(10, 13).label("stay").b("stay")


HANDLERS = {3: "fault", 4: "fault", 5: "fault", 6: "fault"}

CAUSES = {
    "UNDEFINSTR": (Asm(0).udf(), 1 << 16, 6),
    "INVSTATE": (Asm(0).load(0, CODE).bx(0), 1 << 17, 6),
    "INVPC": (None, 1 << 18, 6),
    "NOCP": (Asm(0).half(0xEE30, 0x0A00), 1 << 19, 6),
    "PRECISERR": (Asm(0).load(0, 0x3000_0000).ldr(1, 0), 0x8200, 5),
    "IMPRECISERR": (Asm(0).load(0, 0x3000_0000).str_(1, 0).nop().nop(), 1 << 10, 5),
    "IBUSERR": (Asm(0).load(0, 0x3000_0001).bx(0), 1 << 8, 5),
    "IACCVIOL": (Asm(0).load(0, 0x4000_1001).bx(0), 1 << 0, 4),
    "IACCVIOL at the top": (Asm(0).load(0, 0xFFFF_FFFF).bx(0), 1 << 0, 4),
}


def halves(code: Asm) -> list[int]:
    data = code.assemble()
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "escalated"])
@pytest.mark.parametrize("cause", [name for name in CAUSES if name != "INVPC"])
def test_each_cause_ends_in_its_exception_or_in_hardfault(cause: str, enabled: bool) -> None:
    body, cfsr, number = CAUSES[cause]
    assert body is not None
    code = Asm(CODE).poke(SHCSR, ENABLE_ALL if enabled else 0).half(*halves(body))
    bench = Bench().program(faulting(code), HANDLERS).start().run(200).halt()
    assert bench.register(11) == (number if enabled else 3)
    assert bench.read(CFSR) == cfsr
    assert bench.read(HFSR) == (0 if enabled else FORCED)


def test_a_precise_fault_leaves_the_instruction_undone_and_its_address_stacked() -> None:
    code = Asm(CODE).load(0, 0x3000_0000).movs(1, 5).cmp(1, 5)
    here = code.here
    code.ldr_post(1, 0, 4)
    bench = Bench().program(faulting(code), HANDLERS).start().run(100).halt()
    frame = bench.words(bench.register(10), 8)
    assert frame[0:2] == (0x3000_0000, 5)
    assert frame[6] == here
    assert frame[7] >> 24 == 0x61
    assert bench.read(BFAR) == 0x3000_0000


@pytest.mark.parametrize("address", [0x4000_1400, 0xE000_3000, 0x4200_0000 + 0x1400 * 32])
def test_a_refusing_register_is_a_precise_fault_too(address: int) -> None:
    code = Asm(CODE).load(0, address).movs(1, 5)
    here = code.here
    code.ldr_post(1, 0, 4)
    bench = Bench().program(faulting(code), HANDLERS).start().run(100).halt()
    frame = bench.words(bench.register(10), 8)
    assert frame[0:2] == (address, 5)
    assert frame[6] == here
    assert bench.read(CFSR) == 0x8200


def test_a_store_refused_by_a_shadow_register_is_imprecise() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).movs(1, 5).str_(1, 0, 12)
    behind = code.here
    bench = Bench().program(faulting(code), HANDLERS).start().run(100).halt()
    assert bench.read(CFSR) == 1 << 10
    assert bench.words(bench.register(10), 8)[6] == behind


def test_a_store_to_nowhere_is_precise_when_the_write_buffer_is_off() -> None:
    code = Asm(CODE).poke(0xE000_E008, 2).load(0, 0x3000_0000).str_(1, 0)
    bench = Bench().program(faulting(code), HANDLERS).start().run(100)
    assert bench.read(CFSR) == 0x8200
    assert bench.read(BFAR) == 0x3000_0000


def test_unaligned_and_divide_by_zero_trap_only_when_asked() -> None:
    body = Asm(0).load(0, RAM + 2).half(0x6801).movs(2, 0).movs(3, 8).udiv(4, 3, 2)
    plain = Bench().program(faulting(Asm(CODE).half(*halves(body))), HANDLERS).start().run(100)
    assert plain.read(CFSR) == 0
    assert plain.register_while_running(4) == 0
    trapping = Bench().program(faulting(Asm(CODE).poke(CCR, 8).half(*halves(body))), HANDLERS).start().run(100)
    assert trapping.read(CFSR) == 1 << 24
    dividing = Bench().program(faulting(Asm(CODE).poke(CCR, 16).half(*halves(body))), HANDLERS).start().run(100)
    assert dividing.read(CFSR) == 1 << 25


def test_a_bad_exc_return_is_a_usage_fault() -> None:
    code = Asm(CODE).poke(SHCSR, ENABLE_ALL).svc(0)
    faulting(code).label("svc").load(0, 0xFFFF_FFF1).bx(0)
    bench = Bench().program(code, HANDLERS | {11: "svc"}).start().run(200).halt()
    assert bench.register(11) == 6
    assert bench.read(CFSR) == 1 << 18


def test_a_handler_repairs_and_returns() -> None:
    code = Asm(CODE).udf().adds(7, 1).label("end").b("end")
    code.label("fault").ldr(0, 13 & 7).half(0x9806, 0x3002, 0x9006).bx(
        14
    )  # LDR r0,[sp,#24]; ADDS r0,#2; STR r0,[sp,#24]
    code.code[code.labels["fault"] - CODE : code.labels["fault"] - CODE + 2] = b"\x00\xbf"
    bench = Bench().program(code, {3: "fault"}).start().run(100).halt()
    assert bench.register(7) == 1
    assert bench.register(13) == STACK


def test_a_fault_while_stacking_is_reported_as_such() -> None:
    code = Asm(CODE).load(0, 0x3000_0000).msr(8, 0).svc(0).label("end").b("end").label("fault").b("fault")
    bench = Bench().program(code, {3: "fault", 11: "end"}).start().run(100)
    assert bench.read(CFSR) == 1 << 12
    assert bench.read(HFSR) == FORCED
    assert bench.pc == code.labels["fault"]


def test_a_fault_while_unstacking_is_reported_as_such() -> None:
    code = Asm(CODE).svc(0).label("end").b("end").label("svc").load(0, 0x3000_0000).msr(8, 0).bx(14)
    code.label("fault").load(0, STACK - 64).msr(8, 0).label("stay").b("stay")
    bench = Bench().program(code, {3: "fault", 11: "svc"}).start().run(100)
    assert bench.read(CFSR) == 1 << 11
    assert bench.pc == code.labels["stay"]


def test_svc_that_cannot_preempt_escalates() -> None:
    code = Asm(CODE).cpsid().svc(0)
    bench = Bench().program(faulting(code), {3: "fault", 11: "end"}).start().run(100).halt()
    assert bench.register(11) == 3
    assert bench.read(HFSR) == FORCED


def test_status_is_cleared_by_writing_ones() -> None:
    code = faulting(Asm(CODE).load(0, 0x3000_0000).ldr(1, 0))
    bench = Bench().program(code, HANDLERS).start().run(100)
    bench.write(CFSR, 0x200)
    assert bench.read(CFSR) == 0x8000
    bench.machine.ap_write(CFSR + 1, 0x80, 1)
    assert bench.read(CFSR) == 0
    bench.write(HFSR, FORCED)
    assert bench.read(HFSR) == 0


# --- lockup


def test_a_fault_in_hardfault_locks_up_and_a_halt_gets_out_of_it() -> None:
    code = Asm(CODE).udf().label("fault").udf()
    bench = Bench().program(code, {3: "fault"}).start().run(100)
    assert bench.machine.core.locked_up
    bench.dhcsr(1)
    assert bench.read(DHCSR) & 0xFFFF_FF == 0x09_0001
    assert bench.read(DFSR) == 0
    bench.halt()
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.register(15) == 0xFFFF_FFFE
    assert bench.register(16) & 0x1FF == 3
    bench.set_register(15, CODE + 2)
    bench.dhcsr(1)
    bench.run(50)
    assert bench.read(DHCSR) & 1 << 19


def test_an_nmi_is_taken_out_of_a_lockup() -> None:
    code = Asm(CODE).udf().label("fault").udf().label("nmi").b("nmi")
    bench = Bench().program(code, {2: "nmi", 3: "fault"}).start().run(100)
    bench.write(ICSR, 1 << 31)
    bench.run(50)
    assert bench.pc == code.labels["nmi"]
    assert not bench.read(DHCSR) & 1 << 19


def test_a_reset_vector_in_erased_flash_locks_up_without_a_debugger() -> None:
    bench = Bench().start().run(100)  # all ones: SP FFFFFFFC, PC FFFFFFFE, T set
    assert bench.read(DHCSR) & 1 << 19
    assert bench.pc == 0xFFFF_FFFE


def test_an_even_reset_vector_is_an_invalid_state() -> None:
    code = faulting(Asm(CODE))
    bench = Bench().program(code, HANDLERS | {1: CODE}).start().run(100).halt()
    assert bench.read(CFSR) == 1 << 17
    assert bench.register(11) == 3
    assert not bench.words(bench.register(10), 8)[7] & 1 << 24


# --- a RAM loader among the interrupts of the firmware it replaces (the st-flash report)


def loader_with_ticking_systick(table: bytes, *, mask: bool = False, catch: int = VC_HARDERR) -> Bench:
    """Firmware starts SysTick; halt, replace flash by ``table``, run a RAM loop with or without C_MASKINTS."""
    code = Asm(CODE).poke(SYST + 4, 7999).poke(SYST + 8, 0).poke(SYST, 7).label("loop").b("loop")
    code.label("tick").bx(14)
    bench = Bench().program(code, {15: "tick"}).start().run(20_000).halt()
    bench.machine.bus.patch(FLASH, b"\xff" * 0x1000)
    bench.machine.bus.patch(FLASH, table)
    bench.machine.ap_write_words(RAM, Asm(RAM).label("loop").adds(2, 1).b("loop").assemble())
    bench.write(DFSR, 0x1F)
    bench.write(DEMCR, catch | 1 << 24)
    bench.set_register(15, RAM)
    if mask:
        bench.dhcsr(0xB)
    bench.dhcsr(0x9 if mask else 0x1)
    bench.run(50_000)
    return bench


@pytest.mark.parametrize(
    ("written", "pc"),
    [
        (struct.pack("<2I", STACK, FLASH + 0x201), 0xFFFF_FFFE),
        (struct.pack("<4I", STACK, FLASH + 0x201, 0xFFFF_FFFF, FLASH + 0x49D3 - 0x4000), FLASH + 0x9D2),
        (
            struct.pack("<4I", STACK, FLASH + 0x201, FLASH + 0x301, FLASH + 0x305) + bytes([5, 3, 0, 8]) * 12,
            FLASH + 0x304,
        ),
    ],
    ids=["8 bytes", "16 bytes", "68 bytes"],
)
def test_the_three_stop_addresses_of_an_unmasked_loader(written: bytes, pc: int) -> None:
    bench = loader_with_ticking_systick(written)
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x03_0003
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.read(DFSR) == 9
    assert bench.register(15) == pc


def test_without_vector_catch_the_same_loader_locks_up() -> None:
    bench = loader_with_ticking_systick(struct.pack("<2I", STACK, FLASH + 0x201), catch=0)
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x09_0001
    assert bench.read(DFSR) == 0
    assert bench.read(HFSR) == FORCED
    assert bench.pc == 0xFFFF_FFFE


def test_a_masked_loader_is_left_alone() -> None:
    bench = loader_with_ticking_systick(struct.pack("<2I", STACK, FLASH + 0x201), mask=True)
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x01_0009
    assert bench.halt().register(2) > 20_000
    assert bench.read(ICSR) & 1 << 26  # the tick waits


# --- vector catch

CATCHES = {
    "VC_HARDERR": (1 << 10, "UNDEFINSTR", False),
    "VC_BUSERR": (1 << 8, "PRECISERR", True),
    "VC_STATERR": (1 << 7, "INVSTATE", True),
    "VC_NOCPERR": (1 << 5, "NOCP", True),
    "VC_MMERR": (1 << 4, "IACCVIOL", True),
}


@pytest.mark.parametrize("catch", CATCHES)
def test_vector_catch_stops_at_the_first_instruction_of_the_handler(catch: str) -> None:
    bit, cause, enabled = CATCHES[catch]
    body = CAUSES[cause][0]
    assert body is not None
    code = faulting(Asm(CODE).poke(SHCSR, ENABLE_ALL if enabled else 0).half(*halves(body)))
    for armed in (True, False):
        bench = Bench().program(code, HANDLERS).start()
        bench.dhcsr(1)
        bench.write(DEMCR, bit if armed else 0x7F0 & ~bit)
        bench.run(200)
        assert bool(bench.read(DHCSR) & 1 << 17) == armed
        assert bench.read(DFSR) == (9 if armed else 0)
        if armed:
            assert bench.register(15) == code.labels["fault"]


def test_vc_interr_catches_a_fault_on_entry() -> None:
    code = Asm(CODE).load(0, 0x3000_0000).msr(8, 0).svc(0).label("end").b("end").label("fault").b("fault")
    bench = Bench().program(code, {3: "fault", 11: "end"}).start()
    bench.dhcsr(1)
    bench.write(DEMCR, 1 << 9)
    bench.run(100)
    assert bench.read(DFSR) == 9
    assert bench.register(15) == code.labels["fault"]
