"""``haltpoint info``: show probe, chip, protection and the option bytes that matter. Nothing is changed."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse

from .access import open_board_of
from .opened import opened
from .options import Commands, add_target_options

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    info = commands.add_parser("info", help="show probe, chip, protection and option bytes; changes nothing")
    info.set_defaults(command=run)
    add_target_options(info)


def run(options: argparse.Namespace) -> int:
    """Print what is there."""
    import trio

    board, clock = open_board_of(options)

    async def main() -> None:
        async with opened(board):
            guard = await board.guard()
            for line in await guard.describe() if guard else []:
                print(line)

    trio.run(main, clock=clock)
    return 0
