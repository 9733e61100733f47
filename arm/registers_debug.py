"""Debug registers of the Cortex-M system control space, FPB and DWT.

Armv7-M ARM DDI0403E: C1.6 (DHCSR, DCRSR, DCRDR, DEMCR, DFSR), C1.8 (DWT), C1.11 (FPB). Armv6-M ARM
DDI0419E C1.6 to C1.9 has the same addresses with fewer bits.
"""

from __future__ import annotations

from .register import Register, Word, bit, bits

__all__ = [
    "DAUTHSTATUS",
    "DBGKEY",
    "DCRDR",
    "DCRSR",
    "DDEVARCH",
    "DEMCR",
    "DFSR",
    "DHCSR",
    "DWT_COMP",
    "DWT_CTRL",
    "DWT_CYCCNT",
    "DWT_DEVARCH",
    "DWT_FUNCTION",
    "DWT_FUNCTION_V2",
    "DWT_MASK",
    "DWT_PCSR",
    "FP_COMP",
    "FP_CTRL",
    "FP_REMAP",
]

DBGKEY = 0xA05F_0000
"""Upper half of every effective write to DHCSR (DDI0403E C1.6.2)."""


class DFSR(Register, address=0xE000_ED30):
    """Debug Fault Status, write 1 to clear (DDI0403E C1.6.1)."""

    HALTED = bit(0)
    BKPT = bit(1)
    DWTTRAP = bit(2)
    VCATCH = bit(3)
    EXTERNAL = bit(4)


class DHCSR(Register, address=0xE000_EDF0):
    """Debug Halting Control and Status (DDI0403E C1.6.2). S_RESET_ST and S_RETIRE_ST clear when read."""

    C_DEBUGEN = bit(0)
    C_HALT = bit(1)
    C_STEP = bit(2)
    C_MASKINTS = bit(3)
    C_SNAPSTALL = bit(5)
    S_REGRDY = bit(16)
    S_HALT = bit(17)
    S_SLEEP = bit(18)
    S_LOCKUP = bit(19)
    S_SDE = bit(20)
    S_RETIRE_ST = bit(24)
    S_RESET_ST = bit(25)


class DCRSR(Register, address=0xE000_EDF4):
    """Debug Core Register Selector (DDI0403E C1.6.3)."""

    REGSEL = bits(0, 7)
    REGWnR = bit(16)


class DCRDR(Register, address=0xE000_EDF8):
    """Debug Core Register Data (DDI0403E C1.6.4)."""


class DEMCR(Register, address=0xE000_EDFC):
    """Debug Exception and Monitor Control (DDI0403E C1.6.5). Armv6-M has TRCENA, HARDERR and CORERESET only."""

    VC_CORERESET = bit(0)
    VC_MMERR = bit(4)
    VC_NOCPERR = bit(5)
    VC_CHKERR = bit(6)
    VC_STATERR = bit(7)
    VC_BUSERR = bit(8)
    VC_INTERR = bit(9)
    VC_HARDERR = bit(10)
    MON_EN = bit(16)
    MON_PEND = bit(17)
    MON_STEP = bit(18)
    MON_REQ = bit(19)
    TRCENA = bit(24)


class FP_CTRL(Register, address=0xE000_2000):
    """Flash Patch Control (DDI0403E C1.11.3). A write needs KEY=1. REV 0 is version 1, REV 1 is version 2."""

    ENABLE = bit(0)
    KEY = bit(1)
    NUM_CODE_LOW = bits(4, 4)
    NUM_LIT = bits(8, 4)
    NUM_CODE_HIGH = bits(12, 3)
    REV = bits(28, 4)

    @property
    def comparators(self) -> int:
        """Number of instruction address comparators."""
        return self.NUM_CODE_HIGH << 4 | self.NUM_CODE_LOW


class FP_REMAP(Register, address=0xE000_2004):
    """Flash Patch Remap (DDI0403E C1.11.4)."""

    REMAP = bits(5, 24)
    RMPSPT = bit(29)


class FP_COMP(Register, address=0xE000_2008, stride=4):
    """Comparator of version 1 (DDI0403E C1.11.5). Version 2 is BPADDR[31:1] with BE in bit 0."""

    ENABLE = bit(0)
    COMP = bits(2, 27)
    REPLACE = bits(30, 2)


class DWT_CTRL(Register, address=0xE000_1000):
    """DWT Control (DDI0403E C1.8.7)."""

    CYCCNTENA = bit(0)
    POSTPRESET = bits(1, 4)
    POSTINIT = bits(5, 4)
    CYCTAP = bit(9)
    SYNCTAP = bits(10, 2)
    PCSAMPLENA = bit(12)
    EXCTRCENA = bit(16)
    CPIEVTENA = bit(17)
    EXCEVTENA = bit(18)
    SLEEPEVTENA = bit(19)
    LSUEVTENA = bit(20)
    FOLDEVTENA = bit(21)
    CYCEVTENA = bit(22)
    NOPRFCNT = bit(24)
    NOCYCCNT = bit(25)
    NOEXTTRIG = bit(26)
    NOTRCPKT = bit(27)
    NUMCOMP = bits(28, 4)


class DWT_CYCCNT(Register, address=0xE000_1004):
    """Cycle count (DDI0403E C1.8.8)."""


class DWT_PCSR(Register, address=0xE000_101C):
    """Program counter sample; FFFFFFFF while halted (DDI0403E C1.8.14)."""


class DWT_COMP(Register, address=0xE000_1020, stride=16):
    """Comparator value (DDI0403E C1.8.15)."""


class DWT_MASK(Register, address=0xE000_1024, stride=16):
    """Number of low address bits that are ignored (DDI0403E C1.8.16)."""

    MASK = bits(0, 5)


class DWT_FUNCTION(Register, address=0xE000_1028, stride=16):
    """What a comparator does; FUNCTION 5 read, 6 write, 7 either as a watchpoint (DDI0403E C1.8.17)."""

    FUNCTION = bits(0, 4)
    EMITRANGE = bit(5)
    CYCMATCH = bit(7)
    DATAVMATCH = bit(8)
    LNK1ENA = bit(9)
    DATAVSIZE = bits(10, 2)
    DATAVADDR0 = bits(12, 4)
    DATAVADDR1 = bits(16, 4)
    MATCHED = bit(24)


class DWT_FUNCTION_V2(Word):
    """DWT_FUNCTION as an Armv8-M unit has it (DDI0553, DWT_FUNCTIONn); MATCHED is where it was."""

    MATCH = bits(0, 4)
    ACTION = bits(4, 2)
    DATAVSIZE = bits(10, 2)
    MATCHED = bit(24)
    ID = bits(27, 5)


class DWT_DEVARCH(Register, address=0xE000_1FBC):
    """Device Architecture (DDI0553, DWT_DEVARCH); reads as 0 before Armv8-M."""

    ARCHID = bits(0, 16)
    REVISION = bits(16, 4)
    PRESENT = bit(20)
    ARCHITECT = bits(21, 11)


class DAUTHSTATUS(Register, address=0xE000_EFB8):
    """Debug Authentication Status (DDI0553, DAUTHSTATUS): what a debugger may do in each security state."""

    NSID = bits(0, 2)
    NSNID = bits(2, 2)
    SID = bits(4, 2)  # 0: no Security Extension, 2: there, debug forbidden, 3: there, debug allowed
    SNID = bits(6, 2)


class DDEVARCH(Register, address=0xE000_EFBC):
    """Device Architecture of the System Control Space (DDI0553, DDEVARCH); not there before Armv8-M."""

    ARCHPART = bits(0, 12)
    ARCHVER = bits(12, 4)
    PRESENT = bit(20)
    ARCHITECT = bits(21, 11)
