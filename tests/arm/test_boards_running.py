"""Core control through the real driver on simulated boards: stops, steps, registers, and what they cost on USB."""

from __future__ import annotations

import pytest
import trio
from support.boards import ENTRY, FLASH, HANDLER, RAM, Bench, on_board

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.faults import read_fault
from haltpoint.arm.stop import StopReason
from haltpoint.probes.errors import TargetError

HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
NOP, LOOP, WFI, UDF, BKPT = 0xBF00, 0xE7FE, 0xBF30, 0xDE00, 0xBE00
LDR_R1_R0, COUNT_R7, BX_LR = 0x6801, 0x3701, 0x4770
NOPS = [NOP] * 8 + [LOOP]
PROBES = ["stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone"]
SYST_CSR, SYST_RVR, SYST_CVR = 0xE000E010, 0xE000E014, 0xE000E018
DFSR, DHCSR, DEMCR, FP_CTRL, FP_COMP0 = 0xE000ED30, 0xE000EDF0, 0xE000EDFC, 0xE0002000, 0xE0002008
CONTROL_BITS = 0xF


@pytest.mark.parametrize("probe", PROBES)
def test_a_session_on_every_probe(probe: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        assert core.stop is not None
        assert (core.stop.reason, core.stop.pc) == (StopReason.RESET, ENTRY)
        assert str(core.info) == "Cortex-M3 r1p1, 6 breakpoints, 4 watchpoints"
        assert (await core.step()).pc == ENTRY + 2
        core.breakpoints.add(ENTRY + 6, HARDWARE)
        stop = await bench.run_to(ENTRY + 6)
        assert stop.reason is StopReason.BREAKPOINT
        await core.write_register(3, 0xCAFE0001)
        await core.write_register(15, ENTRY + 1)
        await bench.run_to(ENTRY + 6)
        assert await core.read_register(3) == 0xCAFE0001
        await core.write_memory(RAM + 1, bytes(range(9)))
        assert await core.read_memory(RAM + 1, 9) == bytes(range(9))
        await core.resume()
        assert await core.poll() is None
        assert (await core.halt()).pc == ENTRY + 16
        stop2 = await core.reset(halt=True)
        assert stop2 is not None
        assert (stop2.reason, stop2.pc) == (StopReason.RESET, ENTRY)
        await bench.run_to(ENTRY + 6)
        await core.detach()
        assert bench.target(DHCSR) & CONTROL_BITS == 0

    on_board(scenario, code=NOPS, options=f",probe={probe}")


# ---------------------------------------------------------------------------------------- transfers
def test_transfer_budgets() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        core.breakpoints.add(ENTRY + 4, HARDWARE)
        await core.resume()
        await trio.sleep(0.01)
        bench.transfers()
        stop = await core.poll()
        assert stop is not None
        assert bench.transfers() <= 6, "the look that sees the stop, and the snapshot"
        for regsel in range(19):
            await core.read_register(regsel)
        assert await core.poll() is stop
        assert bench.transfers() == 0, "g after a stop"
        await core.step()
        assert bench.transfers() <= 8, "a step off a breakpoint"
        await core.step()
        assert bench.transfers() <= 8
        await core.resume()
        assert bench.transfers() <= 6
        await core.poll()
        assert bench.transfers() == 2, "a look at a running core"
        await core.halt()
        assert bench.transfers() <= 6
        await core.read_memory(RAM, 1024)
        assert bench.transfers() <= 4
        await core.write_memory(RAM, bytes(1024))
        assert bench.transfers() <= 4
        await core.write_register(4, 1)
        assert bench.transfers() == 2

    on_board(scenario, code=NOPS)


# ---------------------------------------------------------------------------------------- stepping
def test_steps_do_not_enter_interrupts_and_running_does() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        for register, value in ((SYST_RVR, 8), (SYST_CVR, 0), (SYST_CSR, 7)):
            await bench.memory.write32(register, value)
        for n in range(1, 9):
            stop = await core.step()
            assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 2 * n)
        assert stop.registers[7] == 0
        assert bench.target(DHCSR) & CONTROL_BITS == 0xF, "C_HALT, C_STEP and C_MASKINTS read 1 after a step"
        await core.resume()
        assert bench.target(DHCSR) & CONTROL_BITS == 0x1
        await trio.sleep(0.001)
        assert (await core.halt()).registers[7] > 0

    on_board(scenario, code=NOPS, handler=[COUNT_R7, BX_LR])


def test_step_over_wfi() -> None:
    async def scenario(bench: Bench) -> None:
        stop = await bench.core.step()
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 2)
        assert (await bench.core.step()).pc == ENTRY + 4

    on_board(scenario, code=[WFI, *NOPS])


def test_halt_and_breakpoint_around_wfi() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        core.breakpoints.add(ENTRY + 2, HARDWARE)
        await core.resume()
        await trio.sleep(0.1)
        assert await core.poll() is None, "asleep counts as running"
        stop = await core.halt()
        assert (stop.reason, stop.pc) == (StopReason.HALT_REQUEST, ENTRY + 2)

    on_board(scenario, code=[WFI, *NOPS])


def test_step_into_a_fault_is_a_vector_catch() -> None:
    async def scenario(bench: Bench) -> None:
        stop = await bench.core.step()
        assert (stop.reason, stop.pc) == (StopReason.VECTOR_CATCH, HANDLER)

    on_board(scenario, code=[UDF])


# ---------------------------------------------------------------------------------------- breakpoints
def test_two_breakpoints_in_one_word() -> None:
    async def scenario(bench: Bench) -> None:
        for place in (ENTRY + 4, ENTRY + 6):
            bench.core.breakpoints.add(place, HARDWARE)
        await bench.run_to(ENTRY + 4)
        await bench.run_to(ENTRY + 6)
        assert bench.target(FP_COMP0) == 0xC0000001 | ENTRY + 4

    on_board(scenario, code=NOPS)


def test_a_breakpoint_in_a_loop_is_hit_each_time() -> None:
    async def scenario(bench: Bench) -> None:
        bench.core.breakpoints.add(ENTRY + 2, HARDWARE)
        for turn in range(4):
            stop = await bench.run_to(ENTRY + 2)
            assert stop.registers[7] == turn

    on_board(scenario, code=[0x2700, COUNT_R7, NOP, 0xE7FC])  # movs r7, #0; adds r7, #1; nop; b .-4


def test_all_six_breakpoints_and_no_seventh() -> None:
    async def scenario(bench: Bench) -> None:
        places = [ENTRY + 4 * n for n in range(1, 7)]
        for place in places:
            bench.core.breakpoints.add(place, HARDWARE)
        with pytest.raises(TargetError, match="all of them are in use"):
            bench.core.breakpoints.add(ENTRY + 0x40, HARDWARE)
        for place in places:
            await bench.run_to(place)

    on_board(scenario, code=[NOP] * 16 + [LOOP])


@pytest.mark.parametrize("probe", PROBES)
def test_software_breakpoints_in_ram(probe: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        place = RAM + 0x100
        original = b"".join(h.to_bytes(2, "little") for h in NOPS)
        await core.write_memory(place, original)
        await core.write_register(15, place)
        core.breakpoints.add(place + 4, SOFTWARE)
        core.breakpoints.add(place + 6, SOFTWARE)
        stop = await bench.run_to(place + 4)
        assert stop.reason is StopReason.BREAKPOINT
        assert bench.target(place + 4) == BKPT << 16 | BKPT
        assert await core.read_memory(place, len(original)) == original
        await bench.run_to(place + 6)
        assert (await core.step()).pc == place + 8
        await core.resume()
        assert bench.target(place + 4) == BKPT << 16 | BKPT
        await core.halt()
        core.breakpoints.clear()
        await core.resume()
        assert bench.target(place + 4) == NOP << 16 | NOP

    on_board(scenario, code=NOPS, options=f",probe={probe}")


def test_software_breakpoint_where_nothing_can_be_written() -> None:
    async def scenario(bench: Bench) -> None:
        bench.core.breakpoints.add(ENTRY + 4, SOFTWARE)
        with pytest.raises(TargetError):
            await bench.core.resume()
        stop = await bench.core.poll()
        assert stop is not None
        assert stop.pc == ENTRY
        bench.core.breakpoints.clear()
        await bench.core.resume()
        assert await bench.core.poll() is None

    on_board(scenario, code=NOPS)


def test_a_bkpt_of_the_programs_own() -> None:
    async def scenario(bench: Bench) -> None:
        stop = await bench.run_to(ENTRY + 2)
        assert stop.reason is StopReason.BREAKPOINT
        await bench.run_to(ENTRY + 6)
        stop = await bench.core.step()
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 8)
        await bench.core.resume()
        assert await bench.core.poll() is None

    on_board(scenario, code=[NOP, BKPT, NOP, BKPT + 0xAB, *NOPS])


# ---------------------------------------------------------------------------------------- faults
def test_a_bus_fault_says_where() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await core.write_register(0, 0x60000000)
        stop = await bench.run_to(HANDLER)
        assert stop.reason is StopReason.VECTOR_CATCH
        assert stop.xpsr & 0x1FF == 3
        fault = await read_fault(bench.memory, stop)
        assert (fault.exception, fault.pc, fault.address) == ("HardFault", ENTRY + 2, 0x60000000)
        assert "a load or store at 0x60000000 got a bus error" in str(fault)

    on_board(scenario, code=[NOP, LDR_R1_R0, *NOPS])


def test_an_undefined_instruction_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        stop = await bench.run_to(HANDLER)
        fault = await read_fault(bench.memory, stop)
        assert fault.pc == ENTRY
        assert "undefined" in str(fault)

    on_board(scenario, code=[UDF, *NOPS])


@pytest.mark.parametrize("by", ["poll", "halt"])
def test_lockup(by: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        core.vector_catch = 0
        await core.reset(halt=True)
        await core.resume()
        await trio.sleep(0.01)
        assert bench.target(DHCSR) & 1 << 19, "locked up"
        stop = await (core.poll() if by == "poll" else core.halt())
        assert stop is not None
        assert stop.reason is StopReason.LOCKUP
        assert stop.pc == 0xFFFFFFFE
        assert stop.cfsr
        assert str(await read_fault(bench.memory, stop)).startswith(f"Lockup: after a fault at pc {ENTRY:#010x}")
        again = await core.reset(halt=True)
        assert again is not None
        assert again.pc == ENTRY

    on_board(scenario, code=[UDF], handler=[UDF])


# ---------------------------------------------------------------------------------------- registers
def test_stack_pointer_banks_and_special_registers() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await core.write_register(18, RAM + 0x800)
        await core.write_register(13, RAM + 0x1000)
        assert await core.read_register(17) == RAM + 0x1000
        await core.write_register(20, 0x02000001)  # CONTROL.SPSEL, PRIMASK
        assert await core.read_register(20) == 0x02000001
        assert await core.read_register(13) == RAM + 0x800, "SP is PSP now"
        await core.write_register(13, RAM + 0xC00)
        assert await core.read_register(18) == RAM + 0xC00
        assert await core.read_register(17) == RAM + 0x1000
        await core.write_register(15, ENTRY + 5)
        assert await core.read_register(15) == ENTRY + 4
        stop = await core.step()
        assert stop.pc == ENTRY + 6
        assert stop.sp == RAM + 0xC00

    on_board(scenario, code=NOPS)


def test_flash_behind_the_alias() -> None:
    """A breakpoint at the alias of the flash at 0 is one at another address; both are hit by PC."""

    async def scenario(bench: Bench) -> None:
        core = bench.core
        alias = ENTRY - FLASH
        await core.write_register(15, alias)
        core.breakpoints.add(alias + 4, HARDWARE)
        await bench.run_to(alias + 4)

    on_board(scenario, code=NOPS)
