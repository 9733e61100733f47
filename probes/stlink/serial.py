"""The serial number, from the raw string descriptor: some firmware puts binary bytes where text belongs."""

from __future__ import annotations

__all__ = ["decode_serial"]

_RAW_LENGTH = 26  # two bytes of header, twelve raw bytes each widened to a UTF-16 unit


def decode_serial(descriptor: bytes) -> str:
    """The serial number that a string descriptor means; "" for an empty or torn descriptor.

    Old V2 firmware and its clones store the chip's twelve id bytes raw, each as the low byte of a
    UTF-16 unit. They are shown as 24 upper-case hex digits, as every newer probe stores them itself.
    """
    if len(descriptor) < 2 or descriptor[1] != 3:
        return ""
    length = min(descriptor[0], len(descriptor)) & ~1
    units = descriptor[2:length]
    if length == _RAW_LENGTH:
        return units[::2].hex().upper()
    return "".join(
        chr(low) if not high and 0x20 < low < 0x7F else "?" for low, high in zip(units[::2], units[1::2], strict=True)
    )
