"""Calls by BKPT on a simulated board: what they cost, and that nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.boards import ENTRY, RAM, Bench, on_board

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.stop import Stop, StopReason

# movs r0, #5 ; movs r1, #0x20 ; lsls r1, r1, #24 (RAM) ; loop: bkpt 0xab ; adds r2, #1 ; bkpt 0x17 ; b loop
LOOP = [0x2005, 0x2120, 0x0609, 0xBEAB, 0x3201, 0xBE17, 0xE7FA]
CALL, OTHER = ENTRY + 6, ENTRY + 10
PROBES = pytest.mark.parametrize("options", ["", ",probe=ft2232h,wire=swd"], ids=["stlink", "ftdi"])


async def called(bench: Bench, address: int, number: int) -> Stop:
    stop = await bench.stopped()
    assert (stop.pc, stop.bkpt, stop.reason) == (address, number, StopReason.BREAKPOINT)
    return stop


async def answered(bench: Bench, result: int) -> None:
    await bench.core.answer_bkpt(result, [(RAM, 12)])
    await bench.core.resume()


@PROBES
def test_a_second_call_costs_one_list_and_is_as_true_as_the_first(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.resume()
        await called(bench, CALL, 0xAB)
        for turn in range(4):
            await answered(bench, 0x11 + turn)
            await called(bench, OTHER, 0x17)
            bench.transfers()
            await answered(bench, 0x80 + turn)
            stop = await called(bench, CALL, 0xAB)
            if turn:
                assert bench.transfers() <= 5
            assert stop.registers[0] == 0x80 + turn
            assert await bench.core.read_register(2) == turn + 1, "registers it did not come with are read"
            assert await bench.core.read_memory(RAM + 4, 4) == bench.target(RAM + 4).to_bytes(4, "little")

    on_board(scenario, code=LOOP, options=options)


@PROBES
def test_a_breakpoint_at_or_behind_a_call_is_a_breakpoint(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.resume()
        await called(bench, CALL, 0xAB)
        await answered(bench, 1)
        await called(bench, OTHER, 0x17)
        bench.core.breakpoints.add(OTHER - 2, BreakpointKind.HARDWARE)
        await answered(bench, 2)
        await called(bench, CALL, 0xAB)
        await answered(bench, 3)
        stop = await bench.stopped()
        assert (stop.pc, stop.bkpt) == (OTHER - 2, None)
        assert len(stop.registers) == 19, "a stop that somebody will look at is complete"

    on_board(scenario, code=LOOP, options=options)


def test_a_call_that_is_asked_for_again() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.resume()
        await called(bench, CALL, 0xAB)
        for _ in range(3):
            bench.core.repeat_bkpt()
            await bench.core.resume()
            stop = await called(bench, CALL, 0xAB)
            assert stop.registers[0] == 5, "nothing has happened"
        await answered(bench, 9)
        assert (await called(bench, OTHER, 0x17)).registers[0] == 9

    on_board(scenario, code=LOOP)


def test_an_instruction_that_was_exchanged_is_seen() -> None:
    async def scenario(bench: Bench) -> None:
        code = bytes.fromhex("abbeabbefee7")
        await bench.core.write_memory(RAM + 0x100, code)
        await bench.core.write_register(15, RAM + 0x100)
        await bench.core.resume()
        await called(bench, RAM + 0x100, 0xAB)
        await answered(bench, 1)
        await called(bench, RAM + 0x102, 0xAB)
        bench.board.machine.ap_write(RAM + 0x100, 0xBE22_BE21, 4)  # the program itself, or DMA
        bench.core.stop = None
        await bench.core.write_register(15, RAM + 0x100)
        await bench.core.resume()
        await called(bench, RAM + 0x100, 0x21)
        await answered(bench, 1)
        await called(bench, RAM + 0x102, 0x22)

    on_board(scenario, code=[0xE7FE])


def test_memory_that_is_gone_ends_the_expectation_only() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.resume()
        await called(bench, CALL, 0xAB)
        for address in (0x3000_0000, 0x3000_0000):
            await bench.core.answer_bkpt(1, [(address, 4)])
            await bench.core.resume()
            await bench.stopped()
        assert bench.core.notices == []

    on_board(scenario, code=LOOP)


def test_settled_registers_are_in_the_core() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.resume()
        stop = await called(bench, CALL, 0xAB)
        await bench.core.answer_bkpt(0x77)
        assert bench.core.stop == replace(stop, registers={**stop.registers, 0: 0x77})
        await bench.core.settle()
        assert (await bench.core.reread()) is not None
        assert await bench.core.read_register(0) == 0x77
        step = await bench.core.step()
        assert step.pc == CALL + 2, "a step passes over it"

    on_board(scenario, code=LOOP)
