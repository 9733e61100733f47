"""``monitor``: the user's line goes to the command table; what it says goes to his console while it works."""

from __future__ import annotations

from ..client import Client
from ..monitor.table import run_command
from ..packets import queries as packets
from ..replies import OK, Reply
from .base import handles

__all__: list[str] = []


@handles(packets.MonitorCommand)
async def monitor(client: Client, packet: packets.MonitorCommand) -> Reply:
    """Errors raise; the session puts their sentence on the console before the error reply."""
    await client.say_what_waits()
    await run_command(client, packet.line)
    return OK
