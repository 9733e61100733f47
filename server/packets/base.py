"""The packet class, its error, and readers for the protocol's numbers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar, Self

__all__ = ["NoArguments", "Packet", "PacketError", "address_and_length", "hex_bytes", "hex_number", "split"]

_NUMBER = re.compile(rb"[0-9a-fA-F]{1,16}")


class PacketError(Exception):
    """A packet whose arguments cannot be read; the text says which and why."""


class Packet(ABC):
    """A request from the client.

    ``feature`` is what qSupported says about it, if anything. ``deadline``, in seconds, is when an answer
    must have left: GDB waits 3 x 2 s for a plain reply and is one answer out of step for good afterwards.
    """

    feature: ClassVar[str] = ""
    deadline: ClassVar[float] = 5.0
    keep_alive: ClassVar[bool] = False
    """Work that may take longer than a client waits: it is sent notifications that it ignores but for the time."""

    @classmethod
    @abstractmethod
    def parse(cls, arguments: bytes) -> Self:
        """Read what follows the packet's name; raises PacketError."""


class NoArguments(Packet):
    """A packet that is its name alone; what follows is ignored, as old clients append things."""

    @classmethod
    def parse(cls, arguments: bytes) -> Self:  # noqa: ARG003 - the signature is Packet's
        """See Packet."""
        return cls()


def hex_number(text: bytes, what: str, bits: int = 32) -> int:
    """A hexadecimal number of at most ``bits`` bits; ``what`` names it in the error."""
    if not _NUMBER.fullmatch(text):
        raise PacketError(f"{what} is not a hexadecimal number: {text[:20]!r}")
    number = int(text, 16)
    if number >> bits:
        raise PacketError(f"{what} {number:#x} does not fit {bits} bits")
    return number


def hex_bytes(text: bytes, what: str) -> bytes:
    """Bytes written as pairs of hexadecimal digits."""
    try:
        # bytes.fromhex would skip white space, which the protocol does not know.
        return bytes.fromhex(text.decode("ascii").replace(" ", "?"))
    except ValueError:
        raise PacketError(f"{what} is not pairs of hexadecimal digits: {text[:20]!r}") from None


def split(text: bytes, separator: bytes, count: int) -> list[bytes]:
    """``text`` in exactly ``count`` parts; the last one may contain the separator."""
    parts = text.split(separator, count - 1)
    if len(parts) != count:
        raise PacketError(f"{count} fields separated by {separator.decode()} expected: {text[:40]!r}")
    return parts


def address_and_length(text: bytes) -> tuple[int, int]:
    """``ADDR,LENGTH``."""
    address, length = split(text, b",", 2)
    return hex_number(address, "the address"), hex_number(length, "the length")
