"""Firmware versions and what each level of them can do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["Feature", "Firmware", "parse_version", "parse_version_ex"]


class Feature(Enum):
    """Something that depends on the firmware level."""

    TARGET_VOLTAGE = auto()
    RW_STATUS_2 = auto()  # status with the address of the fault
    FPU_REGISTERS = auto()  # READREG and WRITEREG beyond 0x1F
    SWD_DIVISOR = auto()
    COM_FREQUENCY = auto()
    DAP_REGISTERS = auto()
    HALFWORDS = auto()
    AP_OPENING = auto()  # INIT_AP is required before an AP is used
    CLOSE_AP_STATUS = auto()  # CLOSE_AP_DBG answers with a status worth reading
    RW_MISC = auto()
    TRUE_FAULTS = auto()  # AP FAULT is never said where AP WAIT is meant


# First J level that has the feature, on hardware V2 and on V3; None: never.
_SINCE: dict[Feature, tuple[int | None, int | None]] = {
    Feature.TARGET_VOLTAGE: (13, 0),
    Feature.RW_STATUS_2: (15, 0),
    Feature.FPU_REGISTERS: (15, 0),
    Feature.SWD_DIVISOR: (22, None),
    Feature.COM_FREQUENCY: (None, 0),
    Feature.DAP_REGISTERS: (24, 0),
    Feature.HALFWORDS: (26, 0),
    Feature.AP_OPENING: (28, 0),
    Feature.CLOSE_AP_STATUS: (29, 0),
    Feature.RW_MISC: (32, 2),
    # V3J7 was seen to answer AP FAULT to a slow access, V3 before J10 to fail on WAIT at 24 MHz.
    Feature.TRUE_FAULTS: (0, 10),
}

# Below these levels field reports get many: the user is told about the upgrade.
ADVISED_LEVEL = {2: 24, 3: 3}


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware version. ``jtag`` is the J number, 0 where the firmware cannot debug at all."""

    hardware: int
    jtag: int
    swim: int = 0
    mass_storage: int = 0
    bridge: int = 0

    def has(self, feature: Feature) -> bool:
        """Whether this firmware has the feature."""
        since = _SINCE[feature][0 if self.hardware == 2 else 1]
        return since is not None and self.jtag >= since

    @property
    def outdated(self) -> bool:
        """Whether an upgrade is worth advising."""
        return self.jtag < ADVISED_LEVEL[2 if self.hardware == 2 else 3]

    @property
    def rw_misc_items(self) -> int:
        """How many items one RW_MISC transfer holds."""
        return 64 if self.hardware == 2 else 1227

    @property
    def byte_limit(self) -> int:
        """The longest 8-bit transfer in bytes; V3 documents 512 and fails from 256 on."""
        return 64 if self.hardware == 2 else 128

    def __str__(self) -> str:
        parts = (("J", self.jtag), ("M", self.mass_storage), ("B", self.bridge), ("S", self.swim))
        return f"V{self.hardware}" + "".join(f"{letter}{number}" for letter, number in parts if number)


_SHARED_WITH_MASS_STORAGE = (0x374B, 0x3752)  # here the low version field is M, not S


def parse_version(reply: bytes) -> Firmware:
    """Decode GET_VERSION: six bytes, a big-endian word of three numbers, then vendor and product."""
    word = int.from_bytes(reply[0:2], "big")
    hardware, high, low = word >> 12, word >> 6 & 0x3F, word & 0x3F
    if int.from_bytes(reply[4:6], "little") not in _SHARED_WITH_MASS_STORAGE:
        return Firmware(hardware, jtag=high, swim=low)
    # A V2-1 with the STM8 firmware says M and S in the places of J and M; only the ranges tell.
    if (high <= 22 and low == 7) or (high >= 25 and 7 <= low <= 12):
        return Firmware(hardware, jtag=0, swim=low, mass_storage=high)
    return Firmware(hardware, jtag=high, mass_storage=low)


def parse_version_ex(reply: bytes) -> Firmware:
    """Decode GET_VERSION_EX, which hardware V3 and later needs: twelve bytes, one number each."""
    hardware, swim, jtag, mass_storage, bridge = reply[:5]
    return Firmware(hardware, jtag=jtag, swim=swim, mass_storage=mass_storage, bridge=bridge)
