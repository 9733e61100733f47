"""Interrupts are served while a user steps, and no step ends in a handler."""

from __future__ import annotations

import pytest
from support.boards import ENTRY, FLASH, HANDLER, RAM, Bench, on_board
from support.thumb import Asm

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.registers_core import XPSR
from haltpoint.arm.stop import Stop, StopReason

NOP = 0xBF00
FLAG = RAM + 0x100
PROBES = pytest.mark.parametrize("options", ["", ",probe=ft2232h,wire=swd"], ids=["stlink", "ftdi-swd"])
SYSTICK = ((0xE000E014, 3000), (0xE000E018, 0), (0xE000E010, 7))
PEND_SYSTICK = (0xE000ED04, 1 << 26)


def listing(code: Asm) -> list[int]:
    raw = bytes(code.assemble())
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


def waiting() -> Asm:
    """r2 points at the flag; "loop" waits until it is set; "out" is a function that a handler may call as well."""
    code = Asm(ENTRY)
    code.label("loop").ldr(0, 2).cmp(0, 0).b_if("eq", "loop")
    return code.label("out").adds(3, 1).bx(14)


def setting() -> Asm:
    """A handler that sets the flag and counts in r7."""
    return Asm(HANDLER).adds(7, 1).str_(7, 2).bx(14)


def calling() -> Asm:
    """A handler that calls what stands where the range ends, and then sets the flag."""
    code = Asm(HANDLER).push(1 << 4, lr=True).load(4, waiting_place("out") | 1)
    return code.half(0x47A0).adds(7, 1).str_(7, 2).pop(1 << 4, pc=True)  # blx r4


def waiting_place(label: str) -> int:
    code = waiting()
    code.assemble()
    return code.labels[label]


async def prepared(bench: Bench, writes: tuple[tuple[int, int], ...] = SYSTICK) -> None:
    for register in (3, 7):
        await bench.core.write_register(register, 0)
    await bench.core.write_register(2, FLAG)
    for address, value in ((FLAG, 0), *writes):
        await bench.memory.write32(address, value)


async def over(bench: Bench, start: int, end: int) -> Stop:
    code = await bench.core.read_memory(start, end - start)
    stop = None
    for _ in range(500):
        stop = await bench.core.step_range(start, end, code, 0.02)
        if stop is not None:
            return stop
    raise AssertionError("the range does not end")


@PROBES
@pytest.mark.parametrize("handler", [setting, calling])
def test_a_line_that_waits_for_an_interrupt_ends(handler: object, options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench)
        bench.transfers()
        stop = await over(bench, ENTRY, waiting_place("out"))
        assert (stop.reason, stop.pc) == (StopReason.STEP, waiting_place("out"))
        assert XPSR(stop.xpsr).IPSR == 0, "not on the handler's behalf"
        assert stop.registers[7] >= 1, "it was served"
        assert bench.transfers() < 100, "by running, not by steps"

    made = handler()  # type: ignore[operator]
    on_board(scenario, code=listing(waiting()), handler=listing(made), options=options)


@PROBES
def test_a_line_that_sleeps_until_an_interrupt_ends(options: str) -> None:
    code = Asm(ENTRY).label("loop").wfi().ldr(0, 2).cmp(0, 0).b_if("eq", "loop").label("end").nop().bx(14)
    program = listing(code)

    async def scenario(bench: Bench) -> None:
        await prepared(bench)
        bench.transfers()
        stop = await over(bench, ENTRY, code.labels["end"])
        assert (stop.reason, stop.pc) == (StopReason.STEP, code.labels["end"])
        assert bench.transfers() < 100

    on_board(scenario, code=program, handler=listing(setting()), options=options)


@PROBES
def test_a_step_does_not_keep_interrupts_out_for_ever(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, ((0xE000E014, 40), (0xE000E018, 0), (0xE000E010, 7)))
        for _ in range(60):
            stop = await bench.core.step()
            assert stop.reason is StopReason.STEP
            assert XPSR(stop.xpsr).IPSR == 0
            if stop.pc == waiting_place("out"):
                break
        assert (stop.pc, stop.registers[7]) == (waiting_place("out"), 1)
        assert bench.target(0xE0002008) == 0 or stop.registers[7], "no comparator is left in use"

    on_board(scenario, code=listing(waiting()), handler=listing(setting()), options=options)


def test_a_step_that_serves_costs_so_many_transfers_and_the_others_no_more_than_before() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        costs = []
        for _ in range(4):
            bench.transfers()
            await bench.core.step()
            costs.append(bench.transfers())
        assert costs[0] <= 8
        assert costs[1] <= 16, "the interrupt is let in before it"
        assert max(costs[2:]) <= 8
        assert (await bench.core.halt()).registers[7] == 1

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_interrupts_that_the_program_itself_masks_do_not_stop_steps() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        await bench.core.write_register(20, 1)  # PRIMASK
        pcs = [(await bench.core.step()).pc for _ in range(4)]
        assert pcs == [ENTRY + 2, ENTRY + 4, ENTRY, ENTRY + 2]
        assert (await bench.core.halt()).registers[7] == 0

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_step_before_which_the_handler_uses_the_same_code_stays_in_the_program() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        out = waiting_place("out")
        await bench.core.write_register(15, out - 2)
        await bench.core.write_register(14, ENTRY | 1)
        await bench.core.write_register(16, 0x0100_0000)
        await bench.core.step()
        stop = await bench.core.step()
        assert (stop.reason, stop.pc, XPSR(stop.xpsr).IPSR) == (StopReason.STEP, out + 2, 0)
        assert (stop.registers[3], stop.registers[7]) == (1, 1), "r3 is saved for the program"

    on_board(scenario, code=listing(waiting()), handler=listing(calling()))


def test_a_breakpoint_in_a_handler_stops_a_step() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        bench.core.breakpoints.add(HANDLER + 2, BreakpointKind.HARDWARE)
        await bench.core.step()
        stop = await bench.core.step()
        assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, HANDLER + 2)

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_breakpoint_in_a_handler_stops_a_range_which_may_go_on_behind_it() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench)
        bench.core.breakpoints.add(HANDLER + 2, BreakpointKind.HARDWARE)
        stop = await over(bench, ENTRY, waiting_place("out"))
        assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, HANDLER + 2)
        assert XPSR(stop.xpsr).IPSR == 15
        stop = await over(bench, ENTRY, waiting_place("out"))
        assert (stop.reason, stop.pc) == (StopReason.STEP, waiting_place("out")), "the same range goes on"

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_handler_that_does_not_return_is_told_of() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        await bench.core.step()
        stop = await bench.core.step()
        assert (stop.reason, stop.pc) == (StopReason.HALT_REQUEST, HANDLER)
        assert "did not return within 0.5 s" in bench.core.notices[-1]

    on_board(scenario, code=listing(waiting()), handler=[0xE7FE])


def test_an_svc_in_a_range_leads_into_its_handler() -> None:
    async def scenario(bench: Bench) -> None:
        stop = await over(bench, ENTRY, ENTRY + 10)
        assert (stop.reason, stop.pc, XPSR(stop.xpsr).IPSR) == (StopReason.STEP, HANDLER, 11)

    on_board(scenario, code=[NOP, NOP, 0xDF00, NOP, NOP, 0xE7FE], handler=[NOP, NOP, 0x4770])


def test_with_one_comparator_left_the_loop_still_ends() -> None:
    """Two places are needed at once here; with one comparator it goes by straight pieces."""
    code = Asm(ENTRY).label("loop").nop().ldr(0, 2).cmp(0, 77).b_if("eq", "far").cmp(0, 0).b_if("eq", "loop")
    code.label("out").adds(3, 1).bx(14).label("far").nop()
    program = listing(code)

    async def scenario(bench: Bench) -> None:
        await prepared(bench, ((0xE000E014, 200), (0xE000E018, 0), (0xE000E010, 7)))
        for index in range(5):
            bench.core.breakpoints.add(ENTRY + 0x80 + 4 * index, BreakpointKind.HARDWARE)
        stop = await over(bench, ENTRY, code.labels["out"])
        assert (stop.reason, stop.pc) == (StopReason.STEP, code.labels["out"])

    on_board(scenario, code=program, handler=listing(setting()))


def test_a_breakpoint_for_which_the_ranges_comparator_is_needed_ends_the_step() -> None:
    """In non-stop mode breakpoints come while a range is stepped over."""

    async def scenario(bench: Bench) -> None:
        core = bench.core
        await prepared(bench, ())
        code = await core.read_memory(ENTRY, waiting_place("out") - ENTRY)
        assert await core.step_range(ENTRY, waiting_place("out"), code, 0.01) is None
        for index in range(6):
            core.breakpoints.add(ENTRY + 0x80 + 4 * index, BreakpointKind.HARDWARE)
            await core.apply_points()
            assert (core.stop is None) == (index < 5)

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_bkpt_in_ram_that_comes_meanwhile_leaves_the_ranges_comparators_in_place() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await prepared(bench, ())
        end = waiting_place("out")
        code = await core.read_memory(ENTRY, end - ENTRY)
        assert await core.step_range(ENTRY, end, code, 0.01) is None
        core.breakpoints.add(RAM + 0x200, BreakpointKind.SOFTWARE)
        await core.apply_points()
        assert core.stop is None
        assert bench.target(RAM + 0x200) & 0xFFFF == 0xBE00
        await bench.memory.write32(FLAG, 1)
        stop = await core.step_range(ENTRY, end, code, 0.01)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, end)

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_halt_while_a_range_runs_leaves_nothing_behind() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await prepared(bench, ())
        end = waiting_place("out")
        code = await core.read_memory(ENTRY, end - ENTRY)
        assert await core.step_range(ENTRY, end, code, 0.01) is None
        stop = await core.halt()
        assert stop.reason is StopReason.HALT_REQUEST
        await bench.memory.write32(FLAG, 1)
        await core.write_register(14, FLASH + 0x141)
        await core.resume()
        assert await core.poll() is None, "nothing stops it where the range ended"
        assert (await core.halt()).pc == FLASH + 0x140

    on_board(scenario, code=[*listing(waiting()), *[NOP] * 27, 0xE7FE], handler=listing(setting()))


# ---------------------------------------------------------------------------------------- code in RAM
IN_RAM = RAM + 0x400


async def in_ram(bench: Bench) -> tuple[int, int]:
    """The program that waits, copied to where no comparator reaches; the range of its loop."""
    await bench.memory.write(IN_RAM, bytes(waiting().assemble()))
    await bench.core.write_register(15, IN_RAM)
    return IN_RAM, IN_RAM + waiting_place("out") - ENTRY


@PROBES
def test_a_loop_in_ram_that_waits_for_an_interrupt_ends(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench)
        start, end = await in_ram(bench)
        stop = await over(bench, start, end)
        assert (stop.reason, stop.pc, stop.bkpt) == (StopReason.STEP, end, None)
        assert stop.registers[7] >= 1
        copy = await bench.core.read_memory(IN_RAM, 10)
        assert copy == bytes(waiting().assemble())[:10], "our BKPT does not show"
        stop = await bench.core.step()
        assert (stop.reason, stop.pc, stop.registers[3]) == (StopReason.STEP, end + 2, 1), "nor is it met"
        await bench.core.detach()
        assert await bench.memory.read(IN_RAM, 10) == copy, "and it does not stay"

    on_board(scenario, code=listing(waiting()), handler=listing(setting()), options=options)


def test_steps_in_ram_let_interrupts_in() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, (PEND_SYSTICK,))
        start, _ = await in_ram(bench)
        pcs = [(await bench.core.step()).pc for _ in range(3)]
        assert pcs == [start + 2, start + 4, start]
        assert (await bench.core.halt()).registers[7] == 1

    on_board(scenario, code=listing(waiting()), handler=listing(setting()))


def test_a_few_instructions_in_ram_are_stepped_without_writing_to_it() -> None:
    async def scenario(bench: Bench) -> None:
        await prepared(bench, ())
        start, _ = await in_ram(bench)
        code = await bench.core.read_memory(start, 4)
        bench.transfers()
        stop = await bench.core.step_range(start, start + 4, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, start + 4)
        assert bench.transfers() <= 12

    on_board(scenario, code=listing(waiting()))
