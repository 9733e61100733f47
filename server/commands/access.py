"""From a command line's options to a target that can be opened. The only module that knows of the simulator."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio

    from ...arm.memory import Executor
    from ...probes.debug_port import DebugPort
    from ...probes.ftdi.adapters import Adapter
    from ...probes.probe import Probe
    from ..board import BoardTarget

__all__ = ["SIM_EXTRA", "SIM_PREFIX", "open_board_of", "serve_simulated", "simulated_boards"]

SIM_PREFIX = "sim:"
SIM_EXTRA = "python -m pip install 'haltpoint[sim]'"


@dataclass(frozen=True)
class Access:
    """How a probe is reached: its opener, the executor its driver runs in, and the clock its time is."""

    open_probe: Callable[[], Probe | DebugPort]
    executor: Executor
    clock: trio.abc.Clock | None = None


def open_board_of(options: argparse.Namespace) -> tuple[BoardTarget, trio.abc.Clock | None]:
    """The target the options speak of, not opened yet, and the clock to run under; raises UserError."""
    from ...arm.core import ConnectMode
    from ...arm.reset import ResetKind
    from ...flash.selection import select
    from ...probes.ftdi.adapters import load_adapter
    from ..board import BoardOptions, BoardTarget
    from .semihosting import semihosting_options

    chip = select(options.chip, options.flm, options.pack, options.ram)  # what cannot be, before hardware is touched
    adapter = load_adapter(options.adapter_file) if options.adapter_file else None
    make = _simulated if options.probe.startswith(SIM_PREFIX) else _real
    access = make(options.probe, adapter)
    settings = BoardOptions(
        chip,
        options.speed,
        ConnectMode(options.connect),
        options.vdd,
        semihosting_options(options),
        reset=ResetKind(getattr(options, "reset", "system")),
        flash_breakpoints=getattr(options, "flash_breakpoints", "off") == "auto",
        erase_gaps=options.erase_gaps,
        memory_map=getattr(options, "memory_map", "on") == "on",
    )
    return BoardTarget(access.open_probe, access.executor, settings), access.clock


def _real(selector: str, adapter: Adapter | None) -> Access:
    from ...arm.memory import ThreadExecutor
    from ...probes.discovery import UsbHost, open_probe

    return Access(lambda: open_probe(selector, UsbHost(), adapter), ThreadExecutor())


def _simulated(selector: str, adapter: Adapter | None) -> Access:
    """A simulated board through the real driver: only USB and the clock are the board's."""
    from ...arm.memory import InlineExecutor
    from ...probes.discovery import UsbHost, list_probes, open_probe

    with _simulator(f"Opening the simulated board {selector}"):
        from ...sim.board import open_board

        board = open_board(selector)
    board.backend.unplug_at_gaps = True  # a user gets a sentence, not a traceback
    host = UsbHost(board.backend, board.sleep)
    kind, *_ = list_probes(host)[0].selector.split(":")
    return Access(lambda: open_probe(kind, host, adapter), InlineExecutor(), board.trio_clock())


@contextmanager
def _simulator(attempt: str) -> Iterator[None]:
    """Turn what is wrong with a request to the simulator into UserError."""
    from ...probes.errors import UserError
    from ...sim.engine import EngineMissingError
    from ...sim.errors import FirmwareError, SelectorError, ServeError

    try:
        yield
    except EngineMissingError as error:
        advice = f"Install it with: {SIM_EXTRA}"
        raise UserError(attempt, "the CPU emulator Unicorn is not installed", advice) from error
    except (SelectorError, FirmwareError, ServeError) as error:
        raise UserError(attempt, str(error).rstrip(".")) from error


def serve_simulated(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Offer boards over USB/IP until a signal comes; returns the exit status, raises UserError."""
    with _simulator("Serving simulated boards"):
        from ...sim.serve import DEFAULT_BOARD, ServeOptions, run

        settings = ServeOptions(
            boards=tuple(options.boards) or (DEFAULT_BOARD,),
            host=options.host,
            port=options.port,
            pace=options.pace,
            pause=options.pause,
            stats=options.stats,
            trace=options.trace,
        )
        return run(settings, say)


def simulated_boards() -> list[str]:
    """Selectors of all boards there are."""
    from ...sim.chips import CHIPS

    return [f"{SIM_PREFIX}{name.lower()}" for name in CHIPS]
