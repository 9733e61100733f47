"""What Arm's manuals define: core control, breakpoints, reset, faults, and the way from accesses to a debug port.

- ``register``, ``registers_*``  registers as data; ``dap`` those of the debug port and the access ports
- ``memory``       the asynchronous side of the memory seam; ``adi`` builds accesses from debug-port transactions;
  ``address_map`` what lies where on every core
- ``core``         a Cortex-M from connecting to detaching; it builds on ``range_stepping`` (which ``thumb`` tells where
  the core can go), that on ``running``, that on ``halting``; ``calls`` makes calls by BKPT cheap
- ``control``      the rules of DHCSR; ``stepping``, ``reset`` and ``snapshot`` obey them
- ``breakpoints``  the table; ``fpb`` its comparators, ``patching`` its BKPT instructions in RAM, ``aside`` the step
  over one in flash, whose instruction ``displaced`` works out
- ``watchpoints``  the table; ``dwt`` its comparators; ``points`` has both tables
- ``stop``, ``faults``  why the core stands, as data and in sentences
- ``identify``     which core it is; ``pcsr`` where it is while it runs
- ``link_check``   whether the wire tells the truth
"""
