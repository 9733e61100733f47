"""Breakpoints and watchpoints: edits to a table.

GDB takes all out at every stop and puts them back before every resume.
"""

from __future__ import annotations

from ...arm.dwt import WatchKind
from ..client import Client
from ..packets import breakpoints as packets
from ..packets.breakpoints import PointType
from ..points import Orders
from ..replies import OK, Failure, Reply
from .base import handles

__all__: list[str] = []

BREAKPOINTS = {PointType.SOFTWARE: False, PointType.HARDWARE: True}
"""The types of breakpoints, and whether a comparator was asked for."""

WATCHPOINTS = {
    PointType.WRITE: WatchKind.WRITE,
    PointType.READ: WatchKind.READ,
    PointType.ACCESS: WatchKind.ACCESS,
}


@handles(packets.InsertBreakpoint)
async def insert(client: Client, packet: packets.InsertBreakpoint) -> Reply:
    """Idempotent, as the protocol wants it; one that is there gets the conditions and commands of this packet."""
    points = client.target.points
    if packet.type in BREAKPOINTS:
        orders = Orders(packet.conditions, packet.commands)
        await client.target.insert_breakpoint(packet.address, hardware=BREAKPOINTS[packet.type], orders=orders)
    elif not packet.kind:
        return Failure("Watching 0 bytes is not possible.")
    else:
        points.watch(WATCHPOINTS[packet.type], packet.address, packet.kind)
    await _apply(client)
    return OK


@handles(packets.RemoveBreakpoint)
async def remove(client: Client, packet: packets.RemoveBreakpoint) -> Reply:
    """Breakpoints by address: the kind may differ from the one inserted."""
    points = client.target.points
    if packet.type in BREAKPOINTS:
        points.remove(packet.address, hardware=BREAKPOINTS[packet.type])
    else:
        points.unwatch(WATCHPOINTS[packet.type], packet.address, packet.kind)
    await _apply(client)
    return OK


async def _apply(client: Client) -> None:
    """Only in a core whose client waits for a stop: at any other time it would not expect one."""
    if client.running:
        await client.target.apply_points()
