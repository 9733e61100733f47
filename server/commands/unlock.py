"""``haltpoint unlock``: remove readout and write protection, at the price of what is in flash."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse

from .access import open_board_of
from .opened import opened
from .options import Commands, add_target_options

__all__ = ["add"]

CONFIRMATION = "--erase-everything"


def add(commands: Commands) -> None:
    """Declare the command."""
    unlock = commands.add_parser("unlock", help="remove readout and write protection, which erases the whole flash")
    unlock.set_defaults(command=run)
    add_target_options(unlock)
    unlock.add_argument(
        CONFIRMATION, action="store_true", help="do it: without this, the command only says what would be lost"
    )


def run(options: argparse.Namespace) -> int:
    """Say what it would cost; do it where that has been confirmed. Raises UserError where it has not."""
    import trio

    from ...probes.errors import UserError

    board, clock = open_board_of(options)

    async def main() -> None:
        async with opened(board):
            guard = await board.guard()
            if guard is None:
                advice = "Name it with --chip."
                raise UserError("Unlocking the flash", "nothing is known of this chip's protection", advice)
            print(await guard.consequence())
            if not await guard.locked():
                return
            if not options.erase_everything:
                advice = f"If that is what you want, say so: add {CONFIRMATION}."
                raise UserError("Unlocking the flash", "it has not been confirmed, and nothing was changed", advice)
            target = await board.acquire()
            for line in await target.unlock():
                print(line)

    trio.run(main, clock=clock)
    return 0
