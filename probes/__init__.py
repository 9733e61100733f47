"""Probe drivers, down to USB, and the vocabulary of target accesses they carry out.

- ``errors``  the error tree of all floors, at the lowest one so that every floor can raise it
- ``access``  a batch of target accesses as data: the memory seam
- ``probe``   what a driver promises
- ``usb``     the one module that imports pyusb
- ``stlink``  the ST-Link driver
- ``discovery``  which probes are there
"""
