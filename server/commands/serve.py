"""``haltpoint serve``: wait for GDB and debug the target behind a probe."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse

from ... import __version__
from .access import open_board_of
from .opened import opened
from .options import Commands, add_target_options, port
from .semihosting import add_semihosting_options

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    serve = commands.add_parser("serve", help="wait for GDB and debug the target behind a probe")
    serve.set_defaults(command=run)
    add_target_options(serve)
    add_semihosting_options(serve)
    serve.add_argument(
        "--flash-breakpoints",
        choices=("auto", "off"),
        default="auto",
        help="when the core has no comparator left: put breakpoints into flash, which rewrites sectors, or refuse",
    )
    serve.add_argument(
        "--memory-map",
        choices=("on", "off"),
        default="on",
        help="off: clients learn of no flash, and what they write there by plain writes is programmed",
    )
    serve.add_argument(
        "--reset",
        choices=("system", "hardware", "core"),
        default="system",
        help="what GDB's 'run' and 'monitor reset' do: the chip by request or by NRST, or the core alone (Armv7-M)",
    )
    serve.add_argument("--port", type=port, default=3333, help="TCP port for GDB, 0 for any free one (default: 3333)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    import trio

    from ..listen import bind, serve

    board, clock = open_board_of(options)

    def ready(number: int) -> None:
        print(f"Listening on port {number} for gdb connections", flush=True)

    async def main() -> None:
        listener = bind(options.host, options.port)
        async with listener:
            print(f"Haltpoint {__version__}")
            async with opened(board):
                await serve(listener, board, ready)

    trio.run(main, clock=clock)
    return 0
