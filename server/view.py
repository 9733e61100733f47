"""The virtual stop: what a client is shown that takes a core for stopped which is to run on.

GDB wants a stop reply when it connects. One with nothing but a program counter is enough for it: it then
reads and writes memory, sets breakpoints and continues, and the core never halts. Registers other than pc
are "not available", which ``g`` says by ``x``.
"""

from __future__ import annotations

from ..arm.memory import Memory
from ..arm.pcsr import sample_pc
from ..arm.registers_core import Regsel
from ..arm.reset import reset_vector
from ..arm.stop import Stop, StopReason

__all__ = ["virtual_stop"]


async def virtual_stop(memory: Memory, last_pc: int | None) -> Stop:
    """A stop with pc alone, as sampled from the running core.

    A core that sleeps, or has no sampling register, tells none: then it is ``last_pc``, and at first
    the reset vector, because GDB cannot do without.
    """
    pc = await sample_pc(memory)
    if pc is None:
        pc = last_pc
    if pc is None:
        pc = await reset_vector(memory)
    return Stop(StopReason.HALT_REQUEST, 0, 0, {Regsel.PC: pc or 0})
