"""``haltpoint sim``: simulated boards behind a USB/IP server, until a signal ends it."""

from __future__ import annotations

import json
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from .board import Board, open_board
from .errors import ServeError
from .pacing import Pauses, WallPace
from .usbip_server import Export, Server

__all__ = ["DEFAULT_BOARD", "ServeOptions", "export_board", "run", "serve", "statistics"]

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


def export_board(port: int, board: Board, options: ServeOptions) -> Export:
    """Put a board on the server's bus."""

    def settle() -> None:
        if board.machine.powered:
            board.machine.run_until_now()

    pacing = WallPace() if options.pace else Pauses(options.pause)
    return Export(port, board.probe, settle, pacing, board.selector)


def run(options: ServeOptions, tell: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM; the exit status. Raises SelectorError, FirmwareError or ServeError.

    ``tell`` gets the lines for the user; the last one before clients may come begins with "Listening".
    """
    boards = [open_board(selector) for selector in options.boards]
    exports = [export_board(port, board, options) for port, board in enumerate(boards, 1)]
    server = Server(exports)
    trio.run(partial(_run, server, boards, options, tell))
    return 1 if any(export.problem for export in exports) else 0


async def _run(server: Server, boards: Sequence[Board], options: ServeOptions, tell: Callable[[str], None]) -> None:
    listener = _listen(options)
    try:
        for export in server.exports:
            one = export.device.descriptor
            tell(f"{export.busid}: {export.name} ({one.vendor:04x}:{one.product:04x})")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_signals, server, boards, options, nursery.cancel_scope)
            await nursery.start(partial(serve, server, listener))
            tell(f"Listening on {_where(options, listener)} for USB/IP clients")
    finally:
        if options.host.startswith(UNIX):
            await trio.Path(options.host.removeprefix(UNIX)).unlink(missing_ok=True)
        _write_statistics(server, boards, options)


async def serve(
    server: Server, listener: trio.SocketListener, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve connections and let time pass, until cancelled."""
    async with trio.open_nursery() as nursery:
        for export in server.exports:
            export.pacing.busy(trio.current_time(), export.seconds)
            if isinstance(export.pacing, WallPace):
                nursery.start_soon(export.keep_pace)
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        task_status.started()


async def _signals(server: Server, boards: Sequence[Board], options: ServeOptions, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGUSR1) as signals:
        async for number in signals:
            if number != signal.SIGUSR1:
                break
            _write_statistics(server, boards, options)
    scope.cancel()


# --- where to listen


def _listen(options: ServeOptions) -> trio.SocketListener:
    where = f"{options.host}:{options.port}"
    try:
        if options.host.startswith(UNIX):
            where = options.host
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
        raise ServeError(
            f"the address {where} cannot be listened on ({error.strerror or error}). "
            "Close the other server, or choose another --port or --host."
        ) from error
    return trio.SocketListener(trio.socket.from_stdlib_socket(plain))


def _where(options: ServeOptions, listener: trio.SocketListener) -> str:
    if options.host.startswith(UNIX):
        return options.host
    return f"port {listener.socket.getsockname()[1]}"


# --- statistics


def statistics(server: Server, boards: Sequence[Board]) -> dict[str, Any]:
    """Return what happened so far, for JSON."""
    return {
        "clients": server.clients,
        "malformed": server.malformed,
        "boards": [_board_statistics(export, board) for export, board in zip(server.exports, boards, strict=True)],
    }


def _board_statistics(export: Export, board: Board) -> dict[str, Any]:
    return {
        "busid": export.busid,
        "board": export.name,
        "seconds": export.seconds,
        "imports": export.imports,
        "usb": asdict(board.stats),
        "endpoints": {_name(endpoint): asdict(counts) for endpoint, counts in sorted(export.carrier.counts.items())},
        "unmodelled": list(board.wire.unmodelled),
        "problem": export.problem,
    }


def _name(endpoint: int) -> str:
    direction = "in" if endpoint & 0x80 else "out"
    return f"bulk 0x{endpoint:02X} {direction}" if endpoint & 0x0F else f"control {direction}"


def _write_statistics(server: Server, boards: Sequence[Board], options: ServeOptions) -> None:
    if options.stats is None:
        return
    text = json.dumps(statistics(server, boards), indent=2) + "\n"
    partial_file = options.stats.with_name(options.stats.name + ".part")
    try:
        partial_file.write_text(text)
        partial_file.replace(options.stats)  # a reader never sees half a file
    except OSError as error:
        log.error("The statistics cannot be written to %s: %s", options.stats, error.strerror or error)  # noqa: TRY400
