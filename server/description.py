"""The registers a client sees, and the target description that tells it so (GDB manual, node ARM Features).

Registers are data; the XML, the layout of ``g`` and the numbers of ``p`` come from the one table.
``g`` ends with the registers a stop snapshot holds. GDB notices that the rest is missing at the end
and asks for it by ``p``, so that a stop costs nothing for registers that hardly anybody looks at.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GENERAL", "PC", "REGISTERS", "RegisterSpec", "description"]

M_PROFILE = "org.gnu.gdb.arm.m-profile"
M_SYSTEM = "org.gnu.gdb.arm.m-system"

PACKED = 20
"""DCRSR.REGSEL of CONTROL, FAULTMASK, BASEPRI and PRIMASK in one word (DDI0403E C1.6.3)."""


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """A register as the client numbers and sizes it, and where the core has it.

    ``regsel`` is the number in DCRSR; ``shift`` the place of a narrow register in that word.
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


def _system(name: str, number: int, shift: int) -> RegisterSpec:
    return RegisterSpec(name, number, PACKED, M_SYSTEM, bits=8, shift=shift, type="uint8", group="system")


REGISTERS: tuple[RegisterSpec, ...] = (
    *(RegisterSpec(f"r{number}", number, number, M_PROFILE) for number in range(13)),
    RegisterSpec("sp", 13, 13, M_PROFILE, type="data_ptr"),
    RegisterSpec("lr", 14, 14, M_PROFILE, type="int"),
    RegisterSpec("pc", 15, 15, M_PROFILE, type="code_ptr"),
    # 25 is where GDB has always had the status register, so clients that ignore the XML find it too.
    RegisterSpec("xpsr", 25, 16, M_PROFILE),
    RegisterSpec("msp", 26, 17, M_SYSTEM, type="data_ptr", group="system"),
    RegisterSpec("psp", 27, 18, M_SYSTEM, type="data_ptr", group="system"),
    _system("primask", 28, 0),
    _system("basepri", 29, 8),
    _system("faultmask", 30, 16),
    _system("control", 31, 24),
)

PC = REGISTERS[15]

GENERAL: tuple[RegisterSpec, ...] = tuple(spec for spec in REGISTERS if spec.regsel != PACKED)
"""The registers of ``g``, in its order: those of the stop snapshot."""


def description(registers: tuple[RegisterSpec, ...] = REGISTERS) -> bytes:
    """Return target.xml, one document without includes.

    The architecture is ``arm``: the name every GDB knows. One it does not know makes it drop the
    whole description.
    """
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
