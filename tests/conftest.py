"""For all tests: the same examples every time, and at the end what other programs' commands cost over USB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# Hypothesis tries the same examples every time, so that a failure is one of what has changed.
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.load_profile("same")


def costs(reporter: pytest.TerminalReporter) -> Iterator[dict[str, Any]]:
    """Every cost that a test's report brought, in the order of the tests."""
    for reports in reporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                yield from (cost for name, cost in report.user_properties if name == "cost")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each command of each client moved over USB."""
    rows = sorted(costs(terminalreporter), key=lambda cost: (cost["client"], cost["command"]))
    if not rows:
        return
    terminalreporter.section("USB transfers of other programs")
    width = max(len(f"{row['client']} {row['command']}") for row in rows)
    terminalreporter.write_line(f"{'command':{width}}  bulk OUT  bulk IN  bytes OUT  bytes IN  wall s")
    for row in rows:
        terminalreporter.write_line(
            f"{row['client'] + ' ' + row['command']:{width}}  {row['bulk_out']:8}  {row['bulk_in']:7}  "
            f"{row['bytes_out']:9}  {row['bytes_in']:8}  {row['seconds']:6.1f}"
        )
