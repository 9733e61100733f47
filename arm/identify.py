"""Which core is this, and what debug units does it have."""

from __future__ import annotations

from dataclasses import dataclass

from ..probes.access import Batch
from ..probes.errors import NoTargetError
from .memory import Memory
from .registers_debug import DAUTHSTATUS, DDEVARCH, DWT_CTRL, DWT_DEVARCH, FP_CTRL
from .registers_system import CPUID, ID_PFR1, MVFR0, MVFR1

__all__ = ["CoreInfo", "core_name", "identify", "revision_name"]

# DDI0403E B3.2.3 and the technical reference manuals; Implementer 0x41 is Arm.
_PARTS = {
    0xC20: "Cortex-M0",
    0xC21: "Cortex-M1",
    0xC23: "Cortex-M3",
    0xC24: "Cortex-M4",
    0xC27: "Cortex-M7",
    0xC60: "Cortex-M0+",
    0xD20: "Cortex-M23",
    0xD21: "Cortex-M33",
    0xD22: "Cortex-M55",
    0xD23: "Cortex-M85",
    0xD24: "Cortex-M52",
    0xD31: "Cortex-M35P",
}
_ARM = 0x41
_DEBUG_ALLOWED = 3  # DAUTHSTATUS.SID
_ARMV6M_OR_BASELINE = 0xC  # CPUID.Architecture; 0xF has the main extension (Armv7-M, Armv8-M Mainline)


@dataclass(frozen=True)
class CoreInfo:
    """What the core says about itself.

    ``comparators`` are hardware breakpoints, ``watchpoints`` DWT comparators; ``fpb_version`` and ``dwt_version``
    are 1 or 2.
    ``main_extension``: Armv7-M or Armv8-M Mainline, which have fault registers, BASEPRI and FAULTMASK.
    ``armv8``: Armv8-M; ``secure``: the Security Extension is there, switched on, and a debugger may see both sides of
    it. ``vectors``: the M-profile Vector Extension, with its VPR.
    """

    name: str
    revision: str
    cpuid: int
    comparators: int
    watchpoints: int
    fpb_version: int
    fp_ctrl: int
    main_extension: bool
    fpu: bool
    dwt_version: int = 1
    armv8: bool = False
    secure: bool = False
    vectors: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.revision}, {self.comparators} breakpoints, {self.watchpoints} watchpoints"


def core_name(cpuid: int) -> str:
    """Product name ("Cortex-M3"); a sentence fragment with the numbers for a part that is not known."""
    word = CPUID(cpuid)
    if word.Implementer == _ARM and word.PartNo in _PARTS:
        return _PARTS[word.PartNo]
    return f"unknown core (implementer {word.Implementer:#04x}, part {word.PartNo:#05x})"


def revision_name(cpuid: int) -> str:
    """Revision and patch as Arm writes them: "r1p1"."""
    word = CPUID(cpuid)
    return f"r{word.Variant}p{word.Revision}"


async def identify(memory: Memory) -> CoreInfo:
    """Read who the core is. DEMCR.TRCENA must be set, or the DWT reads as 0.

    Raises NoTargetError when there is no CPUID to be read, and what the probe raises.
    """
    batch = Batch()
    cpuid = batch.read(CPUID.address)
    fp_ctrl = batch.read(FP_CTRL.address)
    dwt_ctrl = batch.read(DWT_CTRL.address)
    await memory.run(batch)
    if cpuid.value in {0, 0xFFFF_FFFF}:
        raise NoTargetError(
            f"Reading CPUID at {CPUID.address:#010x}",
            f"it reads {cpuid.value:#010x}, which no Cortex-M does",
            "Check the wiring of SWDIO, SWCLK and ground, the target's supply, and try a lower speed (--speed 100).",
        )
    main = CPUID(cpuid.value).Architecture != _ARMV6M_OR_BASELINE
    unit = FP_CTRL(fp_ctrl.value)
    more = await _features(memory, main=main, newer=bool(unit.REV))
    return CoreInfo(
        name=core_name(cpuid.value),
        revision=revision_name(cpuid.value),
        cpuid=cpuid.value,
        comparators=unit.comparators,
        watchpoints=DWT_CTRL(dwt_ctrl.value).NUMCOMP,
        fpb_version=2 if unit.REV else 1,
        fp_ctrl=fp_ctrl.value,
        main_extension=main,
        fpu=MVFR0(more.get(MVFR0.address, 0)).SinglePrecision != 0,
        dwt_version=2 if DWT_DEVARCH(more.get(DWT_DEVARCH.address, 0)).PRESENT else 1,
        armv8=DDEVARCH(more.get(DDEVARCH.address, 0)).PRESENT,
        secure=_secure(more),
        vectors=MVFR1(more.get(MVFR1.address, 0)).MVE != 0,
    )


async def _features(memory: Memory, *, main: bool, newer: bool) -> dict[int, int]:
    """The feature registers that such a core has, by address.

    ``newer``: a breakpoint unit of the second version. A Cortex-M7 has that and the first watchpoint unit; the
    others that have it are Armv8-M.
    """
    addresses = [MVFR0.address] if main else []
    if newer:
        addresses += [DWT_DEVARCH.address, DDEVARCH.address, ID_PFR1.address, DAUTHSTATUS.address, MVFR1.address]
    batch = Batch()
    slots = {address: batch.read(address) for address in addresses}
    if slots:
        await memory.run(batch)
    return {address: slot.value for address, slot in slots.items()}


def _secure(features: dict[int, int]) -> bool:
    """Both must say so: ID_PFR1 is 0 where it is switched off (TZEN = 0), DAUTHSTATUS where debug is kept out."""
    there = ID_PFR1(features.get(ID_PFR1.address, 0)).Security != 0
    armv8 = DDEVARCH(features.get(DDEVARCH.address, 0)).PRESENT
    return armv8 and there and DAUTHSTATUS(features.get(DAUTHSTATUS.address, 0)).SID == _DEBUG_ALLOWED
