"""Breakpoints: edits to a table. GDB takes all out at every stop and puts them back before every resume."""

from __future__ import annotations

from ..client import Client
from ..packets import breakpoints as packets
from ..packets.breakpoints import PointType
from ..replies import EMPTY, OK, Reply
from .base import handles

__all__: list[str] = []

BREAKPOINTS = {PointType.SOFTWARE: False, PointType.HARDWARE: True}
"""The types there are, and whether a comparator was asked for; watchpoints are not there yet."""


@handles(packets.InsertBreakpoint)
async def insert(client: Client, packet: packets.InsertBreakpoint) -> Reply:
    """Idempotent, as the protocol wants it."""
    if packet.type not in BREAKPOINTS:
        return EMPTY
    client.target.insert_breakpoint(packet.address, hardware=BREAKPOINTS[packet.type])
    if client.running:
        await client.target.apply_points()
    return OK


@handles(packets.RemoveBreakpoint)
async def remove(client: Client, packet: packets.RemoveBreakpoint) -> Reply:
    """By address; the kind may differ from the one inserted."""
    if packet.type not in BREAKPOINTS:
        return EMPTY
    client.target.remove_breakpoint(packet.address, hardware=BREAKPOINTS[packet.type])
    if client.running:
        await client.target.apply_points()
    return OK
