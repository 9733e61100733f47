"""The debug access port as data: debug port, MEM-AP, their ids. No I/O here.

Arm Debug Interface ADIv5.2, IHI0031F: part B2 (DP registers), B1 and B4 (SWD), B3 (JTAG), C2 (MEM-AP).
Register "addresses" are A[3:0] of the DP, or A[7:0] of the AP; bank 0 unless a class says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .register import Register, Word, bit, bits

__all__ = [
    "ABORT",
    "AP_BASE",
    "AP_BD0",
    "AP_CFG",
    "AP_CSW",
    "AP_DRW",
    "AP_IDR",
    "AP_TAR",
    "AUTO_INCREMENT_WRAP",
    "CTRL_STAT",
    "DLPIDR",
    "DPIDR",
    "JTAG_IR_LENGTH",
    "KNOWN_DPIDRS",
    "RDBUFF",
    "SELECT",
    "SWD_REQUEST_PARITY_BITS",
    "TARGETID",
    "Acknowledge",
    "AddrInc",
    "ApKind",
    "DpKind",
    "JtagAcknowledge",
    "JtagInstruction",
    "Size",
    "csw_word",
]


# ---------------------------------------------------------------------------------------------- DP
class DPIDR(Register, address=0x0):
    """Debug Port Identification, read (IHI0031F B2.2.5). On DPv0 address 0 is reserved and reads 0."""

    PRESENT = bit(0)  # RAO
    DESIGNER = bits(1, 11)
    VERSION = bits(12, 4)
    MIN = bit(16)
    PARTNO = bits(20, 8)
    REVISION = bits(28, 4)


class ABORT(Register, address=0x0):
    """AP Abort, write (IHI0031F B2.2.1).

    The CLR bits exist from DPv1 on. A JTAG-DPv0 has DAPABORT only; its sticky flags are cleared by writing
    1 to them in CTRL/STAT.
    """

    DAPABORT = bit(0)
    STKCMPCLR = bit(1)
    STKERRCLR = bit(2)
    WDERRCLR = bit(3)
    ORUNERRCLR = bit(4)


class CTRL_STAT(Register, address=0x4):
    """Control/Status, DPBANKSEL 0 (IHI0031F B2.2.2)."""

    ORUNDETECT = bit(0)
    STICKYORUN = bit(1)
    TRNMODE = bits(2, 2)
    STICKYCMP = bit(4)
    STICKYERR = bit(5)
    READOK = bit(6)
    WDATAERR = bit(7)
    MASKLANE = bits(8, 4)
    TRNCNT = bits(12, 12)
    CDBGRSTREQ = bit(26)
    CDBGRSTACK = bit(27)
    CDBGPWRUPREQ = bit(28)
    CDBGPWRUPACK = bit(29)
    CSYSPWRUPREQ = bit(30)
    CSYSPWRUPACK = bit(31)


class SELECT(Register, address=0x8):
    """AP Select, write (IHI0031F B2.2.10)."""

    DPBANKSEL = bits(0, 4)
    APBANKSEL = bits(4, 4)
    APSEL = bits(24, 8)


class RDBUFF(Register, address=0xC):
    """Result of the last posted AP read (IHI0031F B2.2.9)."""


class TARGETID(Register, address=0x4):
    """Target Identification, DPv2, DPBANKSEL 2 (IHI0031F B2.2.11)."""

    DESIGNER = bits(1, 11)
    PARTNO = bits(12, 16)
    REVISION = bits(28, 4)


class DLPIDR(Register, address=0x4):
    """Data Link Protocol Identification, DPv2, DPBANKSEL 3 (IHI0031F B2.2.4)."""

    PROTVSN = bits(0, 4)
    TINSTANCE = bits(28, 4)


# ---------------------------------------------------------------------------------------------- links
class Acknowledge(IntEnum):
    """SWD ACK, first bit on the wire in bit 0 (IHI0031F B4.2.3)."""

    OK = 0b001
    WAIT = 0b010
    FAULT = 0b100


class JtagAcknowledge(IntEnum):
    """ACK of DPACC and APACC scans (IHI0031F B3.4.3). OK/FAULT share a code: the sticky flags tell."""

    WAIT = 0b001
    OK_OR_FAULT = 0b010


class JtagInstruction(IntEnum):
    """JTAG-DP instructions (IHI0031F B3.3.1)."""

    ABORT = 0b1000
    DPACC = 0b1010
    APACC = 0b1011
    IDCODE = 0b1110
    BYPASS = 0b1111


JTAG_IR_LENGTH: Final = 4

SWD_REQUEST_PARITY_BITS: Final = 0b0001_1110
"""Bits of the SWD request byte (first on the wire in bit 0) its parity covers: APnDP, RnW, A[3:2] (IHI0031F B4.1.1)."""


@dataclass(frozen=True)
class DpKind:
    """What a DPIDR (SWD) or IDCODE (JTAG) value seen in the field belongs to."""

    version: int
    minimal: bool
    found_on: str


KNOWN_DPIDRS: Final = {
    0x0BB1_1477: DpKind(1, minimal=True, found_on="Cortex-M0 (STM32F0)"),
    0x0BC1_1477: DpKind(1, minimal=True, found_on="Cortex-M0+ (STM32L0, G0, C0)"),
    0x0BE1_2477: DpKind(2, minimal=True, found_on="Cortex-M33 (STM32L5, U5, WBA)"),
    0x1BA0_1477: DpKind(1, minimal=False, found_on="Cortex-M3 (STM32F1)"),
    0x2BA0_1477: DpKind(1, minimal=False, found_on="Cortex-M3 and M4 (STM32F2, F3, F4, L1, L4, G4)"),
    0x5BA0_2477: DpKind(2, minimal=False, found_on="Cortex-M7 (STM32F7)"),
    0x6BA0_2477: DpKind(2, minimal=False, found_on="Cortex-M7 and M4 (STM32H7, WB, WL, H5)"),
    0x3BA0_0477: DpKind(0, minimal=False, found_on="JTAG-DP of a Cortex-M3 (STM32F1)"),
    0x4BA0_0477: DpKind(0, minimal=False, found_on="JTAG-DP of a Cortex-M3 or M4 (STM32F2, F3, F4, L1, L4, G4)"),
    0x5BA0_0477: DpKind(0, minimal=False, found_on="JTAG-DP of a Cortex-M7 (STM32F7)"),
    0x6BA0_0477: DpKind(0, minimal=False, found_on="JTAG-DP of a Cortex-M7 (STM32H7)"),
}


# ---------------------------------------------------------------------------------------------- MEM-AP
class Size(IntEnum):
    """CSW.Size (IHI0031F C2.6.4)."""

    BYTE = 0
    HALFWORD = 1
    WORD = 2


class AddrInc(IntEnum):
    """CSW.AddrInc (IHI0031F C2.6.4). PACKED is not in every MEM-AP; CSW then reads back otherwise."""

    OFF = 0
    SINGLE = 1
    PACKED = 2


class AP_CSW(Register, address=0x00):
    """Control/Status Word; the upper bits are the AMBA AHB-AP's (IHI0031F C2.6.4, appendix E1.3)."""

    Size = bits(0, 3)
    AddrInc = bits(4, 2)
    DeviceEn = bit(6)
    TrInProg = bit(7)
    Mode = bits(8, 4)
    SPIDEN = bit(23)
    HPROT = bits(24, 5)
    MasterType = bit(29)
    HNONSEC = bit(30)
    DbgSwEnable = bit(31)


class AP_TAR(Register, address=0x04):
    """Transfer Address; only its low 10 bits are sure to increment (IHI0031F C2.6.5, C2.2.2)."""


class AP_DRW(Register, address=0x0C):
    """Data Read/Write; 8 and 16-bit data stand in their byte lanes, other lanes are not 0 (IHI0031F C2.6.6)."""


class AP_BD0(Register, address=0x10, stride=4):
    """Banked Data: the word at TAR[31:4] + 4n, TAR does not move (IHI0031F C2.6.7)."""


class AP_CFG(Register, address=0xF4):
    """Configuration (IHI0031F C2.6.3)."""

    BE = bit(0)
    LA = bit(1)
    LD = bit(2)


class AP_BASE(Register, address=0xF8):
    """Debug Base Address (IHI0031F C2.6.2)."""

    PRESENT = bit(0)
    FORMAT = bit(1)
    BASEADDR = bits(12, 20)


class AP_IDR(Register, address=0xFC):
    """AP Identification; 0 means there is no AP at this number (IHI0031F C1.3)."""

    TYPE = bits(0, 4)
    VARIANT = bits(4, 4)
    CLASS = bits(13, 4)
    DESIGNER = bits(17, 11)
    REVISION = bits(28, 4)


class ApKind(IntEnum):
    """AP_IDR.TYPE of a MEM-AP (IHI0031F C1.3)."""

    JTAG = 0x0
    AHB3 = 0x1
    APB2_OR_3 = 0x2
    AXI3_OR_4 = 0x4
    AHB5 = 0x5
    APB4_OR_5 = 0x6
    AXI5 = 0x7
    AHB5_HPROT = 0x8


AUTO_INCREMENT_WRAP: Final = 1024
"""Bytes after which TAR must be written again; a larger increment range is an implementation's gift."""


class _Hprot(Word):
    """HPROT of an AHB-AP (IHI0031F E1.3): data access, privileged, as CSW bits."""

    DATA = bit(24)
    PRIVILEGED = bit(25)
    BUFFERABLE = bit(26)
    CACHEABLE = bit(27)


def csw_word(size: Size, increment: AddrInc, kept: int = AP_CSW.make(DbgSwEnable=0, MasterType=1)) -> int:
    """CSW for privileged data accesses by the debugger; ``kept`` brings the implementation's other bits."""
    return _Hprot.make(AP_CSW.make(kept, Size=size, AddrInc=increment), DATA=1, PRIVILEGED=1)
