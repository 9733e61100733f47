"""How a client that cannot be served learns why."""

from __future__ import annotations

import logging

from .line import Line, SessionOver
from .protocol import Request

__all__ = ["refuse"]

log = logging.getLogger(__name__)


async def refuse(line: Line, sentence: str) -> None:
    """Tell a client why it is not served, and close.

    GDB shows the text of an error to its first packet, qSupported, in every version; an O packet there
    would be taken for the answer.
    """
    try:
        while not isinstance(await line.next_event(), Request):
            pass
        await line.send(b"E." + sentence.encode("ascii", "replace"))
    except SessionOver:
        log.debug("= a refused client left by itself")
    await line.close()
