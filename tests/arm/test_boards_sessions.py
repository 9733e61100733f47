"""Connecting, reset and detaching through the real driver on simulated boards."""

from __future__ import annotations

import pytest
import trio
from support.boards import ENTRY, HANDLER, RAM, Bench, on_board

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.core import ConnectMode
from haltpoint.arm.reset import LINE_DEAD, ResetKind
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


# ---------------------------------------------------------------------------------------- connecting
@pytest.mark.parametrize("mode", ConnectMode)
def test_connect_modes(mode: ConnectMode) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.connect(mode)
        assert not bench.core.notices
        stop = await bench.core.poll()
        match mode:
            case ConnectMode.ATTACH:
                assert stop is None
                assert bench.target(DHCSR) & CONTROL_BITS == 1
            case ConnectMode.HALT:
                assert stop is not None
                assert (stop.reason, stop.pc) == (StopReason.HALT_REQUEST, ENTRY + 16)
            case ConnectMode.UNDER_RESET:
                assert stop is not None
                assert (stop.reason, stop.pc) == (StopReason.RESET, ENTRY)
        assert bench.target(DEMCR) == 0x010007F0

    async def late(bench: Bench) -> None:
        await trio.sleep(0.1)
        await scenario(bench)

    on_board(late, code=NOPS, mode=None)


@pytest.mark.parametrize("mode", [ConnectMode.HALT, ConnectMode.ATTACH])
def test_connecting_to_a_locked_up_core_says_so(mode: ConnectMode) -> None:
    async def scenario(bench: Bench) -> None:
        await trio.sleep(0.1)
        await bench.core.connect(mode)
        stop = await bench.core.poll()
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.LOCKUP, 0xFFFFFFFE)

    on_board(scenario, code=[UDF], handler=[UDF], mode=None)


def test_connecting_while_the_reset_line_is_held_low_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        bench.board.machine.hold_reset(True)
        with pytest.raises(TargetError, match=r"Halting the core failed: .*in reset.*holds the reset line low"):
            await bench.core.connect(ConnectMode.HALT)
        bench.board.machine.hold_reset(False)
        await bench.core.connect(ConnectMode.HALT)
        assert bench.core.stop is not None

    on_board(scenario, code=NOPS, mode=None)


def test_connect_clears_what_an_earlier_debugger_left() -> None:
    async def scenario(bench: Bench) -> None:
        machine = bench.board.machine
        for address, value in (
            (DHCSR, 0xA05F0003),
            (DHCSR, 0xA05F000B),
            (DEMCR, 0x01000001),
            (FP_CTRL, 3),
            (FP_COMP0 + 8, 0x48000101 + 4),
            (0xE0001020, RAM),
            (0xE0001028, 7),
        ):
            machine.ap_write(address, value, 4)
        await bench.core.connect(ConnectMode.HALT)
        assert [bench.target(FP_COMP0 + 4 * n) for n in range(6)] == [0] * 6
        assert bench.target(0xE0001028) & 0xF == 0
        assert bench.target(DEMCR) == 0x010007F0
        await bench.core.reset(halt=True)
        await bench.core.resume()
        assert bench.target(DHCSR) & CONTROL_BITS == 1
        await trio.sleep(0.01)
        assert await bench.core.poll() is None

    on_board(scenario, code=NOPS, mode=None)


@pytest.mark.parametrize("line", [False, True])
def test_without_the_reset_line(line: bool) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        assert core.notices == [LINE_DEAD]
        core.notices.clear()
        assert core.stop is not None
        assert (core.stop.reason, core.stop.pc) == (StopReason.RESET, ENTRY)
        await core.resume()
        stop = await core.reset(halt=True, kind=ResetKind.HARDWARE if line else ResetKind.SYSTEM)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.RESET, ENTRY)
        assert core.notices == [LINE_DEAD] * line

    on_board(scenario, code=NOPS, options=",nrst=none")


# ---------------------------------------------------------------------------------------- reset
@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("state", ["running", "asleep", "halted", "stepped", "in a handler"])
def test_reset_halt(state: str, line: bool) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        core.breakpoints.add(ENTRY + 0x40, HARDWARE)
        if state == "stepped":
            await core.step()
        elif state != "halted":
            await core.resume()
            await trio.sleep(0.01)
        if state == "in a handler":
            assert core.stop is None
            assert (await core.halt()).pc == HANDLER
        stop = await core.reset(halt=True, kind=ResetKind.HARDWARE if line else ResetKind.SYSTEM)
        assert stop is not None
        assert (stop.reason, stop.pc, stop.dfsr & 8) == (StopReason.RESET, ENTRY, 8)
        assert stop.xpsr == 0x01000000
        assert bench.target(DEMCR) == 0x010007F0, "VC_CORERESET is out again"
        assert not core.notices
        await core.resume()
        assert bench.target(FP_CTRL) & 1
        assert bench.target(FP_COMP0) == 0x40000001 | ENTRY + 0x40

    code = {"asleep": [WFI, LOOP], "in a handler": [0xDF00]}.get(state, NOPS)  # svc #0
    on_board(scenario, code=code)


@pytest.mark.parametrize("line", [False, True])
def test_reset_run_honours_breakpoints_from_the_first_instruction(line: bool) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await core.resume()
        core.breakpoints.add(ENTRY, HARDWARE)
        assert await core.reset(halt=False, kind=ResetKind.HARDWARE if line else ResetKind.SYSTEM) is None
        stop = await bench.stopped()
        assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY)

    on_board(scenario, code=NOPS)


def test_a_reset_by_the_program_itself_is_noticed() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        core.breakpoints.add(ENTRY + 0x20, HARDWARE)
        await core.resume()
        bench.board.machine.system_reset()
        await trio.sleep(0.01)
        assert await core.poll() is None
        assert "was reset while it ran" in core.notices[0]
        assert bench.target(FP_COMP0) == 0x40000001 | ENTRY + 0x20
        assert bench.target(FP_CTRL) & 1
        assert await core.poll() is None
        assert len(core.notices) == 1

    on_board(scenario, code=NOPS)


# ---------------------------------------------------------------------------------------- detach
@pytest.mark.parametrize("state", ["running", "stepped", "at a breakpoint", "at its own bkpt", "locked up", "asleep"])
def test_detach_leaves_no_trace(state: str) -> None:
    code = {
        "at its own bkpt": [BKPT, *NOPS],
        "locked up": [UDF],
        "asleep": [WFI, LOOP],
    }.get(state, NOPS)

    async def scenario(bench: Bench) -> None:
        core = bench.core
        if state == "at a breakpoint":
            core.breakpoints.add(ENTRY + 4, HARDWARE)
            await bench.run_to(ENTRY + 4)
        elif state == "at its own bkpt":
            await bench.run_to(ENTRY)
        elif state == "stepped":
            await core.step()
        else:
            if state == "locked up":
                core.vector_catch = 0
                await core.reset(halt=True)
            await core.resume()
            await trio.sleep(0.01)
        await core.detach()
        await trio.sleep(0.01)
        dhcsr = bench.target(DHCSR)
        assert dhcsr & CONTROL_BITS == 0
        assert not dhcsr & 1 << 17, "running"
        assert bool(dhcsr & 1 << 19) == (state == "locked up")
        assert bench.target(DEMCR) == 0
        assert bench.target(DFSR) == 0
        assert not bench.target(FP_CTRL) & 1
        assert [bench.target(FP_COMP0 + 4 * n) for n in range(6)] == [0] * 6
        await core.connect(ConnectMode.HALT)
        assert core.stop is not None
        if state in {"running", "stepped", "at a breakpoint"}:
            assert core.stop.pc == ENTRY + 16
        elif state == "at its own bkpt":
            assert core.stop.pc == ENTRY + 18, "it went on behind its BKPT"

    on_board(scenario, code=code, handler=[UDF])
