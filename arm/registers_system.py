"""System control, fault, SysTick, MPU, NVIC and FPU registers.

Armv7-M ARM DDI0403E: B3.2 (SCB), B3.3 (SysTick), B3.4 (NVIC), B3.5 (MPU), B3.2.20 to B3.2.23 (FPU).
"""

from __future__ import annotations

from .register import Register, bit, bits

__all__ = [
    "AFSR",
    "AIRCR",
    "BFAR",
    "CCR",
    "CFSR",
    "CPACR",
    "CPUID",
    "FPCAR",
    "FPCCR",
    "FPDSCR",
    "HFSR",
    "ICSR",
    "ICTR",
    "ID_PFR1",
    "MMFAR",
    "MPU_CTRL",
    "MPU_RASR",
    "MPU_RBAR",
    "MPU_RNR",
    "MPU_TYPE",
    "MVFR0",
    "MVFR1",
    "NVIC_IABR",
    "NVIC_ICER",
    "NVIC_ICPR",
    "NVIC_IPR",
    "NVIC_ISER",
    "NVIC_ISPR",
    "SCR",
    "SHCSR",
    "SHPR",
    "SYST_CALIB",
    "SYST_CSR",
    "SYST_CVR",
    "SYST_RVR",
    "VECTKEY",
    "VTOR",
]

VECTKEY = 0x05FA
"""AIRCR writes without this key are ignored (DDI0403E B3.2.6); AIRCR reads back FA05 there."""


class ICTR(Register, address=0xE000_E004):
    """Interrupt Controller Type (DDI0403E B3.4.3): 32 * (INTLINESNUM + 1) lines at most."""

    INTLINESNUM = bits(0, 4)


class SYST_CSR(Register, address=0xE000_E010):
    """SysTick Control and Status (DDI0403E B3.3.3). COUNTFLAG clears when read."""

    ENABLE = bit(0)
    TICKINT = bit(1)
    CLKSOURCE = bit(2)
    COUNTFLAG = bit(16)


class SYST_RVR(Register, address=0xE000_E014):
    """SysTick Reload Value (DDI0403E B3.3.4)."""

    RELOAD = bits(0, 24)


class SYST_CVR(Register, address=0xE000_E018):
    """SysTick Current Value; any write sets it to 0 (DDI0403E B3.3.5)."""

    CURRENT = bits(0, 24)


class SYST_CALIB(Register, address=0xE000_E01C):
    """SysTick Calibration (DDI0403E B3.3.6)."""

    TENMS = bits(0, 24)
    SKEW = bit(30)
    NOREF = bit(31)


class NVIC_ISER(Register, address=0xE000_E100, stride=4):
    """Interrupt Set-Enable, one bit a line (DDI0403E B3.4.4)."""


class NVIC_ICER(Register, address=0xE000_E180, stride=4):
    """Interrupt Clear-Enable (DDI0403E B3.4.5)."""


class NVIC_ISPR(Register, address=0xE000_E200, stride=4):
    """Interrupt Set-Pending (DDI0403E B3.4.6)."""


class NVIC_ICPR(Register, address=0xE000_E280, stride=4):
    """Interrupt Clear-Pending (DDI0403E B3.4.7)."""


class NVIC_IABR(Register, address=0xE000_E300, stride=4):
    """Interrupt Active Bit (DDI0403E B3.4.8)."""


class NVIC_IPR(Register, address=0xE000_E400, stride=4):
    """Interrupt Priority, four lines a word (DDI0403E B3.4.9)."""


class CPUID(Register, address=0xE000_ED00):
    """CPUID Base (DDI0403E B3.2.3). rNpM: N is Variant, M is Revision."""

    Revision = bits(0, 4)
    PartNo = bits(4, 12)
    Architecture = bits(16, 4)
    Variant = bits(20, 4)
    Implementer = bits(24, 8)


class ICSR(Register, address=0xE000_ED04):
    """Interrupt Control and State (DDI0403E B3.2.4)."""

    VECTACTIVE = bits(0, 9)
    RETTOBASE = bit(11)
    VECTPENDING = bits(12, 9)
    ISRPENDING = bit(22)
    ISRPREEMPT = bit(23)
    PENDSTCLR = bit(25)
    PENDSTSET = bit(26)
    PENDSVCLR = bit(27)
    PENDSVSET = bit(28)
    NMIPENDSET = bit(31)


class VTOR(Register, address=0xE000_ED08):
    """Vector Table Offset (DDI0403E B3.2.5)."""

    TBLOFF = bits(7, 25)


class AIRCR(Register, address=0xE000_ED0C):
    """Application Interrupt and Reset Control (DDI0403E B3.2.6)."""

    VECTRESET = bit(0)
    VECTCLRACTIVE = bit(1)
    SYSRESETREQ = bit(2)
    PRIGROUP = bits(8, 3)
    ENDIANNESS = bit(15)
    KEY = bits(16, 16)


class SCR(Register, address=0xE000_ED10):
    """System Control (DDI0403E B3.2.7)."""

    SLEEPONEXIT = bit(1)
    SLEEPDEEP = bit(2)
    SEVONPEND = bit(4)


class CCR(Register, address=0xE000_ED14):
    """Configuration and Control (DDI0403E B3.2.8)."""

    NONBASETHRDENA = bit(0)
    USERSETMPEND = bit(1)
    UNALIGN_TRP = bit(3)
    DIV_0_TRP = bit(4)
    BFHFNMIGN = bit(8)
    STKALIGN = bit(9)
    DC = bit(16)
    IC = bit(17)
    BP = bit(18)


class SHPR(Register, address=0xE000_ED18, stride=4):
    """System Handler Priority 1 to 3 (DDI0403E B3.2.10 to B3.2.12)."""


class SHCSR(Register, address=0xE000_ED24):
    """System Handler Control and State (DDI0403E B3.2.13)."""

    MEMFAULTACT = bit(0)
    BUSFAULTACT = bit(1)
    USGFAULTACT = bit(3)
    SVCALLACT = bit(7)
    MONITORACT = bit(8)
    PENDSVACT = bit(10)
    SYSTICKACT = bit(11)
    USGFAULTPENDED = bit(12)
    MEMFAULTPENDED = bit(13)
    BUSFAULTPENDED = bit(14)
    SVCALLPENDED = bit(15)
    MEMFAULTENA = bit(16)
    BUSFAULTENA = bit(17)
    USGFAULTENA = bit(18)


class CFSR(Register, address=0xE000_ED28):
    """Configurable Fault Status, write 1 to clear: MMFSR, BFSR and UFSR in one word (DDI0403E B3.2.15)."""

    IACCVIOL = bit(0)
    DACCVIOL = bit(1)
    MUNSTKERR = bit(3)
    MSTKERR = bit(4)
    MLSPERR = bit(5)
    MMARVALID = bit(7)
    IBUSERR = bit(8)
    PRECISERR = bit(9)
    IMPRECISERR = bit(10)
    UNSTKERR = bit(11)
    STKERR = bit(12)
    LSPERR = bit(13)
    BFARVALID = bit(15)
    UNDEFINSTR = bit(16)
    INVSTATE = bit(17)
    INVPC = bit(18)
    NOCP = bit(19)
    STKOF = bit(20)  # Armv8-M only, DDI0553 D1.2.267
    UNALIGNED = bit(24)
    DIVBYZERO = bit(25)


class HFSR(Register, address=0xE000_ED2C):
    """HardFault Status, write 1 to clear (DDI0403E B3.2.16)."""

    VECTTBL = bit(1)
    FORCED = bit(30)
    DEBUGEVT = bit(31)


class MMFAR(Register, address=0xE000_ED34):
    """MemManage Fault Address, meaningful while CFSR.MMARVALID (DDI0403E B3.2.17)."""


class BFAR(Register, address=0xE000_ED38):
    """BusFault Address, meaningful while CFSR.BFARVALID (DDI0403E B3.2.18)."""


class AFSR(Register, address=0xE000_ED3C):
    """Auxiliary Fault Status, implementation defined (DDI0403E B3.2.19)."""


class CPACR(Register, address=0xE000_ED88):
    """Coprocessor Access Control; CP10 and CP11 are the FPU (DDI0403E B3.2.20)."""

    CP10 = bits(20, 2)
    CP11 = bits(22, 2)


class ID_PFR1(Register, address=0xE000_ED44):
    """Processor Feature 1 (DDI0403E B4); Security (DDI0553) is 0 where that extension is switched off."""

    Security = bits(4, 4)
    MProgMod = bits(8, 4)


class MPU_TYPE(Register, address=0xE000_ED90):
    """MPU Type (DDI0403E B3.5.4)."""

    SEPARATE = bit(0)
    DREGION = bits(8, 8)
    IREGION = bits(16, 8)


class MPU_CTRL(Register, address=0xE000_ED94):
    """MPU Control (DDI0403E B3.5.5)."""

    ENABLE = bit(0)
    HFNMIENA = bit(1)
    PRIVDEFENA = bit(2)


class MPU_RNR(Register, address=0xE000_ED98):
    """MPU Region Number (DDI0403E B3.5.6)."""

    REGION = bits(0, 8)


class MPU_RBAR(Register, address=0xE000_ED9C):
    """MPU Region Base Address (DDI0403E B3.5.7)."""

    REGION = bits(0, 4)
    VALID = bit(4)
    ADDR = bits(5, 27)


class MPU_RASR(Register, address=0xE000_EDA0):
    """MPU Region Attribute and Size (DDI0403E B3.5.8)."""

    ENABLE = bit(0)
    SIZE = bits(1, 5)
    SRD = bits(8, 8)
    B = bit(16)
    C = bit(17)
    S = bit(18)
    TEX = bits(19, 3)
    AP = bits(24, 3)
    XN = bit(28)


class FPCCR(Register, address=0xE000_EF34):
    """Floating Point Context Control (DDI0403E B3.2.21)."""

    LSPACT = bit(0)
    USER = bit(1)
    THREAD = bit(3)
    HFRDY = bit(4)
    MMRDY = bit(5)
    BFRDY = bit(6)
    MONRDY = bit(8)
    LSPEN = bit(30)
    ASPEN = bit(31)


class FPCAR(Register, address=0xE000_EF38):
    """Where the lazily stacked floating point frame lies (DDI0403E B3.2.22)."""


class FPDSCR(Register, address=0xE000_EF3C):
    """Default FPSCR of new contexts (DDI0403E B3.2.23)."""

    RMode = bits(22, 2)
    FZ = bit(24)
    DN = bit(25)
    AHP = bit(26)


class MVFR0(Register, address=0xE000_EF40):
    """Media and FP Feature 0; SinglePrecision 0 means no FPU (DDI0403E B4.7)."""

    SIMDregisters = bits(0, 4)
    SinglePrecision = bits(4, 4)
    DoublePrecision = bits(8, 4)


class MVFR1(Register, address=0xE000_EF44):
    """Media and FP Feature 1 (DDI0403E B4.7; MVE: DDI0553)."""

    MVE = bits(8, 4)
