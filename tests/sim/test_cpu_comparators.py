"""FPB breakpoints and DWT watchpoints, cycle counter and PC samples (DDI0403E C1.8, C1.11)."""

from __future__ import annotations

import pytest
from support.cortex import CODE, DEMCR, DFSR, DHCSR, RAM, Bench
from support.thumb import Asm

from haltpoint.sim.bus import BusFault, Unmodelled

FP_CTRL, FP_COMP = 0xE000_2000, 0xE000_2008
DWT = 0xE000_1000


def comparator(address: int) -> int:
    return address & 0x1FFF_FFFC | 1 | (2 << 30 if address & 2 else 1 << 30)


def debugged(code: Asm) -> Bench:
    bench = Bench().program(code).start()
    bench.dhcsr(1)
    bench.write(FP_CTRL, 3)
    bench.write(DEMCR, 1 << 24)
    return bench


def loop() -> Asm:
    code = Asm(CODE).load(2, RAM).label("loop").adds(0, 1)
    return code.label("odd").adds(1, 1).label("store").str_(1, 2).ldr(3, 2).b("loop")


def test_fp_ctrl_needs_its_key() -> None:
    bench = Bench().program(loop()).start()
    assert bench.read(FP_CTRL) == 0x260
    bench.write(FP_CTRL, 1)
    assert bench.read(FP_CTRL) == 0x260
    bench.write(FP_CTRL, 3)
    assert bench.read(FP_CTRL) == 0x261


@pytest.mark.parametrize("label", ["loop", "odd", "store"])
def test_a_breakpoint_stops_before_its_instruction(label: str) -> None:
    code = loop()
    bench = debugged(code)
    bench.write(FP_COMP, comparator(code.labels[label]))
    bench.run(500)
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x03_0003
    assert bench.read(DFSR) == 3
    assert bench.register(15) == code.labels[label]
    assert bench.register(1) == (1 if label == "store" else 0)
    bench.dhcsr(1)
    bench.run(500)
    assert bench.register(15) == code.labels[label]  # still armed: it hits again at once
    bench.dhcsr(5)
    assert bench.register(15) == code.labels[label]  # also when stepping
    bench.write(FP_COMP, 0)
    bench.dhcsr(5)
    assert bench.register(15) == code.labels[label] + 2
    bench.write(FP_COMP, comparator(code.labels[label]))
    before = bench.register(0)
    bench.dhcsr(1)
    bench.run(500)
    assert bench.register(15) == code.labels[label]
    assert bench.register(0) - before in {0, 1}


def test_replace_3_matches_both_half_words() -> None:
    code = Asm(CODE).nop().nop().adds(0, 1).adds(1, 1).label("end").b("end")
    bench = debugged(code)
    bench.write(FP_COMP + 4, CODE + 4 | 3 << 30 | 1)
    bench.halt()
    bench.set_register(15, CODE)
    bench.dhcsr(1)
    bench.run(20)
    assert bench.register(15) == CODE + 4
    bench.set_register(15, CODE + 6)
    bench.dhcsr(1)
    bench.run(20)
    assert bench.register(15) == CODE + 6


def test_disabled_comparators_and_a_disabled_unit_stop_nothing() -> None:
    code = loop()
    bench = debugged(code)
    bench.write(FP_COMP, comparator(code.labels["odd"]) & ~1)
    bench.run(500)
    assert not bench.read(DHCSR) & 1 << 17
    bench.write(FP_COMP, comparator(code.labels["odd"]))
    bench.write(FP_CTRL, 2)
    bench.run(500)
    assert not bench.read(DHCSR) & 1 << 17
    bench.write(FP_CTRL, 3)
    bench.run(500)
    assert bench.read(DHCSR) & 1 << 17


@pytest.mark.parametrize("filler", [1, 2])
def test_a_breakpoint_behind_a_wide_branch_that_ends_like_an_it_instruction(filler: int) -> None:
    code = Asm(CODE).b("entry")
    for _ in range(filler):
        code.half(0xF7FF, 0xBF56)  # b.w, whose second half would be ITETE
    code.label("entry").movs(1, 1).label("end").b("end")
    bench = debugged(code)
    bench.write(FP_COMP, comparator(code.labels["entry"]))
    bench.run(500)
    assert bench.read(DFSR) == 3
    assert bench.register(15) == code.labels["entry"]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_breakpoint_inside_an_it_block(step: int) -> None:
    code = Asm(CODE).movs(0, 0).label("loop").adds(5, 1).cmp(0, 0)
    code.it("eq", "te").adds(1, 1).adds(2, 1).adds(3, 1).b("loop")
    target = code.labels["loop"] + 4 + 2 * step
    bench = debugged(code)
    bench.write(FP_COMP, comparator(target))
    bench.run(500)
    assert bench.read(DFSR) == 3
    assert bench.register(15) == target
    assert [bench.register(n) for n in (1, 2)] == [int(step > 1), int(step > 2)]
    for rounds in (2, 3):
        bench.write(FP_COMP, 0)
        bench.dhcsr(5)
        bench.write(FP_COMP, comparator(target))
        bench.dhcsr(1)
        bench.run(500)
        assert bench.register(15) == target
        assert bench.register(5) == rounds
    assert bench.register(3) == 0


def test_a_breakpoint_does_not_change_time() -> None:
    plain, watched = (Bench().program(loop()).start() for _ in range(2))
    watched.dhcsr(1)
    watched.write(FP_CTRL, 3)
    watched.write(FP_COMP, comparator(CODE + 0x100))
    for bench in (plain, watched):
        bench.run(10_000)
    assert plain.state() == watched.state()


def test_without_a_debugger_a_match_is_a_hardfault() -> None:
    code = Asm(CODE).nop().nop().adds(0, 1).label("fault").b("fault")
    bench = Bench().program(code, {3: "fault"}).start()
    bench.write(FP_CTRL, 3)
    bench.write(FP_COMP, comparator(CODE + 4))
    bench.run(50)
    assert bench.read(0xE000_ED2C) == 1 << 31
    assert bench.register_while_running(0) == 0


def test_breakpoints_survive_a_system_reset_but_not_power_off() -> None:
    code = loop()
    bench = debugged(code)
    bench.write(FP_COMP, comparator(code.labels["odd"]))
    bench.write(0xE000_ED0C, 0x05FA_0004)
    bench.run(8000)
    assert bench.register(15) == code.labels["odd"]
    bench.machine.power_off()
    bench.machine.power_on()
    assert bench.read(FP_CTRL) == 0x260
    assert bench.read(FP_COMP) == 0


def test_remap_is_refused_loudly() -> None:
    bench = debugged(loop())
    with pytest.raises(Unmodelled, match="FP_COMP2"):
        bench.write(FP_COMP + 8, CODE | 1)
    bench = debugged(loop())
    with pytest.raises(BusFault):
        bench.machine.ap_read(FP_CTRL, 1)


# --- DWT


def test_cyccnt_counts_core_cycles_and_stands_still_while_halted() -> None:
    bench = debugged(loop())
    bench.write(DWT, 1)
    bench.write(DWT + 4, 0)
    bench.run(1000)
    assert bench.read(DWT + 4) == 1000
    bench.halt()
    bench.run(5000)
    assert bench.read(DWT + 4) == 1000
    bench.dhcsr(1)
    bench.run(10)
    assert bench.read(DWT + 4) == 1010
    bench.write(DWT, 0)
    bench.run(100)
    assert bench.read(DWT + 4) == 1010


def test_firmware_reads_cyccnt_at_its_own_instruction() -> None:
    code = Asm(CODE).poke(DEMCR, 1 << 24).poke(DWT, 1).load(0, DWT).ldr(1, 0, 4).nop().nop().ldr(2, 0, 4)
    bench = Bench().program(code.label("end").b("end")).start().run(100).halt()
    assert bench.register(2) - bench.register(1) == 3


def test_pcsr_samples_while_running_and_reads_ones_while_halted() -> None:
    bench = debugged(loop()).run(100)
    assert CODE <= bench.read(DWT + 0x1C) < CODE + 0x20
    bench.halt()
    assert bench.read(DWT + 0x1C) == 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("function", "pc_label"), [(5, "after load"), (6, "after store"), (7, "after store"), (4, "pc")]
)
def test_a_watchpoint_stops_after_its_access(function: int, pc_label: str) -> None:
    code = loop()
    bench = debugged(code)
    index = 2
    bench.write(DWT + 0x20 + 16 * index, RAM if function != 4 else code.labels["odd"])
    bench.write(DWT + 0x24 + 16 * index, 2 if function != 4 else 0)
    bench.write(DWT + 0x28 + 16 * index, function)
    bench.run(500)
    assert bench.read(DHCSR) & 0xFF_FFFF == 0x03_0003
    assert bench.read(DFSR) == 5
    expected = {"after load": 4, "after store": 2, "pc": 0}[pc_label] + code.labels["store"]
    assert bench.register(15) == expected
    assert bench.words(RAM, 1)[0] == (1 if function != 4 else 0)
    assert bench.read(DWT + 0x28 + 16 * index) == function | 1 << 24
    assert bench.read(DWT + 0x28 + 16 * index) == function
    bench.write(DWT + 0x28 + 16 * index, 0)
    bench.dhcsr(1)
    bench.run(500)
    assert not bench.read(DHCSR) & 1 << 17


def test_a_watchpoint_inside_an_it_block_leaves_the_rest_of_the_program_alone() -> None:
    code = Asm(CODE).load(2, RAM).movs(0, 0).label("loop").cmp(0, 0)
    code.it("eq", "te").str_(0, 2).adds(4, 1).adds(5, 1).adds(6, 1).b("loop")
    bench = debugged(code)
    bench.write(DWT + 0x20, RAM)
    bench.write(DWT + 0x24, 2)
    bench.write(DWT + 0x28, 6)
    for rounds in range(1, 4):
        bench.run(200)
        assert bench.read(DHCSR) & 1 << 17
        assert bench.register(4) == rounds
        assert bench.register(5) == 0
        bench.dhcsr(1)
    bench.write(DWT + 0x28, 0)
    bench.run(600).halt()
    assert abs(bench.register(4) - bench.register(6)) <= 1


def test_what_the_dwt_cannot_do_here_is_refused() -> None:
    bench = debugged(loop())
    with pytest.raises(Unmodelled, match="DWT_FUNCTION1"):
        bench.write(DWT + 0x38, 0x106)
