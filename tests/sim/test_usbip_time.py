"""Time over USB/IP: pauses of clients, paced boards, and the rules themselves."""

from __future__ import annotations

import pytest
import trio
from support.usbip_client import GET_VERSION, IN, VERSION_V2J37M26, UsbipClient, usbip_bench

from haltpoint.sim.pacing import GRAIN, LAG, IdleTime, Pauses, WallPace

PAIR = 0.00096  # seconds of virtual time of a command and its reply, V2-1


class Wall:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# --- the rules


def test_pauses_pass_once_and_up_to_the_limit() -> None:
    wall = Wall()
    pauses = Pauses(wall, limit=1.0)
    wall.now += 5
    assert pauses.due(0) == 0, "nothing was answered yet"
    pauses.answered()
    wall.now += GRAIN / 2
    assert pauses.due(0) == 0
    wall.now += 0.25
    assert pauses.due(0) == pytest.approx(0.25 + GRAIN / 2)
    assert pauses.due(0) == 0
    assert pauses.goes_on
    wall.now += 10
    assert pauses.due(0) == pytest.approx(0.75 - GRAIN / 2)
    assert not pauses.goes_on
    pauses.answered()
    wall.now += 0.002
    assert pauses.due(0) == pytest.approx(0.002)


def test_a_limit_of_0_leaves_the_clock_to_transfers() -> None:
    wall = Wall()
    pauses = Pauses(wall, limit=0)
    pauses.answered()
    wall.now += 10
    assert pauses.due(0) == 0
    assert not pauses.goes_on


def test_a_paced_board_follows_the_wall_and_gives_up_what_it_cannot_catch() -> None:
    wall = Wall()
    pace = WallPace(wall)
    board = 7.0
    assert pace.due(board) == 0
    wall.now += 0.02
    assert pace.due(board) == pytest.approx(0.02)
    board += 0.02
    assert pace.ahead(board) == pytest.approx(0, abs=1e-9)
    board += 0.005
    assert pace.ahead(board) == pytest.approx(0.005)
    assert pace.due(board) == 0
    wall.now += 3
    assert pace.due(board) == pytest.approx(LAG)
    board += LAG
    assert pace.due(board) == pytest.approx(0, abs=1e-9)
    assert pace.goes_on


def test_the_simulators_own_work_is_no_pause() -> None:
    wall = Wall()
    idle = IdleTime(wall)
    start = idle.seconds()
    with idle.working():
        wall.now += 2
    wall.now += 0.5
    assert idle.seconds() - start == pytest.approx(0.5)


# --- clients


async def version(client: UsbipClient) -> None:
    assert await client.ask(GET_VERSION) == VERSION_V2J37M26


async def test_transfers_alone_cost_what_they_cost_in_process(mock_clock: trio.testing.MockClock) -> None:
    del mock_clock  # the wall stands still
    async with usbip_bench() as bench:
        client = await bench.attached()
        for count in range(1, 6):
            await version(client)
            assert bench.board.seconds == pytest.approx(count * PAIR)


@pytest.mark.parametrize(("pause", "passes"), [(0.0005, 0.0), (0.05, 0.05), (30.0, 1.0)])
async def test_a_pause_of_the_client_passes_on_the_board(
    mock_clock: trio.testing.MockClock, pause: float, passes: float
) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await version(client)
        mock_clock.jump(pause)
        await version(client)
        assert bench.board.seconds == pytest.approx(2 * PAIR + passes)


async def test_every_pause_has_a_limit_of_its_own(mock_clock: trio.testing.MockClock) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        for _ in range(3):
            mock_clock.jump(0.8)
            await version(client)
        assert bench.board.seconds == pytest.approx(3 * (PAIR + 0.8))


async def test_a_pause_between_two_programs_passes_too(mock_clock: trio.testing.MockClock) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await version(client)
        await client.aclose()
        mock_clock.jump(0.2)
        await version(await bench.attached())
        assert bench.board.seconds == pytest.approx(2 * PAIR + 0.2)


async def test_a_limit_of_0_is_deterministic(mock_clock: trio.testing.MockClock) -> None:
    async with usbip_bench(pause=0) as bench:
        client = await bench.attached()
        await version(client)
        mock_clock.jump(5)
        await version(client)
        assert bench.board.seconds == pytest.approx(2 * PAIR)


async def test_time_passes_while_a_transfer_waits(autojump_clock: trio.testing.MockClock) -> None:
    """Time brings data: an event of the board sends some while the client only waits."""
    async with usbip_bench() as bench:
        client = await bench.attached()
        probe, clock = bench.board.probe, bench.board.clock
        clock.at(clock.now + 300_000_000_000, lambda: probe.send(IN, b"late"))
        start = autojump_clock.current_time()
        reply = await client.read()
        assert reply.data == b"late"
        assert 0.3 <= autojump_clock.current_time() - start < 0.35


async def test_a_transfer_that_waits_in_vain_does_not_run_the_board_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    async with usbip_bench() as bench:
        client = await bench.attached()
        await version(client)
        await client.submit(IN, 64)
        await trio.sleep(60)
        assert bench.board.seconds == pytest.approx(PAIR + 1.0, abs=0.01)


async def test_a_paced_board_runs_while_nobody_looks(autojump_clock: trio.testing.MockClock) -> None:
    async with usbip_bench(pace=True) as bench:
        await trio.sleep(2)
        assert bench.board.seconds == pytest.approx(2, abs=0.05)
        start = autojump_clock.current_time()
        client = await bench.attached()
        for _ in range(100):
            await version(client)
        assert autojump_clock.current_time() - start == pytest.approx(100 * PAIR, abs=0.03)
