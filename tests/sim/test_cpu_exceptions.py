"""Exceptions: entry and return, nesting, masks, SysTick, sleep (DDI0403E B1.5, B3.3)."""

from __future__ import annotations

import pytest
from support.cortex import AIRCR, CCR, CODE, CPUID, ICSR, RAM, SCR, SHCSR, STACK, SYST, VTOR, Bench
from support.thumb import Asm

ISER, ICER, ISPR, ICPR, IABR, IPR = 0xE000_E100, 0xE000_E180, 0xE000_E200, 0xE000_E280, 0xE000_E300, 0xE000_E400
SHPR3 = 0xE000_ED20


def handler(code: Asm, label: str, offset: int) -> Asm:
    """Count in RAM."""
    return code.label(label).load(0, RAM + offset).ldr(1, 0).adds(1, 1).str_(1, 0).bx(14)


def idle(*before: int) -> Asm:
    return Asm(CODE).half(*before).label("loop").adds(7, 1).b("loop")


def with_handlers(code: Asm, count: int = 1) -> Asm:
    for n in range(count):
        handler(code, f"irq{n}", 4 * n)
    return code


def test_entry_stacks_eight_words_and_return_restores_them() -> None:
    code = Asm(CODE)
    for register in range(8):
        code.movs(register, 0x10 + register)
    code.load(12, 0x1212_1212).load(14, 0x1414_1414).cmp(0, 0x10).svc(5)
    here = code.here
    code.label("end").b("end").label("svc").mov(8, 13).mrs(9, 5).mov(10, 14).movs(0, 0).bx(14)
    bench = Bench().program(code, {11: "svc"}).start().run(200).halt()
    registers = [bench.register(n) for n in range(17)]
    assert registers[8] == STACK - 32
    assert registers[9] == 11
    assert registers[10] == 0xFFFF_FFF9
    frame = bench.words(STACK - 32, 8)
    assert frame == (0x10, 0x11, 0x12, 0x13, 0x1212_1212, 0x1414_1414, here, 0x6100_0000)
    assert registers[0] == 0x10
    assert registers[13] == STACK
    assert registers[16] == 0x6100_0000


@pytest.mark.parametrize(("align", "expected"), [(0, STACK - 4 - 32), (0x200, STACK - 4 - 36)])
def test_stkalign_pads_the_frame_to_eight_bytes(align: int, expected: int) -> None:
    code = Asm(CODE).poke(CCR, align).push(1).svc(0).label("end").b("end").label("svc").mov(8, 13).bx(14)
    bench = Bench().program(code, {11: "svc"}).start().run(100).halt()
    assert bench.register(8) == expected
    assert bench.register(13) == STACK - 4
    assert bool(bench.words(expected + 28, 1)[0] & 1 << 9) == bool(align)


def test_a_thread_on_the_process_stack_unprivileged_calls_and_comes_back() -> None:
    code = Asm(CODE).load(0, RAM + 0x1000).msr(9, 0).movs(0, 3).msr(20, 0).movs(0, 0).svc(0)
    code.mrs(6, 20).mrs(7, 16).label("end").b("end")
    code.label("svc").mov(8, 14).mrs(9, 9).mrs(10, 8).mrs(11, 20).bx(14)
    bench = Bench().program(code, {11: "svc"}).start().run(100).halt()
    assert bench.register(8) == 0xFFFF_FFFD
    assert bench.register(9) == RAM + 0x1000 - 32
    assert bench.register(10) == STACK
    assert bench.register(11) & 1
    assert bench.register(6) == 3
    assert (bench.register(13), bench.register(17), bench.register(18)) == (RAM + 0x1000, STACK, RAM + 0x1000)
    assert bench.register(20) == 0x0300_0000


def test_unprivileged_code_gets_a_bus_fault_from_the_ppb() -> None:
    code = Asm(CODE).load(4, CPUID).movs(0, 1).msr(20, 0).ldr(1, 4).label("end").b("end").label("hf").b("hf")
    bench = Bench().program(code, {3: "hf"}).start().run(100)
    assert bench.read(0xE000_ED28) == 0x8200
    assert bench.read(0xE000_ED38) == CPUID


def test_a_more_urgent_interrupt_preempts_an_equal_one_waits_and_is_tail_chained() -> None:
    code = Asm(CODE).poke(ISER, 7).poke(IPR, 0x0040_8080).poke(ISPR, 1).label("end").b("end")
    code.label("irq0").load(2, ISPR).movs(3, 6).str_(3, 2).adds(6, 1).mov(8, 6).bx(14)  # pends 1 and 2
    code.label("irq1").adds(6, 10).mov(9, 6).mov(11, 14).bx(14)
    code.label("irq2").adds(6, 100).mov(10, 6).mrs(12, 5).bx(14)
    bench = Bench().program(code, {16: "irq0", 17: "irq1", 18: "irq2"}).start().run(300).halt()
    assert bench.register(10) == 100  # irq2 came first, inside irq0
    assert bench.register(8) == 101
    assert bench.register(9) == 111
    assert bench.register(11) == 0xFFFF_FFF9
    assert bench.register(13) == STACK
    assert bench.machine.core.exceptions.active == 0


def test_prigroup_decides_what_preempts() -> None:
    code = Asm(CODE).poke(AIRCR, 0x05FA_0500).poke(ISER, 3).poke(IPR, 0x1020).poke(ISPR, 1).label("end").b("end")
    code.label("irq0").load(2, ISPR).movs(3, 2).str_(3, 2).adds(6, 1).mov(8, 6).bx(14)
    code.label("irq1").adds(6, 10).mov(9, 6).bx(14)
    bench = Bench().program(code, {16: "irq0", 17: "irq1"}).start().run(200).halt()
    assert (bench.register(8), bench.register(9)) == (1, 11)
    assert bench.read(AIRCR) == 0xFA05_0500


@pytest.mark.parametrize(
    ("mask", "unmask"),
    [
        (Asm(0).cpsid(), Asm(0).cpsie()),
        (Asm(0).movs(0, 1).msr(16, 0), Asm(0).movs(0, 0).msr(16, 0)),
        (Asm(0).movs(0, 0x40).msr(17, 0), Asm(0).movs(0, 0).msr(17, 0)),
        (Asm(0).cpsid_f(), Asm(0).movs(0, 0).msr(19, 0)),
    ],
    ids=["CPS", "PRIMASK", "BASEPRI", "FAULTMASK"],
)
def test_masks_hold_an_interrupt_back_until_the_very_instruction_that_clears_them(mask: Asm, unmask: Asm) -> None:
    code = Asm(CODE).poke(ISER, 1).poke(IPR, 0x80)
    code.half(*_halves(mask)).poke(ISPR, 1)
    for _ in range(20):
        code.adds(7, 1)
    code.half(*_halves(unmask)).adds(7, 100).label("end").b("end")
    code.label("irq0").mov(8, 7).bx(14)
    bench = Bench().program(code, {16: "irq0"}).start().run(300).halt()
    assert bench.register(8) == 20
    assert bench.register(7) == 120


def _halves(code: Asm) -> list[int]:
    data = code.assemble()
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def test_a_masked_interrupt_costs_no_single_stepping() -> None:
    code = with_handlers(idle(0xB672))
    bench = Bench().program(code, {16: "irq0"}).start().run(10)
    bench.write(ISER, 1)
    bench.machine.set_irq(0)
    bench.run(1_000_000)
    assert bench.register_while_running(7) > 400_000
    assert bench.words(RAM, 1) == (0,)
    assert bench.read(ISPR) == 1


def test_interrupts_come_from_outside_are_seen_pending_and_can_be_taken_back() -> None:
    bench = Bench().program(with_handlers(idle()), {16 + 42: "irq0"}).start().run(10)
    bench.machine.set_irq(42)
    bench.run(100)
    assert bench.words(RAM, 1) == (0,)
    assert bench.read(ISPR + 4) == 1 << 10
    assert bench.read(ICSR) >> 12 & 0x3FF == 0  # not enabled: nothing is about to be taken
    bench.write(ICPR + 4, 1 << 10)
    bench.write(ISER + 4, 0xFFFF_FFFF)
    assert bench.read(ISER + 4) == 0x7FF  # 43 interrupts
    bench.machine.set_irq(42)
    bench.machine.set_irq(42, pending=False)
    bench.run(100)
    assert bench.words(RAM, 1) == (0,)
    bench.machine.set_irq(42)
    bench.run(100)
    assert bench.words(RAM, 1) == (1,)
    bench.write(IPR + 40, 0xFF)
    assert bench.read(IPR + 40) == 0xF0


def test_iabr_and_shcsr_show_what_is_active() -> None:
    code = idle().label("irq0").load(0, IABR).ldr(1, 0).load(0, SHCSR).ldr(2, 0).load(0, ICSR).ldr(3, 0).bkpt()
    bench = Bench().program(code, {16: "irq0", 14: "irq0"}).start().run(10)
    bench.dhcsr(1)
    bench.write(ISER, 1)
    bench.machine.set_irq(0)
    bench.run(50)
    assert bench.register(1) == 1
    assert bench.register(3) & 0x1FF == 16
    bench = Bench().program(code, {14: "irq0"}).start().run(10)
    bench.dhcsr(1)
    bench.write(ICSR, 1 << 28)
    bench.run(50)
    assert bench.register(2) == 1 << 10


def test_vtor_moves_the_table() -> None:
    code = with_handlers(idle())
    bench = Bench().program(code).start().run(10)
    bench.machine.ap_write_words(RAM + 0x800 + 4 * 14, (code.labels["irq0"] | 1).to_bytes(4, "little"))
    bench.write(VTOR, RAM + 0x800)
    assert bench.read(VTOR) == RAM + 0x800
    bench.write(ICSR, 1 << 28)
    bench.run(60)
    assert bench.words(RAM, 1) == (1,)


def test_an_it_block_survives_an_interrupt() -> None:
    code = Asm(CODE).poke(SYST + 4, 46).poke(SYST + 8, 0).poke(SYST, 7).label("loop")
    code.cmp(4, 0).it("eq", "tee").adds(5, 1).adds(6, 1).adds(7, 1).adds(7, 1).b("loop")
    handler(code, "tick", 0)
    bench = Bench().program(code, {15: "tick"}).start().run(20_000).halt()
    assert bench.words(RAM, 1)[0] > 100
    assert bench.register(7) == 0
    assert bench.register(5) - bench.register(6) in {0, 1}
    assert bench.register(5) > 50


# --- SysTick


def test_systick_counts_down_and_interrupts_at_the_exact_period() -> None:
    code = Asm(CODE).poke(SYST + 4, 999).poke(SYST + 8, 0).poke(SYST, 7).label("loop").b("loop")
    handler(code, "tick", 0)
    bench = Bench().program(code, {15: "tick"}).start().run(15)
    for expected in (995, 985):  # enabled by the 15th instruction
        assert bench.read(SYST + 8) == pytest.approx(expected, abs=5)
        bench.run(10)
    bench.run(100_000 + 50)
    assert bench.words(RAM, 1) == (100,)


def test_countflag_is_cleared_by_the_cores_read_but_not_by_the_debuggers() -> None:
    code = Asm(CODE).poke(SYST + 4, 99).poke(SYST + 8, 0).poke(SYST, 5)
    for _ in range(150):
        code.nop()
    code.load(0, SYST).ldr(2, 0).ldr(3, 0).label("end").b("end")
    bench = Bench().program(code).start().run(160)
    assert bench.read(SYST) == 0x1_0005
    assert bench.read(SYST) == 0x1_0005
    bench.run(15).halt()
    assert bench.register(2) == 0x1_0005
    assert bench.register(3) == 5


def test_systick_stands_still_while_halted_and_stays_pending() -> None:
    code = Asm(CODE).poke(SYST + 4, 999).poke(SYST + 8, 0).poke(SYST, 7).label("loop").b("loop")
    handler(code, "tick", 0)
    bench = Bench().program(code, {15: "tick"}).start().run(500).halt()
    value = bench.read(SYST + 8)
    bench.run(100_000)
    assert bench.read(SYST + 8) == value
    bench.write(ICSR, 1 << 26)
    bench.run(1000)
    assert bench.words(RAM, 1) == (0,)
    bench.dhcsr(1)
    bench.run(100)
    assert bench.words(RAM, 1) == (1,)
    bench.run(value - 50)
    assert bench.words(RAM, 1) == (2,)


def test_systick_by_the_reference_clock_is_eight_times_slower() -> None:
    code = Asm(CODE).poke(SYST + 4, 99).poke(SYST + 8, 0).poke(SYST, 3).label("loop").b("loop")
    handler(code, "tick", 0)
    bench = Bench().program(code, {15: "tick"}).start().run(8 * 100 * 10 + 50)
    assert bench.words(RAM, 1) == (10,)


# --- sleep


def test_wfi_sleeps_until_an_interrupt_even_a_masked_one() -> None:
    code = Asm(CODE).poke(ISER, 1).wfi().adds(7, 1).cpsid().wfi().adds(7, 1).cpsie().label("end").b("end")
    handler(code, "irq0", 0)
    bench = Bench().program(code, {16: "irq0"}).start().run(1000)
    assert bench.machine.core.sleeping
    assert bench.read(0xE000_EDF0) & 1 << 18
    bench.machine.set_irq(0)
    bench.run(100)
    assert bench.register_while_running(7) == 1
    assert bench.words(RAM, 1) == (1,)
    assert bench.machine.core.sleeping
    bench.machine.set_irq(0)
    bench.run(100)
    assert bench.register_while_running(7) == 2
    assert bench.words(RAM, 1) == (2,)


def test_wfe_takes_a_stored_event_and_sleeps_without_one() -> None:
    code = Asm(CODE).wfe().nop().wfe().adds(7, 1).sev().wfe().adds(7, 1).wfe().adds(7, 1).label("end").b("end")
    bench = Bench().program(code).start().run(100)
    assert bench.register_while_running(7) == 0
    bench.write(SCR, 0x10)  # SEVONPEND
    bench.machine.set_irq(3)
    bench.run(100)
    first = bench.register_while_running(7)
    bench.write(ICPR, 0xFF)
    bench.machine.set_irq(3)
    bench.run(100)
    # The event that ends a WFE stays in the register (B1.5.18 clears it only in a WFE that finds it set).
    assert (first, bench.register_while_running(7)) == (2, 3)


def test_an_undefined_instruction_behind_a_wfe_is_not_taken_for_one() -> None:
    code = Asm(CODE).sev().wfe().wfe().udf().label("hf").b("hf")
    bench = Bench().program(code, {3: "hf"}).start().run(10)
    bench.machine.core.event_register = True
    bench.machine.core.sleeping = False
    bench.run(100)
    assert bench.read(0xE000_ED28) == 1 << 16


def test_yield_is_a_nop() -> None:
    bench = Bench().program(Asm(CODE).yield_().adds(7, 1).label("end").b("end")).start().run(10).halt()
    assert bench.register(7) == 1


def test_sleep_on_exit() -> None:
    code = Asm(CODE).poke(ISER, 1).poke(SCR, 2).poke(ISPR, 1).label("loop").adds(7, 1).b("loop")
    handler(code, "irq0", 0)
    bench = Bench().program(code, {16: "irq0"}).start().run(1000)
    assert bench.words(RAM, 1) == (1,)
    assert bench.machine.core.sleeping
