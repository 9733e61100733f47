"""A board for as long as a command needs it."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..board import BoardTarget

__all__ = ["opened"]


@asynccontextmanager
async def opened(board: BoardTarget) -> AsyncIterator[None]:
    """Open it and show what is there; however it ends, the target is let go and the probe released."""
    try:
        for fact in await board.open():
            print(fact)
        yield
    finally:
        await board.close()
