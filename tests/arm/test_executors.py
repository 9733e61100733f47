"""The thread that real probes are driven from, with a simulated probe at its end and the wall's clock above."""

import threading
from collections.abc import Callable

import pytest
import trio
from support.real_gdb import BLINK

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory, ThreadExecutor
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.probes.errors import AccessFaultError
from haltpoint.sim.board import open_board


def test_a_session_through_the_thread() -> None:
    """Everything core control does, but with trio's own clock: only transfers and the driver's waits move the board."""

    async def main() -> None:
        board = open_board(f"sim:stm32f103c8,firmware={BLINK}")
        memory = Memory(open_probe("stlink", UsbHost(board.backend, board.sleep)), ThreadExecutor())
        core = CortexM(memory)
        await core.connect(ConnectMode.HALT)
        before = await core.read_register(15)
        await core.step()
        assert await core.read_register(15) != before
        await core.write_memory(0x2000_1000, b"thread")
        assert await core.read_memory(0x2000_1000, 6) == b"thread"
        with pytest.raises(AccessFaultError) as caught:
            await core.read_memory(0x3000_0000, 4)
        assert caught.value.address == 0x3000_0000
        stop = await core.reset(halt=True)
        assert stop is not None
        assert stop.pc == 0x0800_0116
        await core.resume()
        assert await core.poll() is None
        await core.detach()
        await memory.executor.run(memory.probe.close)

    trio.run(main)


async def test_one_call_at_a_time_and_never_on_the_event_loop() -> None:
    executor = ThreadExecutor()
    loop, inside, most = threading.get_ident(), 0, 0

    def call() -> None:
        nonlocal inside, most
        assert threading.get_ident() != loop
        inside += 1
        most = max(most, inside)
        inside -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(executor.run, call)
    assert most == 1


async def test_a_cancelled_caller_waits_for_its_transfers() -> None:
    executor = ThreadExecutor()
    begun, may_end, ended = threading.Event(), threading.Event(), False

    def transfers() -> None:
        nonlocal ended
        begun.set()
        may_end.wait(10)
        ended = True

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, transfers)
            await trio.to_thread.run_sync(begun.wait)
            scope.cancel()
            may_end.set()
    assert ended


@pytest.mark.parametrize("executor", [InlineExecutor, ThreadExecutor])
async def test_what_a_call_raises_reaches_its_caller(executor: Callable[[], InlineExecutor | ThreadExecutor]) -> None:
    def fail() -> None:
        raise AccessFaultError("Reading", "it faulted", address=4)

    with pytest.raises(AccessFaultError, match="it faulted"):
        await executor().run(fail)
