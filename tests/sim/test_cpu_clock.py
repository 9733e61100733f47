from __future__ import annotations

import pytest

from haltpoint.sim.clock import PS_PER_SECOND, CoreClock, VirtualClock


def test_events_come_out_by_time_and_then_by_order_of_scheduling() -> None:
    clock = VirtualClock()
    seen: list[str] = []
    clock.at(20, lambda: seen.append("late"))
    clock.at(10, lambda: seen.append("first"))
    clock.at(10, lambda: seen.append("second"))
    while (event := clock.next_event()) is not None:
        clock.fire(event)
    assert seen == ["first", "second", "late"]


def test_a_cancelled_event_never_fires() -> None:
    clock = VirtualClock()
    event = clock.at(5, lambda: pytest.fail("fired"))
    assert event.pending
    event.cancel()
    assert clock.next_event() is None
    assert not event.pending


def test_the_clock_does_not_go_back() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_now_is_local_inside_a_catch_up_and_nobody_may_move_the_clock_there() -> None:
    clock = VirtualClock()
    clock.advance(1000)
    clock.enter(lambda: 400)
    assert clock.now == 400
    assert clock.horizon == 1000
    with pytest.raises(RuntimeError, match="inside a catch-up"):
        clock.advance(1)
    clock.leave()
    assert clock.now == 1000


@pytest.mark.parametrize("hz", [8_000_000, 72_000_000, 32_768, 7_372_800])
def test_cycles_and_picoseconds_round_trip(hz: int) -> None:
    clock = CoreClock(hz)
    for cycle in (0, 1, 2, 999, 123_457, 10**9):
        assert clock.cycle_at(clock.time_of(cycle)) == cycle
        assert clock.cycle_at(clock.time_of(cycle) + 1) == cycle + 1
    assert clock.time_of(hz) == PS_PER_SECOND


def test_a_changed_frequency_counts_from_the_change() -> None:
    clock = CoreClock(8_000_000)
    clock.set_frequency(72_000_000, cycle=8_000)
    assert clock.time_of(8_000) == 10**9
    assert clock.time_of(8_000 + 72_000) == 2 * 10**9
    clock.set_frequency(8_000_000, cycle=8_001)
    assert clock.cycle_at(clock.time_of(8_001)) == 8_001
    assert clock.time_of(8_001 + 8_000) == 10**9 + 10**12 // 72_000_000 + 10**9
