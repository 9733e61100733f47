"""The server's own terminal, for what programs print and read."""

from __future__ import annotations

import codecs
import os
import sys

import trio

from .host import CONSOLE, STDERR, NotYet

__all__ = ["Decoder", "Terminal"]

PATIENCE = 0.05
"""Seconds for which input is waited for before the client is listened to again."""


class Decoder:
    """Bytes of the console streams as text: a character may come in two writes."""

    def __init__(self) -> None:
        self._decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in CONSOLE}

    def text(self, stream: int, data: bytes) -> str:
        """What can be shown by now."""
        return self._decoders[stream].decode(data)


class Terminal:
    """The server's standard streams."""

    def __init__(self) -> None:
        self._decoder = Decoder()

    def write(self, stream: int, data: bytes) -> None:
        """Show ``data`` at once."""
        out = sys.stderr if stream == STDERR else sys.stdout
        out.write(self._decoder.text(stream, data))
        out.flush()

    @staticmethod
    async def read(length: int) -> bytes:
        """What has been typed, at least a byte, b"" at the end of the input; raises NotYet when nothing has been."""
        try:
            descriptor = sys.stdin.fileno()
        except (AttributeError, ValueError):
            return b""  # there is none, or it is closed
        with trio.move_on_after(PATIENCE) as waiting:
            try:
                await trio.lowlevel.wait_readable(descriptor)
            except PermissionError:
                await trio.lowlevel.checkpoint()  # a plain file: it is always ready
        if waiting.cancelled_caught:
            raise NotYet
        return os.read(descriptor, length)
