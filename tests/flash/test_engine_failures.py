"""What cannot be done gives a sentence, leaves the rest alone and puts the core back; the next load succeeds."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest
import trio
from support.flash_bench import FLASH, Bench, blink, on_board, steps_without

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.diagnosis import compare_upload
from haltpoint.flash.errors import FlashError, LoaderError, ProtectedError, VerifyError
from haltpoint.flash.old import OldContent
from haltpoint.flash.plan import Draft
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.probes.errors import AccessFaultError, HaltpointError, ProbeError

BOARD = "sim:stm32f103c8"
KEYR, DHCSR, DEMCR, SYST_CSR, VTOR, RCC_AHBENR = (
    0x4002_2004,
    0xE000_EDF0,
    0xE000_EDFC,
    0xE000_E010,
    0xE000_ED08,
    0x4002_1014,
)
PICOSECONDS = 1_000_000_000_000
S_HALT, C_MASKINTS = 1 << 17, 1 << 3


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def later(bench: Bench, seconds: float, call: Callable[[], None]) -> None:
    """Let something happen to the board in a while."""
    bench.board.clock.at(bench.board.clock.horizon + round(seconds * PICOSECONDS), call)


async def firmware_running(bench: Bench) -> None:
    bench.board.write_flash(FLASH, noise(65536, seed=3))
    for segment in blink().segments:
        bench.board.write_flash(segment.address, segment.data)
    await bench.core.reset(halt=True)
    await bench.run_for(0.01)


async def left_in_order(bench: Bench) -> None:
    """Halted, interrupts not masked, firmware's settings in place, a load possible."""
    dhcsr = await bench.memory.read32(DHCSR)
    assert dhcsr & S_HALT
    assert not dhcsr & C_MASKINTS
    assert await bench.memory.read32(DEMCR) == 0x0100_07F0
    assert await bench.memory.read32(VTOR) in (0, FLASH)
    await bench.load(noise(2500, seed=9))
    assert bench.board.read_flash(FLASH, 2500) == noise(2500, seed=9)


def test_write_protection_is_seen_before_anything_is_erased() -> None:
    async def body(bench: Bench) -> None:
        before = noise(65536, seed=2)
        bench.board.write_flash(FLASH, before)
        with pytest.raises(ProtectedError) as caught:
            await bench.load(noise(8192), FLASH + 0x1C00)
        sentence = str(caught.value)
        assert "at 0x08002000 failed: the sector there and 3 more is write-protected" in sentence
        assert "Nothing has been erased" in sentence
        assert "Run 'haltpoint unlock'" in sentence
        assert bench.board.read_flash(FLASH, 65536) == before
        await bench.load(noise(4096), FLASH + 0x4000)

    on_board(BOARD + ",wrp=8-9", body)


def test_readout_protection_gives_its_cure() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(ProtectedError, match="readout protection is on") as caught:
            await bench.load(noise(100))
        assert "run 'haltpoint unlock'" in str(caught.value)

    on_board(BOARD + ",rdp=1", body, chip="STM32F103C8")


def test_a_controller_locked_until_reset() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(AccessFaultError):
            await bench.memory.write32(KEYR, 0x1234_5678)
        before = bench.board.read_flash(FLASH, 65536)
        with pytest.raises(FlashError, match="locked it until the next reset") as caught:
            await bench.load(noise(100))
        assert "monitor reset halt" in str(caught.value)
        assert bench.board.read_flash(FLASH, 65536) == before
        await bench.core.reset(halt=True)
        await left_in_order(bench)

    on_board(BOARD, body)


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.1, 0.5, 1.1])
def test_a_reset_in_the_middle(moment: float) -> None:
    async def body(bench: Bench) -> None:
        await firmware_running(bench)
        later(bench, moment, bench.board.machine.system_reset)
        with pytest.raises(FlashError) as caught:
            await bench.load(noise(32768))
        assert "reset" in str(caught.value)
        stop = await bench.core.halt()
        if moment:  # at 0.0 the old firmware has run before the engine's first look
            vector = int.from_bytes(bench.board.read_flash(FLASH + 4, 4), "little")
            assert stop.pc == vector & ~1, "halted at the reset vector"
        await left_in_order(bench)

    on_board(BOARD, body)


def test_a_watchdog_the_loader_does_not_serve() -> None:
    """The proof that serving it is what keeps it quiet elsewhere: here the loader serves another address."""

    async def body(bench: Bench) -> None:
        await bench.poke(
            (0x4000_3000, 0x5555), (0x4000_3004, 0), (0x4000_3008, 400), (0x4000_3000, 0xCCCC), (0x4000_3000, 0xAAAA)
        )
        family = dataclasses.replace(bench.chip.family, watchdog_key=0x2000_4FFC)
        session = bench.session(chip=dataclasses.replace(bench.chip, family=family))
        session.write(FLASH, noise(8192))
        with pytest.raises(LoaderError, match="the target was reset while its flash was being programmed") as caught:
            await session.finish()
        assert "watchdog" in str(caught.value)
        await left_in_order(bench)

    on_board(BOARD, body)


def test_a_lockup() -> None:
    """Without the fault catches and with no vectors, a fault in the loader locks the core up."""

    async def body(bench: Bench) -> None:
        await bench.poke((DEMCR, 0x0100_0000))
        steps = steps_without(bench.chip, "DEMCR", "VTOR")
        later(bench, 0.5, lambda: bench.board.machine.bus.patch(0x2000_0000, b"\xff" * 1024))
        bench.board.write_flash(FLASH, b"\xff" * 65536)
        with pytest.raises(LoaderError, match="locked up") as caught:
            await bench.load(noise(32768), FLASH + 0x4000, steps=steps)
        assert "HFSR" in str(caught.value)
        await bench.poke((DEMCR, 0x0100_07F0))
        await left_in_order(bench)

    on_board(BOARD, body)


def test_a_fault() -> None:
    async def body(bench: Bench) -> None:
        await firmware_running(bench)
        later(bench, 0.5, lambda: bench.board.machine.bus.patch(0x2000_0040, b"\xff" * 512))
        with pytest.raises(LoaderError, match=r"the loader faulted at 0x20000[12]\w\w, stopped at") as caught:
            await bench.load(noise(32768))
        assert "UNDEFINSTR" in str(caught.value)
        await left_in_order(bench)

    on_board(BOARD, body)


def test_a_stop_at_another_place() -> None:
    async def body(bench: Bench) -> None:
        later(bench, 0.5, lambda: bench.board.machine.bus.patch(0x2000_0040, b"\x00\xbe" * 0xC0))
        with pytest.raises(LoaderError, match=r"stopped at 0x200000\w\w, not at the loader's end 0x200000B6"):
            await bench.load(noise(32768))
        await left_in_order(bench)

    on_board(BOARD, body)


def test_a_loader_that_hangs() -> None:
    async def body(bench: Bench) -> None:
        later(bench, 0.5, lambda: bench.board.machine.bus.patch(0x2000_0040, b"\xfe\xe7" * 0xC0))
        started = bench.board.seconds
        with pytest.raises(LoaderError, match="made no progress for"):
            await bench.load(noise(32768))
        assert bench.board.seconds - started < 3
        await left_in_order(bench)

    on_board(BOARD, body)


def test_flash_that_does_not_hold_what_was_programmed() -> None:
    async def body(bench: Bench) -> None:
        bench.board.write_flash(FLASH, noise(16384, seed=2))
        later(bench, 0.6, lambda: bench.board.write_flash(FLASH + 0x123, b"\x5a"))
        data = bytearray(noise(16384))
        data[0x123] = 0xA5
        with pytest.raises(VerifyError, match="Verifying the flash at 0x08000123 failed: it holds 0x5A where 0xA5"):
            await bench.load(bytes(data))
        await left_in_order(bench)

    on_board(BOARD, body)


def test_protection_that_comes_in_the_middle() -> None:
    async def body(bench: Bench) -> None:
        later(bench, 0.3, lambda: setattr(bench.board.soc.fpec.options, "write_protection", 0))
        with pytest.raises(FlashError, match=r"at 0x0800\w+ failed: the page is write-protected \(WRPRTERR\)"):
            await bench.load(noise(16384))
        bench.board.soc.fpec.options.write_protection = 0xFFFF_FFFF
        await left_in_order(bench)

    on_board(BOARD, body)


@pytest.mark.parametrize("moment", [0.001, 0.02, 0.05, 0.3, 0.9])
def test_cancellation(moment: float) -> None:
    async def body(bench: Bench) -> None:
        await firmware_running(bench)
        before = [await bench.memory.read32(address) for address in (SYST_CSR, VTOR, RCC_AHBENR, DEMCR)]
        with trio.move_on_after(moment) as scope:
            await bench.load(noise(32768))
        assert scope.cancelled_caught
        assert [await bench.memory.read32(address) for address in (SYST_CSR, VTOR, RCC_AHBENR, DEMCR)] == before
        await left_in_order(bench)

    on_board(BOARD, body)


@pytest.mark.parametrize("nth", [1, 5, 20, 40, 60])
def test_wait_answers_are_waited_out(nth: int) -> None:
    async def body(bench: Bench) -> None:
        data = noise(32768)
        bench.board.faults.wait(nth, times=2)
        await bench.load(data)
        assert bench.board.faults.injected == 2
        assert bench.board.read_flash(FLASH, len(data)) == data

    on_board(BOARD, body)


@pytest.mark.parametrize("nth", range(1, 60, 4))
def test_a_bus_fault_anywhere_is_told_and_put_right(nth: int) -> None:
    async def body(bench: Bench) -> None:
        bench.board.faults.fault(nth)
        try:
            await bench.load(noise(16384))
        except HaltpointError as error:
            assert "failed: " in str(error)  # noqa: PT017 (whether it is raised depends on what was refused)
        assert bench.board.faults.injected == 1
        await left_in_order(bench)

    on_board(BOARD, body)


@pytest.mark.parametrize("nth", range(1, 100, 9))
def test_the_probe_is_unplugged(nth: int) -> None:
    async def body(bench: Bench) -> None:
        bench.board.write_flash(FLASH + 0x8000, noise(4096, seed=4))
        bench.board.faults.unplug(nth)
        with pytest.raises(ProbeError):
            await bench.load(noise(16384))
        bench.board.plug()
        await again(bench)
        assert bench.board.read_flash(FLASH + 0x8000, 4096) == noise(4096, seed=4)

    on_board(BOARD, body)


@pytest.mark.parametrize("nth", range(1, 100, 9))
def test_the_power_goes(nth: int) -> None:
    async def body(bench: Bench) -> None:
        bench.board.write_flash(FLASH + 0x8000, noise(4096, seed=4))
        bench.board.faults.power_loss(nth)
        with pytest.raises(HaltpointError):
            await bench.load(noise(16384))
        bench.board.power(on=True)
        bench.memory.probe.close()
        await again(bench)
        assert bench.board.read_flash(FLASH + 0x8000, 4096) == noise(4096, seed=4)

    on_board(BOARD, body)


async def again(bench: Bench) -> None:
    """A new connection and a load from whatever state is there."""
    probe = open_probe("stlink", UsbHost(bench.board.backend, bench.board.sleep))
    core = CortexM(Memory(probe, InlineExecutor()))
    try:
        await core.connect(ConnectMode.HALT)
        fresh = Bench(bench.board, core, bench.chip)
        await fresh.load(noise(16384, seed=6))
        assert bench.board.read_flash(FLASH, 16384) == noise(16384, seed=6)
    finally:
        probe.close()


def test_an_upload_that_reads_back_wrong() -> None:
    """The JTAG report: the first word repeated."""
    expected = bytes(range(32))
    with pytest.raises(VerifyError) as caught:
        compare_upload(0x2000_0000, expected, expected[:4] * 8)
    assert caught.value.address == 0x2000_0004
    assert "0x20000004 should hold 0x07060504 but reads 0x03020100" in str(caught.value)
    assert "every word reads as the first one" in str(caught.value)
    with pytest.raises(VerifyError) as caught:
        compare_upload(0x2000_0000, expected, expected[:20] + b"\0\0\0\0" + expected[24:])
    assert caught.value.address == 0x2000_0014
    assert "every word" not in str(caught.value)
    compare_upload(0x2000_0000, expected, expected)


def test_a_core_that_runs_is_not_touched() -> None:
    """Whoever calls the engine has halted the core; should it run all the same, nothing of ours goes onto it."""

    async def body(bench: Bench) -> None:
        await firmware_running(bench)
        engine = bench.session()._engine
        await bench.core.resume()
        draft = Draft(bench.chip.flash, 0xFF, erase_gaps=True)
        draft.write(FLASH, noise(100))
        before = bench.board.read_flash(FLASH, 2048)
        with pytest.raises(LoaderError, match="has started to run"):
            await engine.program(draft.plan(), OldContent(bench.chip.family.erased, bench.chip.family.program_unit))
        assert bench.board.read_flash(FLASH, 2048) == before
        await left_in_order(bench)

    on_board(BOARD, body)
