"""What GDB speaks, from the wire to the target's face.

General layout, from the bytes upwards:

- ``protocol``     framing as a sans-I/O object: bytes in, events out; replies in, bytes out
- ``packets/``     one frozen dataclass per packet; ``packets.table`` is the protocol on one page
- ``handlers/``    typed packet in, reply out, by group; ``replies`` is what they may answer
- ``client``       what a handler knows of the client; ``monitor`` the commands behind ``monitor``
- ``target``       the one object handlers debug, with optional capabilities as optional attributes
- ``description``, ``memory_map``, ``stop_replies``  what a client is told about registers, memory and stops
- ``line``         a trio stream with the codec around it
- ``session``      one client from connect to goodbye
- ``listen``, ``refusal``  the port, one client at a time
- ``board``        from a probe selector to a target, and back
- ``cli``, ``commands/``  the command line, one module per command; ``commands.access`` alone knows of the simulator
"""
