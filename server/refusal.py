"""How a client that cannot be served learns why."""

from __future__ import annotations

import logging

import trio

from .protocol import Protocol, Request

__all__ = ["refuse"]

log = logging.getLogger(__name__)

RECEIVE_SIZE = 4096


async def refuse(stream: trio.abc.Stream, sentence: str) -> None:
    """Tell a client why it is not served, and close.

    GDB shows the text of an error to its first packet, qSupported, in every version; an O packet there
    would be taken for the answer.
    """
    protocol = Protocol()
    async with stream:
        try:
            while not protocol.closed:
                data = await stream.receive_some(RECEIVE_SIZE)
                protocol.receive_data(bytes(data))
                if not data:
                    return
                if any(isinstance(event, Request) for event in protocol.events_received()):
                    protocol.send_packet(b"E." + sentence.encode("ascii", "replace"))
                    await stream.send_all(protocol.data_to_send())
                    return
                await stream.send_all(protocol.data_to_send())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("= a refused client left by itself")
