"""Sessions over memory streams run on a clock that jumps; tests with sockets of their own need the wall's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

SESSIONS = (
    "test_session.py",
    "test_session_data.py",
    "test_session_trouble.py",
    "test_memory_scan.py",
    "test_monitor.py",
    "test_monitor_words.py",
    "test_intercept.py",
    "test_points.py",
    "test_non_stop.py",
    "test_virtual_stop.py",
    "test_peers_packets.py",
    "test_peers_sessions.py",
)
JUMPING = {Path(__file__).parent / name for name in SESSIONS}


def run(call: Callable[[], Awaitable[Any]], clock: object, instruments: Sequence[trio.abc.Instrument]) -> object:
    del clock
    return trio.run(call, clock=trio.testing.MockClock(autojump_threshold=0), instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path in JUMPING and isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run), append=False)
