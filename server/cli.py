"""The command line, ``haltpoint COMMAND``: parsing, logging, and errors as one sentence on stderr.

Exit status: 0 after an orderly end (also by SIGINT or SIGTERM), 2 when what was asked for cannot be (usage,
selector, chip name, port, file), 1 when probe, link or target failed.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from .commands import COMMANDS

__all__ = ["main"]

EXIT_FAILED = 1
EXIT_USER = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(name)s: %(message)s" if options.verbose else "%(message)s",
    )
    from ..probes.errors import HaltpointError, ImageError, UserError

    try:
        status: int = options.command(options)
    except (UserError, ImageError) as error:
        return _complain(str(error), EXIT_USER)
    except HaltpointError as error:
        return _complain(str(error), EXIT_FAILED)
    return status


def _complain(sentence: str, status: int) -> int:
    print(f"haltpoint: {sentence}", file=sys.stderr)  # noqa: T201 - a command line prints
    return status


class Parser(argparse.ArgumentParser):
    """Errors in one line, with where to read on."""

    def error(self, message: str) -> NoReturn:
        """See ArgumentParser."""
        self.exit(EXIT_USER, f"haltpoint: {message}. See '{self.prog} --help'.\n")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="haltpoint", description="GDB server for Arm Cortex-M over ST-Link and FTDI probes.")
    parser.add_argument("--version", action="version", version=f"haltpoint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    for declared in commands.choices.values():
        declared.add_argument("-v", "--verbose", action="store_true", help="log every packet and decision")
    return parser
