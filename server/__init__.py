"""What GDB speaks, from the wire to the target's face.

General layout, from the bytes upwards:

- ``protocol``     framing as a sans-I/O object: bytes in, events out; replies in, bytes out
- ``packets/``     one frozen dataclass per packet; ``packets.table`` is the protocol on one page
- ``handlers/``    typed packet in, reply out, by group; ``replies`` is what they may answer
- ``client``       what a handler knows of the client; ``monitor/`` the commands behind ``monitor``
- ``target``       the one object handlers debug, with optional ``capabilities`` as optional attributes; behind it
  ``points``, ``flash_breakpoints``, ``range_steps``, ``register_access``, ``flash_reads``, ``plain_flash`` and ``view``
- ``description``, ``memory_map``, ``stop_replies``  what a client is told about registers, memory and stops
- ``line``         a trio stream with the codec around it
- ``session``      one client from connect to goodbye, with ``answers``, ``watch`` and ``run_control`` in it
- ``intercept``    who deals with a stop before the client hears of it: ``conditions`` (whose expressions ``agent``
  carries out) and ``semihosting/``
- ``listen``, ``refusal``  the port, one client at a time
- ``board``        from a probe selector to a target, and back; ``connecting`` to a core that is out of reach
- ``cli``, ``commands/``  the command line, one module per command; ``commands.access`` alone knows of the simulator
"""
