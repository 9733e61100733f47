"""Steps over BKPTs in flash that stay there, on simulated boards."""

from __future__ import annotations

import pytest
from support.boards import ENTRY, HANDLER, RAM, Bench, on_board

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.stop import StopReason
from haltpoint.probes.errors import TargetError

NOP, BKPT, LOOP = 0xBF00, 0xBE00, 0xE7FE
SPARE = (RAM, 0x5000)
PROBES = ["", ",probe=ft2232h,wire=swd"]


async def planted(bench: Bench, *places: int, wanted: bool = True) -> None:
    """BKPTs in flash, as the server puts them there."""
    bench.core.spare_ram = SPARE
    for place in places:
        original = int.from_bytes(bench.board.read_flash(place, 2), "little")
        bench.board.write_flash(place, BKPT.to_bytes(2, "little"))
        bench.core.breakpoints.in_flash[place] = original
        if wanted:
            bench.core.breakpoints.add(place, BreakpointKind.FLASH)


def ram(bench: Bench) -> bytes:
    return b"".join(bench.target(RAM + 4 * word).to_bytes(4, "little") for word in range(0x1400))


@pytest.mark.parametrize("options", PROBES)
def test_every_instruction_of_a_program_is_stepped_over(options: str) -> None:
    """The same registers at each step with a BKPT on every instruction as without any; RAM is as before."""
    code = [0x2001, 0x4A05, 0x1840, 0xB501, 0xF000, 0xF803, 0xBD02, LOOP, 0x0000]
    code += [0x3007, 0x4770, 0x5555, 0x1234, 0x5678, 0x9ABC]  # at ENTRY + 18 what is called, and literals
    places = [ENTRY, ENTRY + 2, ENTRY + 4, ENTRY + 6, ENTRY + 8, ENTRY + 12, ENTRY + 18, ENTRY + 20]
    seen: dict[bool, list[dict[int, int]]] = {True: [], False: []}

    def scenario(bkpts: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def walk(bench: Bench) -> None:
            await bench.core.write_register(14, (ENTRY + 14) | 1)
            await bench.core.write_register(1, 3)
            if bkpts:
                await planted(bench, *places)
            before = ram(bench)
            for _ in range(8):
                stop = await bench.core.step()
                assert stop.reason is StopReason.STEP
                seen[bkpts].append(dict(stop.registers))
            assert ram(bench)[:0x3F00] == before[:0x3F00], "the stack is at the end of what is compared"

        return walk

    for bkpts in (False, True):
        on_board(scenario(bkpts), code=code, options=options)
    assert seen[True] == seen[False]
    assert ENTRY + 14 in {registers[15] for registers in seen[False]}


def test_reads_show_what_was_there() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY + 2)
        assert await bench.core.read_memory(ENTRY, 4) == bytes.fromhex("00bf0120")

    on_board(scenario, code=[NOP, 0x2001, LOOP])


@pytest.mark.parametrize("options", PROBES)
def test_it_stops_and_goes_on_each_round(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY + 2)
        await bench.core.write_register(0, 0)
        for rounds in (1, 2, 3):
            stop = await bench.run_to(ENTRY + 2)
            assert (stop.reason, stop.bkpt) == (StopReason.BREAKPOINT, None)
            assert stop.registers[0] == rounds

    on_board(scenario, code=[0x3001, NOP, NOP, 0xE7FB], options=options, vectors={})


def test_a_store_into_the_bytes_that_were_used_stays() -> None:
    """Whatever place is chosen: a register that points at it makes another one be chosen."""

    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY)
        for number in range(13):
            await bench.core.write_register(number, RAM + 0x500 * number)
        await bench.core.step()
        assert bench.target(RAM) == RAM + 0x500

    on_board(scenario, code=[0x6001, LOOP])  # str r1, [r0]


def test_a_fault_of_the_instruction_is_a_fault_at_its_place() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY)
        await bench.core.write_register(0, 0x6000_0000)
        stop = await bench.core.step()
        assert stop.reason is StopReason.VECTOR_CATCH
        assert bench.target(stop.sp + 0x18) == ENTRY

    on_board(scenario, code=[0x6801, LOOP])


def test_a_supervisor_call_returns_behind_its_place() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY)
        stop = await bench.core.step()
        assert stop.pc == HANDLER
        assert bench.target(stop.sp + 0x18) == ENTRY + 2
        stop = await bench.core.step()
        assert stop.pc == ENTRY + 2

    on_board(scenario, code=[0xDF00, LOOP], handler=[0x4770])


def test_the_programs_own_bkpt_under_ours_is_still_met() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY + 2)
        assert (await bench.run_to(ENTRY + 2)).bkpt is None
        await bench.core.resume()
        stop = await bench.stopped()
        assert (stop.pc, stop.bkpt) == (ENTRY + 2, 0xAB)

    on_board(scenario, code=[NOP, BKPT | 0xAB, LOOP])


def test_one_that_is_left_over_is_stepped_over_too() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY, wanted=False)
        assert bench.core.breakpoints.left_over(ENTRY)
        stop = await bench.core.step()
        assert (stop.pc, stop.registers[0]) == (ENTRY + 2, 1)

    on_board(scenario, code=[0x2001, LOOP])


@pytest.mark.parametrize("chip", ["stm32g071rb", "stm32h743zi"])
def test_on_other_cores(chip: str) -> None:
    """A Cortex-M0+, and a Cortex-M7 with a unit that breaks anywhere."""

    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY)
        if chip == "stm32h743zi":
            bench.core.spare_ram = (0x2400_0000, 0x8000)
        await bench.core.write_register(0, 0)
        await bench.core.write_register(15, ENTRY)
        stop = await bench.core.step()
        assert (stop.pc, stop.registers[0]) == (ENTRY + 2, 1)

    on_board(scenario, code=[0x2001, LOOP], chip=chip)


def test_without_ram_it_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        await planted(bench, ENTRY)
        bench.core.spare_ram = None
        with pytest.raises(TargetError, match="no RAM of this chip is known"):
            await bench.core.step()

    on_board(scenario, code=[0x2001, LOOP])
