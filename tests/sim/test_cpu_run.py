"""Instructions in exact virtual time: the same bits however the run is sliced."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.cortex import CODE, DHCSR, ICSR, MS, RAM, SYST, Bench
from support.thumb import Asm

from haltpoint.sim.bus import BusFault, Unmodelled


def busy_firmware() -> Asm:
    """SysTick, SVC, PendSV, IT blocks, shadow registers and a WFI, forever."""
    code = Asm(CODE)
    code.poke(SYST + 4, 499).poke(SYST + 8, 0).poke(SYST, 7)
    code.load(4, RAM).movs(5, 0).label("loop").adds(5, 1).str_(5, 4).svc(1)
    code.load(0, ICSR).load(1, 1 << 28).str_(1, 0)
    code.load(0, 0x4000_1000).str_(5, 0).ldr(6, 0, 12).str_(6, 4, 16)
    code.cmp(5, 0x55).it("ne", "te").adds(7, 1).adds(7, 2).adds(7, 5)
    code.load(0, 0x2200_0000 + 0x20 * 32).str_(5, 0)
    code.movs(0, 15).half(0x4028).b_if("ne", "loop").wfi().b("loop")  # ANDS r0, r5: sleep every 16th round
    for label, offset in (("tick", 4), ("svc", 8), ("pendsv", 12)):
        code.label(label).load(0, RAM + offset).ldr(1, 0).adds(1, 1).str_(1, 0).bx(14)
    return code


def run_sliced(slices: list[int], total: int = 40_000) -> Bench:
    bench = Bench().program(busy_firmware(), {15: "tick", 11: "svc", 14: "pendsv"}).start()
    done = index = 0
    while done < total:
        step = min(slices[index % len(slices)], total - done)
        bench.run(step)
        done, index = done + step, index + 1
    return bench


@pytest.mark.parametrize("slices", [[1], [10], [97], [1000], [1, 2, 3, 500]], ids=str)
def test_the_state_does_not_depend_on_how_the_run_is_sliced(slices: list[int]) -> None:
    whole = run_sliced([40_000])
    ticks = whole.words(RAM, 4)[1]
    assert ticks == pytest.approx(80, abs=1)
    assert run_sliced(slices).state() == whole.state()


def test_one_instruction_takes_one_cycle() -> None:
    code = Asm(CODE).label("loop").adds(0, 1).b("loop")
    bench = Bench().program(code).start().run(2001).halt()
    assert bench.register(0) == 1001
    assert bench.machine.core.cycle == 2001


@pytest.mark.parametrize("hz", [8_000_000, 72_000_000])
def test_the_core_clock_sets_the_pace(hz: int) -> None:
    code = Asm(CODE).load(2, 0).label("loop").half(0x3001).b("loop")
    bench = Bench(hz=hz).program(code).start()
    bench.clock.advance(MS)
    assert bench.halt().register(0) == pytest.approx(hz // 2000, abs=2)


def test_changing_the_core_clock_changes_the_pace_from_then_on() -> None:
    code = Asm(CODE).label("loop").adds(0, 1).b("loop")
    bench = Bench().program(code).start().run(8000)
    bench.machine.set_core_clock(72_000_000)
    bench.clock.advance(MS)
    bench.machine.run_until_now()
    assert bench.machine.core.cycle == 80_000


def test_an_event_fires_at_its_exact_cycle() -> None:
    code = Asm(CODE).label("loop").adds(0, 1).b("loop")
    bench = Bench().program(code).start()
    seen: list[tuple[int, int]] = []
    bench.clock.at(1_000_000, lambda: seen.append((bench.clock.now, bench.machine.core.cycle)))
    bench.clock.advance(MS)
    bench.machine.run_until_now()
    assert seen == [(1_000_000, 8)]


def test_a_store_to_a_register_sees_its_own_time_and_may_schedule() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).movs(1, 1).str_(1, 0).label("loop").adds(2, 1).b("loop")
    bench = Bench().program(code).start()
    times: list[int] = []
    original = bench.scratch.write

    def write(offset: int, value: int, width: int) -> None:
        times.append(bench.clock.now)
        bench.clock.at(bench.clock.now + 125_000 * 10, lambda: times.append(bench.machine.core.cycle))
        original(offset, value, width)

    bench.scratch.write = write  # type: ignore[method-assign]
    bench.run(1000)
    assert times == [4 * 125_000, 14]


def test_a_shadow_register_reads_what_the_model_publishes_not_what_was_stored() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).load(1, 0x1234_5678).str_(1, 0, 8).ldr(2, 0, 8).ldr(3, 0, 12).bkpt()
    bench = Bench().program(code).start().run(50).halt()
    assert bench.register(2) == 0x5678
    assert bench.register(3) == 1
    assert bench.scratch.writes == [(8, 0x1234_5678, 4)]


def test_several_stores_of_one_instruction_arrive_in_order() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).movs(1, 1).movs(2, 2).half(0xC006).label("end").b("end")  # STM r0!, {r1, r2}
    bench = Bench().program(code).start().run(50).halt()
    assert bench.scratch.writes == [(0, 1, 4), (4, 2, 4)]
    assert bench.register(0) == 0x4000_1008


def test_a_firmware_error_in_a_model_stops_loudly() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).movs(1, 1).str_(1, 0).label("end").b("end")
    bench = Bench().program(code).start()

    def write(offset: int, value: int, width: int) -> None:
        raise Unmodelled(f"scratch: {offset} {value} {width}")

    bench.scratch.write = write  # type: ignore[method-assign]
    with pytest.raises(Unmodelled, match="scratch: 0 1 4"):
        bench.run(50)


# --- a busy flash


def test_a_store_to_a_busy_flash_waits_until_it_is_free() -> None:
    code = Asm(CODE).load(0, 0x0800_8000).movs(1, 1).strh(1, 0).strh(1, 0, 2).label("end").b("end")
    bench = Bench().program(code)
    bench.flash.duration = 50_000_000
    bench.start().run(2000)
    times = [time for time, *_ in bench.flash.log]
    assert [address for _, address, *_ in bench.flash.log] == [0x0800_8000, 0x0800_8002]
    assert times[0] == 4 * 125_000
    assert times[1] == times[0] + 50_000_000 + 125_000  # the fetch of the second store had to wait as well
    assert bench.machine.bus.peek(0x0800_8000, 4) == b"\x01\x00\x01\x00"


def test_code_in_ram_runs_while_the_flash_is_busy_until_it_reads_from_it() -> None:
    ram = Asm(RAM).load(0, 0x0800_8000).movs(1, 7).strh(1, 0)
    ram.adds(2, 1).adds(2, 1).ldr(3, 0).label("end").b("end")
    boot = Asm(CODE).load(0, RAM | 1).bx(0)
    bench = Bench().program(boot)
    bench.machine.bus.patch(RAM, ram.assemble())
    bench.flash.duration = 100 * 125_000
    bench.start().run(10)
    assert bench.register_while_running(2) == 2
    assert bench.register_while_running(3) == 0
    bench.run(100)
    assert bench.register_while_running(3) == 0xFFFF_0007


def test_stores_to_rom_change_nothing_and_fault() -> None:
    code = Asm(CODE).load(0, 0x1FFF_F000).movs(1, 7).str_(1, 0).ldr(2, 0).label("end").b("end")
    bench = Bench()
    bench.machine.bus.add_rom("system memory", 0x1FFF_F000, bytes(range(64)))
    bench.program(code, {3: "end"}).start().run(50)
    assert bench.machine.bus.peek(0x1FFF_F000, 4) == bytes(range(4))
    assert bench.read(0xE000_ED28) == 1 << 10  # IMPRECISERR


# --- the bus itself


def test_overlapping_owners_are_refused() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="overlaps SRAM"):
        bench.machine.bus.add_ram("more", RAM + 0x4000, 0x2000)


def test_nothing_is_added_after_power_on() -> None:
    bench = Bench().program(Asm(CODE).label("a").b("a")).start()
    with pytest.raises(RuntimeError, match="after the machine had run"):
        bench.machine.bus.add_ram("late", 0x1000_0000, 0x1000)


def test_an_unmapped_address_is_a_bus_fault_with_its_address() -> None:
    bench = Bench().program(Asm(CODE).label("a").b("a")).start()
    for address in (0x3000_0000, RAM + 0x5000, 0x4000_1400, 0xE000_3000):
        with pytest.raises(BusFault) as fault:
            bench.machine.ap_read(address, 4)
        assert fault.value.address == address


def test_block_accesses_name_the_first_bad_word_and_keep_what_was_before() -> None:
    bench = Bench().program(Asm(CODE).label("a").b("a")).start()
    with pytest.raises(BusFault) as fault:
        bench.machine.ap_write_words(RAM + 0x4FF8, bytes(range(16)))
    assert fault.value.address == RAM + 0x5000
    assert bench.machine.ap_read_words(RAM + 0x4FF8, 2) == bytes(range(8))


def test_two_memories_and_a_register_file_share_a_page_and_the_rest_of_it_is_a_hole() -> None:
    code = Asm(CODE).load(0, 0x1FFF_F800).ldr(1, 0).load(0, 0x1FFF_F900).ldr(2, 0).label("end").b("end")
    bench = Bench()
    bench.machine.bus.add_rom("system memory", 0x1FFF_F000, b"\x5a" * 0x800)
    bench.machine.bus.add_rom("options", 0x1FFF_F800, b"\xa5" * 16)
    bench.program(code, {3: "end"}).start().run(50)
    registers = bench.machine.core.engine.read_registers()
    assert registers[1] == 0xA5A5_A5A5
    assert bench.read(0xE000_ED38) == 0x1FFF_F900  # BFAR: the hole
    assert bench.machine.ap_read_words(0x1FFF_F7FC, 2) == b"\x5a" * 4 + b"\xa5" * 4


def test_bit_band_aliases_reach_sram_and_registers_from_core_and_debugger() -> None:
    code = Asm(CODE).load(0, 0x2200_0000 + 0x101 * 32 + 3 * 4).movs(1, 1).str_(1, 0).ldr(2, 0)
    code.load(0, 0x4200_0000 + 0x1000 * 32 + 5 * 4).str_(1, 0).label("end").b("end")
    bench = Bench().program(code).start().run(50)
    assert bench.read(RAM + 0x100) == 0x0800
    assert bench.scratch.writes == [(0, 0x20, 4)]
    assert bench.read(0x2200_0000 + 0x101 * 32 + 3 * 4) == 1
    bench.write(0x2200_0000 + 0x101 * 32 + 3 * 4, 0)
    assert bench.read(RAM + 0x100) == 0
    with pytest.raises(BusFault):
        bench.read(0x2200_0000 + 0x5000 * 32)


def test_memory_written_by_the_debugger_is_executed_at_once() -> None:
    boot = Asm(CODE).load(0, RAM | 1).bx(0)
    bench = Bench().program(boot)
    bench.machine.bus.patch(RAM, Asm(RAM).label("loop").adds(1, 1).b("loop").assemble())
    bench.start().run(1000)
    bench.machine.ap_write(RAM, Asm(RAM).adds(2, 1).code[0] | Asm(RAM).adds(2, 1).code[1] << 8, 2)
    before = bench.register_while_running(1)
    bench.run(1000)
    assert bench.register_while_running(1) == before
    assert bench.register_while_running(2) == 500


def test_without_power_nothing_answers() -> None:
    bench = Bench().program(Asm(CODE).label("a").b("a")).start()
    bench.machine.power_off()
    with pytest.raises(BusFault, match="no power"):
        bench.read(RAM)
    bench.machine.power_on()
    assert bench.read(CODE) == 0xFFFF_E7FE


def test_code_that_changes_itself_runs_as_changed() -> None:
    ram = Asm(RAM).load(0, RAM + 0x40).load(1, 0x3101).label("loop")
    while ram.here < RAM + 0x40:
        ram.nop()
    ram.half(0x3201).strh(1, 0).b("loop")  # ADDS r2, #1 becomes ADDS r1, #1, #2, #4, ...
    bench = Bench().program(Asm(CODE).load(0, RAM | 1).bx(0))
    bench.machine.bus.patch(RAM, ram.assemble())
    bench.start().run(150)
    assert bench.register_while_running(2) == 1
    assert bench.register_while_running(1) == 0x3101 + 1 + 2 + 4 + 8


def test_a_breakpoint_instruction_written_into_the_middle_of_running_code_is_hit_and_taken_out_again() -> None:
    ram = Asm(RAM).label("loop").adds(1, 1).adds(2, 1).adds(3, 1).adds(4, 1).b("loop")
    bench = Bench().program(Asm(CODE).load(0, RAM | 1).bx(0))
    bench.machine.bus.patch(RAM, ram.assemble())
    bench.start().run(1000)
    bench.dhcsr(1)
    for address in (RAM + 2, RAM + 4, RAM + 6):
        old = bench.machine.ap_read(address, 2)
        bench.machine.ap_write(address, 0xBE00, 2)
        bench.run(100)
        assert bench.register(15) == address
        bench.machine.ap_write(address, old, 2)
        bench.dhcsr(1)
        bench.run(100)
    assert bench.halt().register(1) - bench.register(4) in {0, 1}


def test_a_step_onto_a_busy_flash_is_finished_when_the_flash_is_free() -> None:
    bench = Bench().program(Asm(CODE).label("loop").adds(1, 1).b("loop")).start().run(10).halt()
    bench.set_register(15, CODE)
    before = bench.register(1)
    bench.flash.busy = bench.clock.now + 1000 * 125_000
    bench.dhcsr(5)
    assert not bench.read(DHCSR) & 1 << 17
    bench.run(990)
    assert not bench.read(DHCSR) & 1 << 17
    bench.run(20)
    assert bench.read(DHCSR) & 1 << 17
    assert bench.register(15) == CODE + 2
    assert bench.register(1) == before + 1


def test_unmasking_code_loaded_while_an_interrupt_waits_is_noticed() -> None:
    code = (
        Asm(CODE).cpsid().load(0, RAM + 0x101).label("wait").load(1, RAM).ldr(1, 1).cmp(1, 0).b_if("eq", "wait").bx(0)
    )
    code.label("irq0").mov(8, 7).bx(14)
    bench = Bench().program(code, {16: "irq0"}).start().run(100)
    bench.write(0xE000_E100, 1)
    bench.machine.set_irq(0)
    bench.run(100)
    ram = Asm(RAM + 0x100).adds(7, 1).cpsie().adds(7, 1).label("end").b("end")
    bench.machine.ap_write_words(RAM + 0x100, ram.assemble())
    bench.write(RAM, 1)
    bench.run(100)
    assert bench.register_while_running(8) == 1
    assert bench.register_while_running(7) == 2


def test_without_unicorn_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['unicorn'] = None; import haltpoint.sim.machine"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'pip install "haltpoint[sim]"' in done.stderr


def test_importing_the_package_brings_no_emulator() -> None:
    program = "import sys, haltpoint.sim; sys.exit('unicorn' in sys.modules or 'trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
