"""The ST-Link driver, from the Probe interface down to 16-byte commands.

- ``probe``      StLink: opening, batches, closing
- ``memory``, ``core``  bus accesses and core registers
- ``link``       checked commands, WAIT and FAULT, modes, reset line, supply, speed
- ``transport``  command, data, answer, in step
- ``commands``, ``plan``, ``status``, ``firmware``, ``speeds``, ``serial``, ``identity``  tables and pure functions

ST publishes no specification of the protocol; the tables hold what has been observed in the field.
"""

from .probe import StLink

__all__ = ["StLink"]
