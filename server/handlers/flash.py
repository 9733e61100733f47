"""Flash. GDB sends vFlashErase for runs of sectors, vFlashWrite in ascending order, vFlashDone.

Nothing may be written to the console in between: GDB would take it for the answer. It also drops the text
of an error, so sentences, the closing line of a load too, wait for the next resume or monitor command.
"""

from __future__ import annotations

import logging

from ...probes.errors import HaltpointError
from ..client import Client
from ..packets import flash as packets
from ..replies import EMPTY, OK, Reply
from .base import handles

__all__: list[str] = []

log = logging.getLogger(__name__)


@handles(packets.FlashErase)
async def erase(client: Client, packet: packets.FlashErase) -> Reply:
    """Noted; the work is done at vFlashDone. After a refusal nothing of this load is kept."""
    flash = client.target.flash
    if flash is None:
        return EMPTY
    try:
        flash.erase(packet.address, packet.length)
    except HaltpointError:
        flash.discard()
        raise
    return OK


@handles(packets.FlashWrite)
async def write(client: Client, packet: packets.FlashWrite) -> Reply:
    """Noted, like the erase."""
    flash = client.target.flash
    if flash is None:
        return EMPTY
    try:
        flash.write(packet.address, packet.data)
    except HaltpointError:
        flash.discard()
        raise
    return OK


@handles(packets.FlashDone)
async def done(client: Client, _packet: packets.FlashDone) -> Reply:
    """Erase, program, verify."""
    await client.target.halt()
    report = await client.target.finish_flash()
    log.info("%s", report)
    client.say_later(report)
    return OK
