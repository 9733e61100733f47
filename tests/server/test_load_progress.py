"""The bar on the server's terminal: there while a load runs, gone afterwards, none where there is no terminal."""

from __future__ import annotations

import io
import sys

import pytest

from haltpoint.flash.progress import Progress
from haltpoint.server.progress import terminal_watcher


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_sectors_bytes_rate_and_what_is_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    watcher = terminal_watcher()
    assert watcher is not None
    watcher(Progress(0, 4, 0, 4096, 0.0, 2.0))
    watcher(Progress(1, 4, 1024, 4096, 0.5, 1.5))
    assert "1 of 4 sectors, 1 of 4 KiB, 2.0 KiB/s, 1.5 s to go" in terminal.getvalue()
    watcher(Progress(4, 4, 4096, 4096, 2.0, 0.0))
    assert terminal.getvalue().endswith("\r"), "nothing stays on the line"
    watcher(Progress(0, 1, 0, 1024, 0.0, 0.5))
    assert "0 of 1 sectors" in terminal.getvalue(), "the next load has its own"


def test_quiet_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert terminal_watcher() is None
