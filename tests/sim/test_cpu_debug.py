"""Halting debug as an F103 shows it: exact words of DHCSR, DFSR and the registers (DDI0403E C1)."""

from __future__ import annotations

from support.cortex import (
    AIRCR,
    CFSR,
    CODE,
    DCRDR,
    DCRSR,
    DEMCR,
    DFSR,
    DHCSR,
    HFSR,
    ICSR,
    RAM,
    STACK,
    SYST,
    Bench,
    running,
)
from support.thumb import Asm

# --- halt, run, step


def test_halt_shows_retired_once() -> None:
    bench = running()
    assert bench.read(DHCSR) == 0x0101_0000
    bench.run(100)
    bench.dhcsr(3)
    assert bench.read(DHCSR) == 0x0103_0003
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.read(DFSR) == 1


def test_run_and_idle_reads() -> None:
    bench = running().halt()
    bench.dhcsr(1)
    for _ in range(3):
        bench.run(10)
        assert bench.read(DHCSR) == 0x0101_0001


def test_a_write_without_the_key_is_ignored() -> None:
    bench = running()
    bench.write(DHCSR, 0x0000_0003)
    bench.write(DHCSR, 0xFA05_0003)
    assert bench.read(DHCSR) == 0x0101_0000


def test_software_cannot_turn_debugging_on() -> None:
    bench = running(Asm(CODE).poke(DHCSR, 0xA05F_0003).poke(DCRSR, 0x1_0000).label("end").b("end"))
    assert bench.read(DHCSR) == 0x0101_0000


def test_one_step_executes_one_instruction() -> None:
    bench = running().halt()
    bench.set_register(15, CODE)
    bench.set_register(0, 5)
    bench.dhcsr(5)
    assert bench.read(DHCSR) == 0x0103_0007
    assert bench.read(DHCSR) == 0x0003_0007
    assert (bench.register(15), bench.register(0)) == (CODE + 2, 6)
    bench.dhcsr(5)
    assert bench.register(15) == CODE
    assert bench.read(DFSR) == 1


def test_c_maskints_stays_through_a_step_that_writes_it_as_0() -> None:
    bench = running().halt()
    bench.dhcsr(0xB)
    bench.dhcsr(5)
    assert bench.read(DHCSR) == 0x0103_000F
    assert bench.read(DHCSR) == 0x0003_000F
    bench.dhcsr(3)
    assert bench.read(DHCSR) == 0x0003_0003


def test_c_maskints_cannot_be_changed_while_running_or_in_the_write_that_runs() -> None:
    bench = running()
    bench.dhcsr(9)
    assert bench.read(DHCSR) & 0xFFFF == 1
    bench.halt()
    bench.dhcsr(9)
    assert bench.read(DHCSR) & 0xFFFF == 1
    bench.halt()
    bench.dhcsr(0xB)
    bench.dhcsr(9)
    assert bench.read(DHCSR) & 0xFFFF == 9
    bench.dhcsr(1)
    assert bench.read(DHCSR) & 0xFFFF == 9


def tick_firmware() -> tuple[Asm, Bench]:
    code = Asm(CODE).poke(SYST + 4, 999).poke(SYST + 8, 0).poke(SYST, 7).label("loop").adds(7, 1).b("loop")
    code.label("tick").load(2, RAM).ldr(3, 2).adds(3, 1).str_(3, 2).bx(14)
    bench = Bench().program(code, {15: "tick", 2: "tick"}).start().run(100)
    return code, bench


def test_a_step_takes_a_pending_interrupt_unless_it_is_masked() -> None:
    code, bench = tick_firmware()
    bench.halt()
    bench.write(ICSR, 1 << 26)
    bench.set_register(15, code.labels["loop"])
    bench.dhcsr(0xB)
    bench.dhcsr(0xD)
    assert bench.register(15) == code.labels["loop"] + 2
    bench.dhcsr(3)
    bench.dhcsr(5)
    assert bench.register(15) == code.labels["tick"]
    assert bench.register(16) & 0x1FF == 15
    assert bench.words(STACK - 8, 1)[0] == code.labels["loop"] + 2


def test_c_maskints_holds_systick_pendsv_and_interrupts_but_not_nmi() -> None:
    bench = tick_firmware()[1]
    bench.halt()
    bench.dhcsr(0xB)
    bench.dhcsr(9)
    before = bench.words(RAM, 1)[0]
    bench.run(5000)
    assert bench.words(RAM, 1)[0] == before
    bench.write(ICSR, 1 << 31)
    bench.run(100)
    assert bench.words(RAM, 1)[0] == before + 1
    bench.halt()
    bench.dhcsr(3)
    bench.dhcsr(1)
    bench.run(100)
    assert bench.words(RAM, 1)[0] == before + 2


def test_stepping_through_an_it_block() -> None:
    code = Asm(CODE).cmp(0, 0).it("eq", "te").adds(1, 1).adds(2, 1).adds(3, 1).label("end").b("end")
    bench = running(code).halt()
    bench.set_register(16, 0x0100_0000)
    bench.set_register(0, 0)
    bench.set_register(1, 0)
    bench.set_register(2, 0)
    bench.set_register(3, 0)
    bench.set_register(15, CODE)
    pcs = []
    for _ in range(6):
        bench.dhcsr(5)
        pcs.append(bench.register(15) - CODE)
    assert pcs == [2, 4, 6, 8, 10, 10]
    assert [bench.register(n) for n in (1, 2, 3)] == [1, 1, 0]


def test_stepping_svc_bx_and_exception_return() -> None:
    code = Asm(CODE).svc(0).label("end").b("end").label("svc").bx(14)
    bench = Bench().program(code, {11: "svc"}).start()
    bench.write(DEMCR, 1)
    bench.dhcsr(3)
    bench.set_register(15, CODE)
    pcs = []
    for _ in range(3):
        bench.dhcsr(5)
        pcs.append(bench.register(15))
    assert pcs == [code.labels["svc"], CODE + 2, CODE + 2]
    assert bench.register(13) == STACK


def test_a_step_over_wfi_does_not_sleep() -> None:
    bench = running(Asm(CODE).wfi().adds(1, 1).label("end").b("end")).halt()
    bench.set_register(15, CODE)
    bench.dhcsr(5)
    assert bench.read(DHCSR) & 0xFE_FFFF == 0x02_0007
    assert bench.register(15) == CODE + 2


def test_halting_a_sleeping_core() -> None:
    bench = running(Asm(CODE).wfi().adds(1, 1).label("end").b("end"))
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x05_0000
    bench.halt()
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.register(15) == CODE + 2


def test_clearing_c_debugen_lets_the_core_run_and_clears_the_rest() -> None:
    bench = running().halt()
    bench.dhcsr(0xB)
    bench.dhcsr(0)
    bench.run(50)
    assert bench.read(DHCSR) == 0x0101_0000


# --- core registers


def test_every_register_can_be_written_and_read_back() -> None:
    bench = running().halt()
    for regsel in (*range(13), 14):
        bench.set_register(regsel, 0x1234_5600 + regsel)
    bench.set_register(17, 0x2000_1003)
    bench.set_register(18, 0x2000_2002)
    bench.set_register(16, 0xF100_0000)
    assert [bench.register(n) for n in (*range(13), 14)] == [0x1234_5600 + n for n in (*range(13), 14)]
    assert [bench.register(n) for n in (13, 17, 18, 16)] == [0x2000_1000, 0x2000_1000, 0x2000_2000, 0xF100_0000]
    assert bench.register(19) == 0


def test_pc_drops_bit_0() -> None:
    bench = running().halt()
    for value in (0x2000_0005, 0x2000_00A1):
        bench.set_register(15, value)
        assert bench.register(15) == value & ~1


def test_the_packed_special_registers() -> None:
    bench = running().halt()
    bench.set_register(18, RAM + 0x100)
    bench.set_register(20, 0x0201_FF01)
    assert bench.register(20) == 0x0201_F001
    assert bench.register(13) == RAM + 0x100
    bench.set_register(13, RAM + 0x200)
    assert bench.register(18) == RAM + 0x200
    bench.set_register(20, 0)
    assert bench.register(13) == bench.register(17)


def test_while_running_dcrdr_keeps_its_content() -> None:
    bench = running().halt()
    bench.set_register(15, CODE)
    xpsr = bench.register(16)
    bench.dhcsr(1)
    bench.run(20)
    bench.write(DCRSR, 0)
    assert bench.read(DCRDR) == xpsr
    bench.write(DCRDR, 0x5555_5555)
    bench.write(DCRSR, 1 << 16)
    bench.run(20)
    assert bench.register_while_running(0) != 0x5555_5555


def test_a_step_that_ends_with_systick_at_zero_leaves_it_pending() -> None:
    code = Asm(CODE).nop().nop().nop().nop().nop().nop()
    bench = Bench().program(code).start()
    bench.halt()
    bench.write(SYST + 4, 3)
    bench.write(SYST + 8, 0)
    bench.write(SYST, 7)
    seen = []
    for _ in range(6):
        bench.dhcsr(0xB)
        bench.dhcsr(0xD)
        seen.append((bench.read(SYST + 8), bench.read(ICSR) >> 26 & 1))
    assert (0, 1) in seen
    assert all(pending for _, pending in seen[seen.index((0, 1)) :]), "it stays until it is served"
    assert seen[0][1] == 0


def test_clearing_ipsr_by_hand_leaves_the_exception_active() -> None:
    code, bench = tick_firmware()
    bench.halt()
    bench.write(ICSR, 1 << 26)
    bench.dhcsr(5)
    bench.set_register(16, 0x0100_0000)
    assert bench.read(0xE000_ED24) == 1 << 11
    assert bench.read(ICSR) & 0x1FF == 0
    bench.write(ICSR, 1 << 28)
    bench.set_register(15, code.labels["loop"])
    bench.dhcsr(1)
    bench.run(50)
    assert bench.read(ICSR) & 1 << 28  # same priority as the active SysTick: it waits
    bench.halt()
    bench.write(AIRCR, 0x05FA_0002)  # VECTCLRACTIVE
    assert bench.read(0xE000_ED24) == 0


# --- BKPT


def test_bkpt_halts_and_dfsr_is_write_one_to_clear() -> None:
    bench = Bench().program(Asm(CODE).movs(0, 1).bkpt(3).movs(0, 2)).start()
    bench.dhcsr(1)
    bench.run(50)
    assert bench.read(DHCSR) == 0x0303_0003
    assert bench.read(DFSR) == 3
    assert bench.register(15) == CODE + 2
    bench.write(DFSR, 2)
    assert bench.read(DFSR) == 1
    bench.write(DFSR, 1)
    assert bench.read(DFSR) == 0
    bench.dhcsr(1)
    bench.run(50)
    assert bench.register(15) == CODE + 2


def test_bkpt_without_a_debugger_is_a_hardfault_then_a_lockup() -> None:
    code = Asm(CODE).bkpt().label("fault").bkpt()
    bench = Bench().program(code, {3: "fault"}).start().run(100)
    assert bench.read(HFSR) == 1 << 31
    assert bench.read(DFSR) == 2
    assert bench.read(CFSR) == 0
    assert bench.read(DHCSR) & 1 << 19


def test_bkpt_with_the_debug_monitor() -> None:
    code = Asm(CODE).poke(DEMCR, 1 << 16).bkpt().label("monitor").mrs(7, 5).label("end").b("end")
    bench = Bench().program(code, {12: "monitor"}).start().run(100)
    assert bench.register_while_running(7) == 12
    assert bench.read(DFSR) == 2


def test_a_bkpt_inside_an_it_block_stops_whatever_the_condition() -> None:
    code = Asm(CODE).movs(0, 1).cmp(0, 0).it("eq", "t").adds(1, 1).bkpt().adds(2, 1).label("end").b("end")
    bench = Bench().program(code).start()
    bench.dhcsr(1)
    bench.run(50)
    assert bench.register(15) == CODE + 8
    assert (bench.register(1), bench.register(2)) == (0, 0)
