"""``haltpoint load``: program a file without GDB."""

from __future__ import annotations

import logging

from ..flash.image import Image
from ..probes.errors import ImageError
from .board import BoardTarget

__all__ = ["load"]

log = logging.getLogger(__name__)


async def load(board: BoardTarget, image: Image) -> str:
    """Program ``image``, verify it, reset the chip into it; a line for the user.

    Bytes of a sector that the image does not cover are kept, unless the board was opened to erase them. Raises
    HaltpointError; ImageError for an image that does not fit the flash comes before anything has been erased.
    """
    target = await board.acquire()
    flash = target.flash
    if flash is None:
        advice = "Name it with --chip, or give a flash algorithm for it with --flm or --pack."
        raise ImageError(f"Loading {image.name}", "the chip is not known, and so its flash is not", advice)
    for segment in image.segments:
        flash.write(segment.address, segment.data)
    await target.halt()
    report = await target.finish_flash()
    await target.reset(halt=False)
    for notice in target.take_notices():
        log.info("%s", notice)
    return report
