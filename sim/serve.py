"""``haltpoint sim``: simulated boards behind a USB/IP server, until a signal ends it."""

from __future__ import annotations

import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from .board import Board, open_board
from .errors import ServeError
from .pacing import IdleTime, Pacing, Pauses, WallPace
from .stlink.device import StLink
from .stlink.trace import CommandTrace
from .transfers import Transfer
from .usb import UsbDevice
from .usbip_server import Export, Server

__all__ = ["DEFAULT_BOARD", "ServeOptions", "Served", "listen", "put_on_bus", "run", "serve", "statistics"]

log = logging.getLogger(__name__)

DEFAULT_BOARD = "sim:stm32f103c8"
UNIX = "unix:"


@dataclass(frozen=True)
class ServeOptions:
    """What the command line says. ``host`` may be ``unix:PATH``; ``pause`` is the limit of Pauses in seconds."""

    boards: tuple[str, ...] = (DEFAULT_BOARD,)
    host: str = "127.0.0.1"
    port: int = 3240
    pace: bool = False
    pause: float = 1.0
    stats: Path | None = None
    trace: Path | None = None


@dataclass(frozen=True)
class Served:
    """A board on the server's bus."""

    board: Board
    export: Export
    commands: CommandTrace | None  # of an ST-Link


def put_on_bus(boards: Sequence[Board], options: ServeOptions, write: Callable[[str], None] | None) -> list[Served]:
    """Give boards the ports 1, 2 ... of a server's bus; ``write`` gets a line for each probe command."""
    idle = IdleTime(trio.current_time)

    def pacing() -> Pacing:
        return WallPace(trio.current_time) if options.pace else Pauses(idle.seconds, options.pause)

    return [_put(port, board, write, pacing(), idle) for port, board in enumerate(boards, 1)]


def _put(port: int, board: Board, write: Callable[[str], None] | None, pacing: Pacing, idle: IdleTime) -> Served:
    def settle() -> None:
        if board.machine.powered:
            board.machine.run_until_now()

    export = Export(port, board.probe, settle, board.selector, pacing=pacing, idle=idle)
    probe: UsbDevice = board.probe
    if not isinstance(probe, StLink):
        return Served(board, export, None)
    commands = CommandTrace(probe, write and (lambda line: write(f"{export.busid} {line}")))

    def observe(transfer: Transfer) -> None:
        commands.transfer(transfer.endpoint, transfer.data, transfer.problem)

    export.carrier.observe = observe
    return Served(board, export, commands)


def run(options: ServeOptions, tell: Callable[[str], None]) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP; the exit status. Raises SelectorError, FirmwareError or ServeError.

    ``tell`` gets the lines for the user; the last one before clients may come begins with "Listening".
    """
    boards = [open_board(selector) for selector in options.boards]
    with _trace(options) as write:
        served = put_on_bus(boards, options, write)
        trio.run(partial(_run, served, options, tell))
    return 1 if any(one.export.problem for one in served) else 0


async def _run(served: Sequence[Served], options: ServeOptions, tell: Callable[[str], None]) -> None:
    server = Server([one.export for one in served])
    listener = listen(options)

    def save() -> None:
        _write_statistics(server, served, options)

    def save_and_tell() -> None:
        save()
        if options.stats is not None:
            tell(f"Statistics written to {options.stats}")

    try:
        for export in server.exports:
            one = export.device.descriptor
            tell(f"{export.busid}: {export.name} ({one.vendor:04x}:{one.product:04x})")
        async with trio.open_nursery() as nursery:
            await nursery.start(_signals, save_and_tell, nursery.cancel_scope)
            await nursery.start(serve, server, listener)
            tell(f"Listening on {_where(options, listener)} for USB/IP clients")
    finally:
        if options.host.startswith(UNIX):
            await trio.Path(options.host.removeprefix(UNIX)).unlink(missing_ok=True)
        save()


async def serve(
    server: Server, listener: trio.SocketListener, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve connections and let time pass, until cancelled."""
    async with trio.open_nursery() as nursery:
        for export in server.exports:
            export.pacing.answered()
            if isinstance(export.pacing, WallPace):
                nursery.start_soon(export.keep_pace)
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        task_status.started()


async def _signals(save: Callable[[], None], scope: trio.CancelScope, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1) as signals:
        task_status.started()
        async for number in signals:
            if number != signal.SIGUSR1:
                break
            save()
    scope.cancel()


@contextmanager
def _trace(options: ServeOptions) -> Iterator[Callable[[str], None] | None]:
    """Give the place for the lines of the trace: its file, the log when that is detailed, or none."""
    if options.trace is None:
        yield log.debug if log.isEnabledFor(logging.DEBUG) else None
        return
    try:
        file = options.trace.open("w", buffering=1)
    except OSError as error:
        raise ServeError(f"the trace cannot be written to {options.trace} ({error.strerror})") from error
    with file:
        yield lambda line: print(line, file=file)


# --- where to listen


def listen(options: ServeOptions) -> trio.SocketListener:
    """Open the server's socket. Raises ServeError."""
    where, advice = f"{options.host}:{options.port}", "Close the other server, or choose another --port or --host."
    try:
        if options.host.startswith(UNIX):
            where, advice = options.host, "Remove the file if no server uses it any more, or choose another path."
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            plain.bind(options.host.removeprefix(UNIX))
        else:
            family, kind, protocol, _, address = socket.getaddrinfo(
                options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            plain = socket.socket(family, kind, protocol)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            plain.bind(address)
        plain.listen(64)
    except OSError as error:
        raise ServeError(f"the address {where} cannot be listened on ({error.strerror or error}). {advice}") from error
    return trio.SocketListener(trio.socket.from_stdlib_socket(plain))


def _where(options: ServeOptions, listener: trio.SocketListener) -> str:
    if options.host.startswith(UNIX):
        return options.host
    return f"port {listener.socket.getsockname()[1]}"


# --- statistics


def statistics(server: Server, served: Sequence[Served]) -> dict[str, Any]:
    """Return what happened so far, for JSON. Counts are exact; ``seconds`` is each board's virtual time."""
    return {
        "clients": server.clients,
        "malformed": server.malformed,
        "boards": [_board_statistics(one) for one in served],
    }


def _board_statistics(one: Served) -> dict[str, Any]:
    export = one.export
    return {
        "busid": export.busid,
        "board": export.name,
        "seconds": export.seconds,
        "imports": export.imports,
        "bulk": one.board.stats.bulk,
        "usb": asdict(one.board.stats),
        "pipes": {_name(endpoint): asdict(counts) for endpoint, counts in sorted(export.carrier.counts.items())},
        **_command_statistics(one.commands),
        "unmodelled": list(one.board.wire.unmodelled),
        "problem": export.problem,
    }


def _command_statistics(commands: CommandTrace | None) -> dict[str, Any]:
    if commands is None:
        return {}
    return {
        "commands": dict(commands.commands.most_common()),
        "statuses": dict(commands.statuses.most_common()),
        "unknown_commands": dict(commands.unknown),
    }


def _name(endpoint: int) -> str:
    direction = "in" if endpoint & 0x80 else "out"
    return f"bulk 0x{endpoint:02X} {direction}" if endpoint & 0x0F else f"control {direction}"


def _write_statistics(server: Server, served: Sequence[Served], options: ServeOptions) -> None:
    if options.stats is None:
        return
    text = json.dumps(statistics(server, served), indent=2) + "\n"
    unfinished = options.stats.with_name(options.stats.name + ".part")
    try:
        unfinished.write_text(text)
        unfinished.replace(options.stats)  # a reader never sees half a file
    except OSError as error:
        log.error("The statistics cannot be written to %s: %s", options.stats, error.strerror or error)  # noqa: TRY400
