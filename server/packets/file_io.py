"""The client's answer to a File-I/O request (GDB manual, node File-I/O)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from .base import Packet, PacketError

__all__ = ["FileReply"]

_REPLY = re.compile(rb"(-?[0-9a-fA-F]{1,16})(?:,([0-9a-fA-F]{1,8}))?(,C)?")


@dataclass(frozen=True, slots=True)
class FileReply(Packet):
    """``F RESULT[,ERRNO[,C]][;ATTACHMENT]``.

    ``result`` is what the call returned, -1 for a failure; ``errno`` is in the protocol's own numbers.
    ``ctrl_c``: the user pressed Ctrl-C while the client was at it. The numbers are hexadecimal.
    """

    result: int
    errno: int = 0
    ctrl_c: bool = False

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        found = _REPLY.fullmatch(arguments.split(b";", 1)[0])
        if found is None:
            raise PacketError(f"the result of a file request is not to be read: {arguments[:40]!r}")
        result, errno, ctrl_c = found.groups()
        return cls(int(result, 16), int(errno or b"0", 16), ctrl_c is not None)
