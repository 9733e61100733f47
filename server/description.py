"""The registers a client sees, and the target description that tells it so (GDB manual, node ARM Features).

Registers are data; the XML, the layout of ``g`` and the numbers of ``p`` come from the one table, of which each core
has a part: ``registers_of``. ``g`` ends with the registers a stop snapshot holds. GDB notices that the rest is missing
at the end and asks for it by ``p``, so that a stop costs nothing for registers that hardly anybody looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ..arm.identify import CoreInfo
from ..arm.registers_core import SNAPSHOT, Regsel

__all__ = ["GENERAL", "PC", "RegisterSpec", "description", "registers_of"]

M_PROFILE = "org.gnu.gdb.arm.m-profile"
M_SYSTEM = "org.gnu.gdb.arm.m-system"
FLOATS = "org.gnu.gdb.arm.vfp"
VECTORS = "org.gnu.gdb.arm.m-profile-mve"
SECURITY = "org.gnu.gdb.arm.secext"


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """A register as the client numbers and sizes it, and where the core has it.

    ``regsel`` is the number in DCRSR; ``shift`` the place of a narrow register in that word. A wide one continues in
    the next.
    """

    name: str
    number: int
    regsel: int
    feature: str
    bits: int = 32
    shift: int = 0
    type: str = "uint32"
    group: str = "general"

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return self.bits // 8

    @property
    def mask(self) -> int:
        """All ones of its width, not shifted."""
        return (1 << self.bits) - 1


def _stack(name: str, number: int, regsel: int, feature: str = M_SYSTEM) -> RegisterSpec:
    return RegisterSpec(name, number, regsel, feature, type="data_ptr", group="system")


def _special(suffix: str, number: int, regsel: int, feature: str = M_SYSTEM) -> tuple[RegisterSpec, ...]:
    """The four that DCRSR packs into one word; ``number`` is that of the first."""
    names = ("primask", "basepri", "faultmask", "control")
    return tuple(
        RegisterSpec(name + suffix, number + index, regsel, feature, 8, 8 * index, "uint8", "system")
        for index, name in enumerate(names)
    )


GENERAL: tuple[RegisterSpec, ...] = (
    *(RegisterSpec(f"r{number}", number, number, M_PROFILE) for number in range(13)),
    RegisterSpec("sp", 13, Regsel.SP, M_PROFILE, type="data_ptr"),
    RegisterSpec("lr", 14, Regsel.LR, M_PROFILE, type="int"),
    RegisterSpec("pc", 15, Regsel.PC, M_PROFILE, type="code_ptr"),
    # 25 is where GDB has always had the status register, so clients that ignore the XML find it too.
    RegisterSpec("xpsr", 25, Regsel.XPSR, M_PROFILE),
    _stack("msp", 26, Regsel.MSP),
    _stack("psp", 27, Regsel.PSP),
)
"""The registers of ``g``, in its order: those of the stop snapshot. Every core has them."""

assert {spec.regsel for spec in GENERAL} == set(SNAPSHOT)

PC = GENERAL[15]

_SPECIAL = _special("", 28, Regsel.SPECIAL)
_FLOATS = (
    *(
        RegisterSpec(f"d{n}", 32 + n, Regsel.S0 + 2 * n, FLOATS, bits=64, type="ieee_double", group="float")
        for n in range(16)
    ),
    RegisterSpec("fpscr", 48, Regsel.FPSCR, FLOATS, group="float"),
)
_VECTORS = (RegisterSpec("vpr", 49, Regsel.VPR, VECTORS, group="vector"),)
_LIMITS = (_stack("msplim", 50, Regsel.MSPLIM_NS), _stack("psplim", 51, Regsel.PSPLIM_NS))
_SECURITY = (
    _stack("msp_ns", 52, Regsel.MSP_NS, SECURITY),
    _stack("psp_ns", 53, Regsel.PSP_NS, SECURITY),
    _stack("msp_s", 54, Regsel.MSP_S, SECURITY),
    _stack("psp_s", 55, Regsel.PSP_S, SECURITY),
    _stack("msplim_s", 56, Regsel.MSPLIM_S, SECURITY),
    _stack("psplim_s", 57, Regsel.PSPLIM_S, SECURITY),
)
_SECURITY_MAINLINE = (
    _stack("msplim_ns", 58, Regsel.MSPLIM_NS, SECURITY),
    _stack("psplim_ns", 59, Regsel.PSPLIM_NS, SECURITY),
    *_special("_s", 60, Regsel.SPECIAL_S, SECURITY),
    *_special("_ns", 64, Regsel.SPECIAL_NS, SECURITY),
)


@cache
def registers_of(core: CoreInfo) -> tuple[RegisterSpec, ...]:
    """What this core has, in order of the numbers; those of ``g`` come first.

    A core without the main extension has PRIMASK and CONTROL alone. The Security Extension doubles the stack pointers
    and their limits; without it the limits are the Non-secure ones, and only the main extension has these.
    """
    main, secure = core.main_extension, core.secure
    parts: list[Iterable[RegisterSpec]] = [
        GENERAL,
        _SPECIAL if main else (_SPECIAL[0], _SPECIAL[3]),
        _FLOATS if core.fpu else (),
        _VECTORS if core.vectors else (),
        _LIMITS if core.armv8 and main and not secure else (),
        _SECURITY if secure else (),
        _SECURITY_MAINLINE if secure and main else (),
    ]
    return tuple(spec for part in parts for spec in part)


def description(registers: Iterable[RegisterSpec]) -> bytes:
    """Return target.xml, one document without includes.

    The architecture is ``arm``: the name every GDB knows. One it does not know makes it drop the
    whole description.
    """
    registers = tuple(registers)
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        '<target version="1.0">',
        "<architecture>arm</architecture>",
        "<osabi>none</osabi>",
    ]
    for feature in dict.fromkeys(spec.feature for spec in registers):
        lines.append(f'<feature name="{feature}">')
        lines += [_register(spec) for spec in registers if spec.feature == feature]
        lines.append("</feature>")
    lines.append("</target>")
    return "\n".join(lines).encode()


def _register(spec: RegisterSpec) -> str:
    return (
        f'<reg name="{spec.name}" bitsize="{spec.bits}" regnum="{spec.number}"'
        f' type="{spec.type}" group="{spec.group}"/>'
    )
