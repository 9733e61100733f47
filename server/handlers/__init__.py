"""One module per group of packets: typed packet and client in, reply out.

A handler returns data, an error, a stop to be reported or "running"; the session alone writes.
HaltpointError may fly out of a handler: its sentence becomes the error reply. A handler never sees a
probe, a stream or the framing.
"""

from . import breakpoints, execution, flash, memory, monitor, queries, registers, session_control
from .base import HANDLERS

__all__ = [
    "HANDLERS",
    "breakpoints",
    "execution",
    "flash",
    "memory",
    "monitor",
    "queries",
    "registers",
    "session_control",
]
