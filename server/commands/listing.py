"""``haltpoint list``: show the probes that are connected, and the boards that can be simulated."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse

from .access import SIM_EXTRA, simulated_boards
from .options import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    listing = commands.add_parser("list", help="show the probes that are connected")
    listing.set_defaults(command=run)


def run(_options: argparse.Namespace) -> int:
    """Print what is there. What keeps a probe, or all of USB, from being used is part of the answer, not a failure."""
    from ...probes.discovery import UsbHost, list_probes
    from ...probes.errors import ProbeError

    try:
        found = list_probes(UsbHost())
    except ProbeError as error:
        print(error)
    else:
        for probe in found:
            print(f"{probe.kind}, serial number {probe.serial or 'unknown'}: --probe {probe.selector}")
            if probe.problem:
                print(f"  {probe.problem}")
        if not found:
            print("No probe is connected.")
    _list_simulated()
    return 0


def _list_simulated() -> None:
    from importlib.util import find_spec

    print("Simulated boards: " + ", ".join(f"--probe {selector}" for selector in simulated_boards()))
    if find_spec("unicorn") is None:
        print(f"  They need the CPU emulator Unicorn: {SIM_EXTRA}")
