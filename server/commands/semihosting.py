"""The options of semihosting."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..semihosting.service import SemihostingOptions

__all__ = ["add_semihosting_options", "semihosting_options"]


def add_semihosting_options(command: argparse.ArgumentParser) -> None:
    """What a program on the target may ask of its host."""
    command.add_argument(
        "--semihosting",
        choices=("gdb", "console", "server", "off"),
        default="console",
        help="whose console and files the program gets: GDB's (gdb), GDB's console and no files (console, the "
        "default), this terminal and files below --semihosting-root (server), or none (off: it stops there)",
    )
    command.add_argument(
        "--semihosting-root",
        type=Path,
        metavar="DIR",
        help="with --semihosting server: the directory of the program's files (default: it gets none)",
    )
    command.add_argument(
        "--semihosting-cmdline", default="", metavar="TEXT", help="the command line that the program is told"
    )


def semihosting_options(options: argparse.Namespace) -> SemihostingOptions:
    """As the command line says; a command without these options has the defaults. Raises UserError."""
    from ...probes.errors import UserError
    from ..semihosting.rooted import check_root
    from ..semihosting.service import HostKind, SemihostingOptions

    if not hasattr(options, "semihosting"):
        return SemihostingOptions(HostKind.OFF)
    kind = HostKind(options.semihosting)
    root: Path | None = options.semihosting_root
    if root is not None:
        if kind is not HostKind.SERVER:
            advice = "Say --semihosting server as well, or leave the directory out."
            raise UserError(f"Using {root} for the program's files", f"--semihosting {kind.value} does not", advice)
        check_root(root)
    return SemihostingOptions(kind, root, options.semihosting_cmdline)
