"""``haltpoint sim``: offer simulated boards to other programs over USB/IP."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
from pathlib import Path

from .access import SIM_PREFIX, serve_simulated
from .options import Commands, port, seconds

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    sim = commands.add_parser("sim", help="offer simulated boards to other programs over USB/IP")
    sim.set_defaults(command=run)
    sim.add_argument(
        "boards", nargs="*", metavar="BOARD", help=f"as for serve --probe (default: {SIM_PREFIX}stm32f103c8)"
    )
    sim.add_argument("--port", type=port, default=3240, help="TCP port, 0 for any free one (default: 3240)")
    sim.add_argument("--host", default="127.0.0.1", help="address to listen on, or unix:PATH (default: 127.0.0.1)")
    sim.add_argument("--pace", action="store_true", help="let the boards' time follow the wall clock")
    sim.add_argument(
        "--pause",
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="longest pause between two transfers that passes on the board too; 0: transfers alone move its clock",
    )
    sim.add_argument("--stats", type=Path, metavar="FILE", help="write statistics as JSON at exit and on SIGUSR1")
    sim.add_argument("--trace", type=Path, metavar="FILE", help="write every probe command and its status")


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    return serve_simulated(options, lambda line: print(line, flush=True))
