"""The example's built file is what its source says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

BLINK = Path(__file__).resolve().parents[2] / "examples" / "blink"


def loaded_bytes(path: Path) -> list[tuple[int, bytes]]:
    with path.open("rb") as stream:
        return [(s["p_paddr"], s.data()) for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_filesz"]]


def compiler_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        comment = ELFFile(stream).get_section_by_name(".comment")
        assert comment is not None
        return bytes(comment.data())


def test_blink_elf_is_built_from_its_source(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    rebuilt = tmp_path / "blink.elf"
    subprocess.run(["make", "-s", "-C", str(BLINK), f"OUT={rebuilt}"], check=True)
    if compiler_of(rebuilt) != compiler_of(BLINK / "blink.elf"):
        pytest.skip(f"blink.elf was built by another compiler: {compiler_of(BLINK / 'blink.elf')!r}")
    assert loaded_bytes(rebuilt) == loaded_bytes(BLINK / "blink.elf")
