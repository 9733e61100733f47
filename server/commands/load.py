"""``haltpoint load``: program a file, verify it and reset the target into it."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
from pathlib import Path

from .access import open_board_of
from .opened import opened
from .options import Commands, add_target_options, address

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    load = commands.add_parser("load", help="program a file, verify it and reset the target into it")
    load.set_defaults(command=run)
    add_target_options(load)
    load.add_argument("--address", type=address, help="where a raw binary belongs, for example 0x08000000")
    load.add_argument("file", type=Path, metavar="FILE", help="ELF, Intel HEX, or a raw binary with --address")


def run(options: argparse.Namespace) -> int:
    """Program the file."""
    import trio

    from ...flash.image import load_image
    from ..load import load

    image = load_image(options.file, options.address)
    board, clock = open_board_of(options)

    async def main() -> None:
        async with opened(board):
            print(await load(board, image))

    trio.run(main, clock=clock)
    return 0
