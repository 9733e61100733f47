"""Logic captures of sigrok: a zip of samples, one byte each, and a description of the channels."""

from __future__ import annotations

import configparser
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

__all__ = ["CAPTURES", "Capture", "capture"]

CAPTURES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "captures"
_UNITS = {"Hz": 1, "kHz": 1_000, "MHz": 1_000_000, "GHz": 1_000_000_000}


@dataclass
class Capture:
    """Samples of up to eight channels; ``bit`` maps a channel's name, in lower case, to its mask in a sample."""

    name: str
    samples: bytes
    rate: int
    bit: dict[str, int]

    @cached_property
    def ps(self) -> int:
        """Picoseconds per sample."""
        return 1_000_000_000_000 // self.rate

    def levels(self, channel: str) -> bytes:
        """One channel alone: a byte of 0 or 1 per sample."""
        mask = self.bit[channel]
        return self.samples.translate(bytes(int(bool(value & mask)) for value in range(256)))

    def rising(self, channel: str) -> list[int]:
        """Index of the first high sample of each rising edge."""
        return self._edges(channel, b"\x00\x01")

    def falling(self, channel: str) -> list[int]:
        """Index of the first low sample of each falling edge."""
        return self._edges(channel, b"\x01\x00")

    def _edges(self, channel: str, pattern: bytes) -> list[int]:
        levels = self.levels(channel)
        found = []
        at = levels.find(pattern)
        while at >= 0:
            found.append(at + 1)
            at = levels.find(pattern, at + 1)
        return found


def read_capture(path: Path) -> Capture:
    """Read a .sr file of version 2 with one byte per sample."""
    with zipfile.ZipFile(path) as archive:
        described = configparser.ConfigParser()
        described.read_string(archive.read("metadata").decode())
        device = described["device 1"]
        assert device["unitsize"] == "1", f"{path.name} has {device['unitsize']} bytes per sample"
        stem = device["capturefile"]
        parts = [name for name in archive.namelist() if name == stem or name.startswith(stem + "-")]
        parts.sort(key=lambda name: int(name.removeprefix(stem).lstrip("-") or 0))
        samples = b"".join(archive.read(name) for name in parts)
    number, unit = device["samplerate"].split()
    bit = {value.lower(): 1 << int(key.removeprefix("probe")) - 1 for key, value in device.items() if _is_probe(key)}
    return Capture(path.stem, samples, round(float(number) * _UNITS[unit]), bit)


def _is_probe(key: str) -> bool:
    return key.startswith("probe") and key.removeprefix("probe").isdecimal()


def capture(name: str) -> Capture:
    """The capture called ``swd/...`` or ``jtag/...``; the test is skipped with a reason where it is absent."""
    path = CAPTURES / f"{name}.sr"
    if not path.is_file():
        pytest.skip(f"no wire captures of real chips here: {path} is absent")
    return read_capture(path)
