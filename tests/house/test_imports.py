"""The house keeps its directions: imports run downwards only, and each foreign library has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "server": {"server", "flash", "arm", "probes"},
    "flash": {"flash", "arm", "probes"},
    "arm": {"arm", "probes"},
    "probes": {"probes"},
    "sim": {"sim"},
}
EXCEPTIONS = {("server/commands/access.py", "sim")}  # the command line is where simulated boards are named
DOORS = {
    "usb": {"probes/usb.py", "sim/backend.py"},
    "pyftdi": {"probes/ftdi/usb.py"},
    "elftools": {"flash/elf.py", "sim/firmware.py"},
    "unicorn": {"sim/unicorn_engine.py"},
    "tqdm": {"server/progress.py"},
}


def modules() -> Iterator[Path]:
    for folder in MAY_IMPORT:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """What ``source`` in ``package`` imports, with line numbers; relative imports are resolved to their room."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((base[0] if base else name.split(".")[0], node.lineno) for name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)


def violations(name: str, source: str) -> Iterator[str]:
    """What is wrong with the imports of the file called ``name`` (its path from the root)."""
    room, *_ = package = tuple(name.split("/")[:-1])
    for imported, line in imports(source, package):
        first = imported.split(".")[0]
        if first == "haltpoint":
            yield f"{name}:{line} imports {imported}: imports inside the house are relative"
        if first in MAY_IMPORT and first not in MAY_IMPORT[room] and (name, first) not in EXCEPTIONS:
            yield f"{name}:{line}: {room} must not import {first}"
        if first in DOORS and name not in DOORS[first]:
            yield f"{name}:{line} imports {first}: its door is {sorted(DOORS[first])}"


@pytest.mark.parametrize("module", list(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(module: Path) -> None:
    assert list(violations(module.relative_to(ROOT).as_posix(), module.read_text())) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("probes/planted.py", "from ..server.session import Session"),
        ("probes/stlink/planted.py", "from ...arm import registers"),
        ("arm/planted.py", "from .. import flash"),
        ("sim/planted.py", "from ..arm.registers import DHCSR"),
        ("flash/planted.py", "import haltpoint.arm"),
        ("server/planted.py", "import usb.core"),
        ("sim/planted.py", "from unicorn import Uc"),
    ],
)
def test_a_planted_import_is_found(name: str, line: str) -> None:
    assert list(violations(name, line + "\n"))


def test_the_command_line_may_open_the_simulator() -> None:
    assert not list(violations("server/commands/access.py", "from ...sim.board import open_board\n"))
