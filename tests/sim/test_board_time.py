"""Time: trio's clock is the board's, and nothing runs before somebody looks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trio
import trio.testing
from support.sim_client import entered

from haltpoint.sim.board import Board, open_board

BLINK = Path(__file__).resolve().parents[2] / "examples" / "blink" / "blink.elf"


@pytest.fixture
def board() -> Board:
    return open_board("sim:stm32f103c8")


def test_sleeping_takes_no_wall_time(board: Board) -> None:
    async def main() -> None:
        begin = trio.current_time()
        await trio.sleep(30)
        assert trio.current_time() == pytest.approx(begin + 30, abs=1e-6)

    begin = time.perf_counter()
    trio.run(main, clock=board.trio_clock())
    assert time.perf_counter() - begin < 5
    assert board.seconds == pytest.approx(30, abs=1e-6)


def test_board_time_is_trio_time(board: Board) -> None:
    async def main() -> float:
        board.sleep(1.5)
        return trio.current_time()

    assert trio.run(main, clock=board.trio_clock()) == pytest.approx(1.5)


def test_deadlines_expire_in_order(board: Board) -> None:
    order: list[str] = []

    async def wake(name: str, after: float) -> None:
        await trio.sleep(after)
        order.append(f"{name} at {trio.current_time():.3f}")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake, "c", 2.5)
            nursery.start_soon(wake, "a", 0.001)
            nursery.start_soon(wake, "b", 1)
        with trio.move_on_after(10) as scope:
            await trio.sleep_forever()
        assert scope.cancelled_caught

    trio.run(main, clock=board.trio_clock())
    assert order == ["a at 0.001", "b at 1.000", "c at 2.500"]
    assert board.seconds == pytest.approx(12.5, abs=1e-6)


def test_many_short_sleeps_are_cheap(board: Board) -> None:
    async def main() -> None:
        for _ in range(1000):
            await trio.sleep(0.010)

    begin = time.perf_counter()
    trio.run(main, clock=board.trio_clock())
    assert time.perf_counter() - begin < 5
    assert board.seconds == pytest.approx(10, abs=1e-3)


def test_sockets_come_before_jumps(board: Board) -> None:
    """A deadline far ahead does not overtake data that is on its way through the kernel."""

    async def main() -> None:
        async def echo(stream: trio.SocketStream) -> None:
            async for data in stream:
                await stream.send_all(data)

        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, echo, listeners)
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                for _ in range(100):
                    with trio.fail_after(1):
                        await stream.send_all(b"ping")
                        assert await stream.receive_some(100) == b"ping"
            nursery.cancel_scope.cancel()
        assert trio.current_time() < 0.5

    trio.run(main, clock=board.trio_clock())


def test_wait_all_tasks_blocked_does_not_move_time(board: Board) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 3600)
            await trio.testing.wait_all_tasks_blocked()
            assert trio.current_time() == 0
            nursery.cancel_scope.cancel()

    trio.run(main, clock=board.trio_clock())


def test_wait_all_tasks_blocked_with_a_cushion(board: Board) -> None:
    async def main() -> None:
        with trio.move_on_after(3600):
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert trio.current_time() == 0

    trio.run(main, clock=board.trio_clock())


def test_a_cushion_gives_other_processes_time(board: Board) -> None:
    async def main() -> None:
        with trio.fail_after(1):
            await trio.run_process(["true"])

    trio.run(main, clock=board.trio_clock(cushion=1.0))


def test_transfers_move_trios_time() -> None:
    client = entered()

    async def main() -> None:
        with trio.move_on_after(0.050) as scope:
            while True:
                await trio.lowlevel.checkpoint()
                client.read_register(0xE000_EDF0)
        assert scope.cancelled_caught

    before = client.board.seconds
    client.board.stats.reset()
    trio.run(main, clock=client.board.trio_clock())
    assert client.board.seconds - before == pytest.approx(0.050, abs=0.002)
    assert 90 <= client.board.stats.bulk <= 110


def test_the_chip_catches_up_when_somebody_looks() -> None:
    if not BLINK.exists():
        pytest.skip("the example firmware has not been built")
    client = entered(f"firmware={BLINK}")
    core = client.board.machine.core
    client.read_register(0xE000_EDF0)
    at = core.cycle

    async def main() -> None:
        await trio.sleep(1)

    trio.run(main, clock=client.board.trio_clock())
    assert core.cycle == at
    client.read_register(0xE000_EDF0)
    assert core.cycle - at == pytest.approx(8_000_000, rel=0.01)


def run_blink(options: str) -> tuple[bytes, float, int]:
    client = entered(f"firmware={BLINK}{options}")
    client.board.sleep(0.25)
    client.write_register(0xE000_EDF0, 0xA05F_0003)
    ram = client.read(0x2000_0000, 4096)
    registers = client.debug(0x3A, reply=88)
    return ram + registers, client.board.seconds, client.board.stats.bulk


def test_the_same_inputs_give_the_same_bits() -> None:
    if not BLINK.exists():
        pytest.skip("the example firmware has not been built")
    assert run_blink("") == run_blink("")
