"""What things cost over FTDI: USB transfers, clocks of the wire, bytes in a batch, time of a load."""

from __future__ import annotations

import random

import pytest
from support.boards import ENTRY, on_board
from support.boards import Bench as CoreBench
from support.flash_bench import Bench as FlashBench
from support.flash_bench import on_board as flash_on_board
from support.probe_contract import RAM, Bench

from haltpoint.arm.adi import AdiProbe
from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.probes.access import ReadBlock, WriteBlock
from haltpoint.probes.ftdi.mpsse import Stream
from haltpoint.probes.ftdi.probe import FtdiProbe

WIRES = ("jtag", "swd")
NOP, LOOP = 0xBF00, 0xE7FE
WORD_CLOCKS = {"jtag": 45, "swd": 48}
PAGE_ERASE, HALFWORD = 0.020, 52.5e-6


def streams_of(bench: Bench) -> list[Stream]:
    """The streams that are sent from now on."""
    seen: list[Stream] = []
    assert isinstance(bench.probe, AdiProbe)
    port = bench.probe._port
    assert isinstance(port, FtdiProbe)
    original = port._channel.exchange

    def exchange(stream: Stream) -> bytes:
        seen.append(stream)
        return original(stream)

    port._channel.exchange = exchange  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("wire", WIRES)
def test_clocks_of_a_word(wire: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe=ft2232h,wire={wire}")
    bench.probe.set_speed(1000)
    streams = streams_of(bench)
    bench.run(WriteBlock(RAM, bytes(16384)))
    clocks = sum(stream.clocks for stream in streams) / 4096
    print(f"{wire}: {clocks:.2f} clocks per word written")
    assert clocks <= WORD_CLOCKS[wire]
    streams.clear()
    bench.run(ReadBlock(RAM, 16384))
    assert sum(stream.clocks for stream in streams) / 4096 <= WORD_CLOCKS[wire] + 1


@pytest.mark.parametrize("wire", WIRES)
def test_batches_are_long(wire: str) -> None:
    """At least 8 KiB of commands go out in one transfer, and the replies of one come while the next is at work."""
    bench = Bench.of(f"sim:stm32f103c8,probe=ft2232h,wire={wire}")
    bench.board.stats.reset()
    bench.run(WriteBlock(RAM, bytes(16384)))
    stats = bench.board.stats
    assert stats.bytes_out / stats.bulk_out > 8192


@pytest.mark.parametrize("chip", ["ft2232h", "ft4232h", "ft232h"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_kibibyte_is_one_round_trip(wire: str, chip: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe={chip},wire={wire}")
    bench.run(ReadBlock(RAM, 4))
    limit = 2 if chip == "ft2232h" else 6  # the others' FIFOs hold less than its replies
    assert bench.transfers(ReadBlock(RAM + 1024, 1024)) <= limit
    assert bench.transfers(WriteBlock(RAM + 1024, bytes(1024))) <= 2


@pytest.mark.parametrize("wire", WIRES)
def test_running_and_stopping(wire: str) -> None:
    async def scenario(bench: CoreBench) -> None:
        bench.core.breakpoints.add(ENTRY + 4, BreakpointKind.HARDWARE)
        bench.transfers()
        await bench.core.resume()
        assert bench.transfers() == 2
        stop = await bench.stopped()
        assert stop.pc == ENTRY + 4
        assert bench.transfers() == 0, "the look that came with the resume saw the stop and brought all registers"
        for register in range(17):
            await bench.core.read_register(register)
        assert bench.transfers() == 0
        await bench.core.step()
        assert bench.transfers() == 2
        await bench.core.resume()
        assert bench.transfers() == 2
        assert await bench.core.poll() is None
        assert bench.transfers() == 2
        await bench.core.halt()
        assert bench.transfers() == 2

    on_board(scenario, code=[NOP] * 6 + [LOOP], options=f",probe=ft2232h,wire={wire}")


@pytest.mark.parametrize("wire", WIRES)
def test_a_load_takes_the_time_of_the_flash(wire: str) -> None:
    async def scenario(bench: FlashBench) -> None:
        bench.memory.probe.set_speed(10_000)
        data = random.Random(1).randbytes(65536)
        before = bench.board.seconds
        await bench.load(data)
        taken = bench.board.seconds - before
        own = 64 * PAGE_ERASE + 32768 * HALFWORD
        print(f"{wire}: {taken:.2f} s, {taken / own:.3f} times the flash's own")
        assert taken <= 1.25 * own
        assert bench.board.read_flash(0x0800_0000, 65536) == data

    flash_on_board(f"sim:stm32f103c8,probe=ft2232h,wire={wire}", scenario)
