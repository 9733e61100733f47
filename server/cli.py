"""The command line: ``haltpoint serve``, ``haltpoint load``, ``haltpoint list``, ``haltpoint --version``.

Exit status: 0 after an orderly end (also by SIGINT or SIGTERM), 2 when what was asked for cannot be (usage,
selector, chip name, port, file), 1 when probe, link or target failed. An error is one sentence on stderr.

Imports stand inside the functions that need them: ``--version`` loads neither trio nor USB, ``serve`` loads no
simulator for a real probe. This is the only module that knows of the simulator.
"""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .. import __version__

if TYPE_CHECKING:
    import trio

    from ..arm.memory import Executor
    from ..probes.debug_port import DebugPort
    from ..probes.ftdi.adapters import Adapter
    from ..probes.probe import Probe
    from .board import BoardTarget

__all__ = ["main"]

EXIT_FAILED = 1
EXIT_USER = 2

SIM_PREFIX = "sim:"
SIM_EXTRA = "python -m pip install 'haltpoint[sim]'"

log = logging.getLogger(__name__)


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
    print(f"haltpoint: {sentence}", file=sys.stderr)
    return status


class Parser(argparse.ArgumentParser):
    """Errors in one line, with where to read on."""

    def error(self, message: str) -> NoReturn:
        """See ArgumentParser."""
        self.exit(EXIT_USER, f"haltpoint: {message}. See '{self.prog} --help'.\n")


def _parser() -> Parser:
    parser = Parser(prog="haltpoint", description="GDB server for Arm Cortex-M over ST-Link and FTDI probes.")
    parser.add_argument("--version", action="version", version=f"haltpoint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="wait for GDB and debug the target behind a probe")
    serve.set_defaults(command=_serve)
    _add_target_options(serve)
    serve.add_argument("--port", type=_port, default=3333, help="TCP port for GDB, 0 for any free one (default: 3333)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")

    load = commands.add_parser("load", help="program a file, verify it and reset the target into it")
    load.set_defaults(command=_load)
    _add_target_options(load)
    load.add_argument("--address", type=_address, help="where a raw binary belongs, for example 0x08000000")
    load.add_argument("file", type=Path, metavar="FILE", help="ELF, Intel HEX, or a raw binary with --address")

    _add_sim(commands)
    listing = commands.add_parser("list", help="show the probes that are connected")
    listing.set_defaults(command=_list)
    for command in commands.choices.values():
        command.add_argument("-v", "--verbose", action="store_true", help="log every packet and decision")
    return parser


def _add_sim(commands: argparse._SubParsersAction[Parser]) -> None:
    sim = commands.add_parser("sim", help="offer simulated boards to other programs over USB/IP")
    sim.set_defaults(command=_sim)
    sim.add_argument(
        "boards", nargs="*", metavar="BOARD", help=f"as for serve --probe (default: {SIM_PREFIX}stm32f103c8)"
    )
    sim.add_argument("--port", type=_port, default=3240, help="TCP port, 0 for any free one (default: 3240)")
    sim.add_argument("--host", default="127.0.0.1", help="address to listen on, or unix:PATH (default: 127.0.0.1)")
    sim.add_argument("--pace", action="store_true", help="let the boards' time follow the wall clock")
    sim.add_argument(
        "--pause",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="longest pause between two transfers that passes on the board too; 0: transfers alone move its clock",
    )
    sim.add_argument("--stats", type=Path, metavar="FILE", help="write statistics as JSON at exit and on SIGUSR1")
    sim.add_argument("--trace", type=Path, metavar="FILE", help="write every probe command and its status")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("a pause is a number of seconds, 0 or more")
    return seconds


def _add_target_options(command: argparse.ArgumentParser) -> None:
    """How the target is reached."""
    command.add_argument(
        "--probe",
        default="stlink",
        metavar="SELECTOR",
        help="stlink (the only one connected), stlink:SERIAL, ftdi, ftdi:ADAPTER, ftdi:ADAPTER:SERIAL, or a simulated "
        "board such as sim:stm32f103c8",
    )
    command.add_argument("--adapter-file", type=Path, metavar="FILE", help="an FTDI adapter of your own, as TOML")
    command.add_argument("--chip", default="", metavar="NAME", help="part number; left out, the chip is identified")
    command.add_argument(
        "--vdd", type=_volts, metavar="VOLTS", help="the target's supply (default: what the probe measures, else 3.3)"
    )
    command.add_argument("--speed", type=_khz, metavar="KHZ", help="highest wire clock to use")
    command.add_argument(
        "--connect",
        choices=("halt", "attach", "under-reset"),
        default="halt",
        help="what connecting does to the program: stop it, let it run until that is needed, or reset it",
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _address(text: str) -> int:
    address = int(text, 0)
    if not 0 <= address < 1 << 32:
        raise argparse.ArgumentTypeError("an address has 32 bits")
    return address


def _volts(text: str) -> float:
    volts = float(text)
    if not 1.0 <= volts <= 5.5:
        raise argparse.ArgumentTypeError("a supply is from 1.0 to 5.5 volts")
    return volts


def _khz(text: str) -> int:
    khz = int(text)
    if khz <= 0:
        raise argparse.ArgumentTypeError("the wire clock is a positive number of kHz")
    return khz


@dataclass(frozen=True)
class Access:
    """How a probe is reached: its opener, the executor its driver runs in, and the clock its time is."""

    open_probe: Callable[[], Probe | DebugPort]
    executor: Executor
    clock: trio.abc.Clock | None = None


def _real(selector: str, adapter: Adapter | None) -> Access:
    from ..arm.memory import ThreadExecutor
    from ..probes.discovery import UsbHost, open_probe

    return Access(lambda: open_probe(selector, UsbHost(), adapter), ThreadExecutor())


def _simulated(selector: str, adapter: Adapter | None) -> Access:
    """A simulated board through the real driver: only USB and the clock are the board's."""
    from ..arm.memory import InlineExecutor
    from ..probes.discovery import UsbHost, list_probes, open_probe

    with _simulator(f"Opening the simulated board {selector}"):
        from ..sim.board import open_board

        board = open_board(selector)
    board.backend.unplug_at_gaps = True  # a user gets a sentence, not a traceback
    host = UsbHost(board.backend, board.sleep)
    kind, *_ = list_probes(host)[0].selector.split(":")
    return Access(lambda: open_probe(kind, host, adapter), InlineExecutor(), board.trio_clock())


def _board(options: argparse.Namespace) -> tuple[BoardTarget, trio.abc.Clock | None]:
    """The target the options speak of, not opened yet, and the clock to run under; raises UserError."""
    from ..arm.core import ConnectMode
    from ..flash.chips import chip_named
    from ..probes.ftdi.adapters import load_adapter
    from .board import BoardOptions, BoardTarget

    if options.chip:
        chip_named(options.chip)  # a name that cannot be is the user's error, before any hardware is touched
    adapter = load_adapter(options.adapter_file) if options.adapter_file else None
    make = _simulated if options.probe.startswith(SIM_PREFIX) else _real
    access = make(options.probe, adapter)
    settings = BoardOptions(options.chip, options.speed, ConnectMode(options.connect), options.vdd)
    return BoardTarget(access.open_probe, access.executor, settings), access.clock


@contextmanager
def _simulator(attempt: str) -> Iterator[None]:
    """Turn what is wrong with a request to the simulator into UserError."""
    from ..probes.errors import UserError
    from ..sim.engine import EngineMissingError
    from ..sim.errors import FirmwareError, SelectorError, ServeError

    try:
        yield
    except EngineMissingError as error:
        advice = f"Install it with: {SIM_EXTRA}"
        raise UserError(attempt, "the CPU emulator Unicorn is not installed", advice) from error
    except (SelectorError, FirmwareError, ServeError) as error:
        raise UserError(attempt, str(error).rstrip(".")) from error


def _sim(options: argparse.Namespace) -> int:
    with _simulator("Serving simulated boards"):
        from ..sim.serve import DEFAULT_BOARD, ServeOptions, run

        settings = ServeOptions(
            boards=tuple(options.boards) or (DEFAULT_BOARD,),
            host=options.host,
            port=options.port,
            pace=options.pace,
            pause=options.pause,
            stats=options.stats,
            trace=options.trace,
        )
        return run(settings, lambda line: print(line, flush=True))


def _serve(options: argparse.Namespace) -> int:
    import trio

    from .listen import bind, serve

    board, clock = _board(options)

    def ready(port: int) -> None:
        print(f"Listening on port {port} for gdb connections", flush=True)

    async def run() -> None:
        listener = bind(options.host, options.port)
        async with listener:
            try:
                print(f"Haltpoint {__version__}")
                for fact in await board.open():
                    print(fact)
                await serve(listener, board, ready)
            finally:
                await board.close()

    trio.run(run, clock=clock)
    return 0


def _load(options: argparse.Namespace) -> int:
    import trio

    from ..flash.image import load_image
    from .load import load

    image = load_image(options.file, options.address)
    board, clock = _board(options)

    async def run() -> None:
        try:
            for fact in await board.open():
                print(fact)
            print(await load(board, image))
        finally:
            await board.close()

    trio.run(run, clock=clock)
    return 0


def _list(_options: argparse.Namespace) -> int:
    """Print what is there. What keeps a probe, or all of USB, from being used is part of the answer, not a failure."""
    from ..probes.discovery import UsbHost, list_probes
    from ..probes.errors import ProbeError

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

    from ..sim.chips import CHIPS

    print("Simulated boards: " + ", ".join(f"--probe {SIM_PREFIX}{name.lower()}" for name in CHIPS))
    if find_spec("unicorn") is None:
        print(f"  They need the CPU emulator Unicorn: {SIM_EXTRA}")
