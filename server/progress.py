"""How far a load is, on the server's own terminal. The one module that imports tqdm."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from ..flash.progress import Progress, Watcher

__all__ = ["terminal_watcher"]


class _Bar:
    """One bar for each load; it goes when the load has come to its end."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def __call__(self, progress: Progress) -> None:
        """Show it. The rate and the time to go are the load's own, in the board's time."""
        bar = self._bar
        if bar is None or progress.bytes < bar.n:
            self._close()
            bar = self._bar = tqdm(
                total=progress.all_bytes,
                desc="Flash",
                leave=False,
                bar_format="{desc}: {percentage:3.0f}% |{bar}| {postfix}",
            )
        bar.n = progress.bytes
        bar.set_postfix_str(
            f"{progress.sectors} of {progress.all_sectors} sectors, {progress.bytes // 1024} of "
            f"{progress.all_bytes // 1024} KiB, {progress.rate / 1024:.1f} KiB/s, {progress.remaining:.1f} s to go"
        )
        if progress.bytes == progress.all_bytes:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def terminal_watcher() -> Watcher | None:
    """None where standard error is no terminal."""
    return _Bar() if sys.stderr.isatty() else None
