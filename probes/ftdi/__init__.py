"""The driver for FTDI adapters (FT2232H, FT4232H, FT232H), layer by layer.

- ``usb``        the channel of a chip: streams out, replies in (pyftdi)
- ``mpsse``      the command bytes
- ``adapters``, ``pins``  which adapter has which signal on which pin
- ``tap``, ``chain``, ``jtag``  the TAP controller, the chain, scans of a JTAG-DP
- ``sequences``, ``swd``  switching sequences, packets of an SW-DP
- ``wire``, ``engine``  what the two wires have in common, and batches that are exact over either
- ``probe``      the adapter as a DebugPort

Nothing is imported here: pyftdi is loaded when an adapter is opened.
"""
