"""Assemble the RAM loaders with arm-none-eabi-as and write the bytes beside their sources.

Run it after a source has changed: ``python -m haltpoint.flash.loaders.assemble``. A test does the same and compares.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

__all__ = ["FAMILIES", "assemble"]

HERE = Path(__file__).parent
FAMILIES = (
    "calls",
    "stm32f1",
    "stm32f4",
    "stm32f4_half",
    "stm32h5",
    "stm32h7",
    "stm32h7a",
    "stm32l0",
    "stm32l0_small",
    "stm32l1",
    "stm32l4",
    "stm32l5",
    "stm32u5",
)
SYMBOLS = ("entry", "done", "trap", "mailbox", "nmi")
BYTES_PER_LINE = 32


def assemble(family: str) -> str:
    """The Python module that holds the assembled ``family`` loader, as text."""
    with tempfile.TemporaryDirectory() as folder:
        object_file, binary = Path(folder) / "loader.o", Path(folder) / "loader.bin"
        _tool("as", "-I", str(HERE), "-o", str(object_file), str(HERE / f"{family}.S"))
        _tool("objcopy", "-O", "binary", "-j", ".text", str(object_file), str(binary))
        offsets = {
            name: int(value, 16) for value, _, name in map(str.split, _tool("nm", str(object_file)).splitlines())
        }
        code = binary.read_bytes()
    lines = [code[i : i + BYTES_PER_LINE].hex() for i in range(0, len(code), BYTES_PER_LINE)]
    text = "\n".join(f'        "{line}"' for line in lines)
    symbols = "\n".join(f"    {name}=0x{offsets[name]:03X}," for name in SYMBOLS if name in offsets)
    return (
        f'"""{family}.S, assembled: written by assemble.py, not by hand."""\n\n'
        "from __future__ import annotations\n\n"
        "from ..family import LoaderCode\n\n"
        '__all__ = ["LOADER"]\n\n'
        f"LOADER = LoaderCode(\n    code=bytes.fromhex(\n{text}\n    ),\n{symbols}\n)\n"
    )


def _tool(name: str, *arguments: str) -> str:
    command = [f"arm-none-eabi-{name}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 (own arguments)


if __name__ == "__main__":
    for family in FAMILIES:
        (HERE / f"{family}.py").write_text(assemble(family))
