"""What Arm's manuals define: core control, breakpoints, reset, faults, and the way from accesses to a debug port.

- ``register``, ``registers_*``  registers as data; ``dap`` those of the debug port and the access ports
- ``memory``       the asynchronous side of the memory seam; ``adi`` builds accesses from debug-port transactions
- ``core``         a Cortex-M from connecting to detaching; ``halting`` what it does in between
- ``control``      the rules of DHCSR; ``stepping``, ``reset`` and ``snapshot`` obey them
- ``breakpoints``  the table; ``fpb`` its comparators, ``patching`` its BKPT instructions in RAM
- ``stop``, ``faults``  why the core stands, as data and in sentences
- ``identify``     which core it is
- ``link_check``   whether the wire tells the truth
"""
