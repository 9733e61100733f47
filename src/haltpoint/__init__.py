"""Haltpoint: a GDB server for Arm Cortex-M over ST-Link and FTDI probes.

General layout (each a folder at the top of the source tree, linked here):

- ``server``  what GDB speaks: packet codec, session, packet handlers, monitor commands, command line
- ``flash``   images, memory maps, the plan, the loader engine and the loaders
- ``arm``     what Arm's manuals define: core control, breakpoints, reset, faults
- ``probes``  ST-Link and FTDI drivers, down to USB
- ``sim``     simulated boards; imports none of the above and is imported by none of them but the command line

Imports run downwards only: server -> flash -> arm -> probes.
"""

__version__ = "0.1.0"
