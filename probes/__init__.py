"""Probe drivers, down to USB, and the vocabulary of target accesses they carry out.

- ``errors``  the error tree of all floors, at the lowest one so that every floor can raise it
- ``access``  a batch of target accesses as data: the memory seam
- ``probe``   what a driver promises
- ``debug_port``  what a driver promises whose probe only moves bits: transactions in place of memory accesses
- ``attempt``  what is being tried, in the words of an error
- ``usb``     the one module that imports pyusb
- ``stlink``  the ST-Link driver
- ``ftdi``    the driver for FTDI adapters, JTAG and SWD
- ``discovery``  which probes are there
"""
