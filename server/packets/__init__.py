"""What a client can say, one frozen dataclass per packet.

- ``base``         the packet class, its error and the readers of numbers
- one module per group: ``session_control``, ``registers``, ``memory``, ``breakpoints``, ``resume``,
  ``flash``, ``threads``, ``queries``
- ``table``        the protocol on one page: name -> packet type by capability; qSupported comes from it

Every class parses its own arguments, without the name and the separator behind it, and raises
PacketError for arguments that cannot be. Only ``table.parse`` catches it.
"""
