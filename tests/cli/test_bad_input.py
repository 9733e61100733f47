"""What cannot be is refused with a sentence and a status, before anything on the target has changed."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from support.real_gdb import BLINK, run_haltpoint

USER, FAILED = 2, 1


def elf(address: int, data: bytes = b"\x00" * 16, machine: int = 40) -> bytes:
    """A minimal 32-bit little-endian ELF with one loadable segment; machine 40 is Arm."""
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, machine, 1, address, 52, 0, 0, 52, 32, 1, 0, 0, 0
    )
    segment = struct.pack("<8I", 1, 84, address, address, len(data), len(data), 5, 4)
    return header + segment + data


def refused(status: int, *arguments: str) -> str:
    """The sentence with which the command line refuses; it is all it says on stderr."""
    run = run_haltpoint(*arguments)
    assert run.returncode == status, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    (sentence,) = run.stderr.splitlines()
    assert sentence.startswith("haltpoint: ")
    assert sentence.endswith(".")
    return sentence


BOARD = ("--probe", "sim:stm32f103c8")


@pytest.mark.parametrize("command", [("load", *BOARD, "FILE"), ("serve", "--probe", "sim:stm32f103c8,firmware=FILE")])
def test_a_file_that_is_no_elf(tmp_path: Path, command: tuple[str, ...]) -> None:
    text = tmp_path / "readme.txt"
    text.write_text("this is no firmware")
    sentence = refused(USER, *(word.replace("FILE", str(text)) for word in command))
    assert "readme.txt" in sentence
    assert "ELF" in sentence


def test_an_elf_for_another_processor(tmp_path: Path) -> None:
    (tmp_path / "x86.elf").write_bytes(elf(0x0800_0000, machine=3))
    assert "Arm" in refused(USER, "load", *BOARD, str(tmp_path / "x86.elf"))


def test_an_elf_outside_the_flash(tmp_path: Path) -> None:
    (tmp_path / "big.elf").write_bytes(elf(0x0801_0000 - 8))
    sentence = refused(USER, "load", *BOARD, str(tmp_path / "big.elf"))
    assert "0x08010000" in sentence.lower() or "0x0800ffff" in sentence.lower() or "64 KiB" in sentence


def test_an_elf_for_ram_is_not_programmed(tmp_path: Path) -> None:
    (tmp_path / "ram.elf").write_bytes(elf(0x2000_0000))
    assert "0x20000000" in refused(USER, "load", *BOARD, str(tmp_path / "ram.elf"))


def test_a_binary_without_its_address(tmp_path: Path) -> None:
    (tmp_path / "blink.bin").write_bytes(b"\x00" * 64)
    assert "address" in refused(USER, "load", *BOARD, str(tmp_path / "blink.bin"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refused(USER, "load", *BOARD, str(tmp_path / "missing.elf"))


def test_a_chip_that_does_not_exist() -> None:
    sentence = refused(USER, "serve", *BOARD, "--chip", "stm32f103z8")
    assert "no such chip is known" in sentence
    assert "The nearest names are STM32F103C8" in sentence


def test_a_simulated_chip_that_does_not_exist() -> None:
    sentence = refused(USER, "serve", "--probe", "sim:stm32f103c9")
    assert "Did you mean" in sentence
    assert "'stm32f103c8'" in sentence


def test_a_probe_that_is_not_there() -> None:
    sentence = refused(FAILED, "serve", "--probe", "stlink:0123")
    assert "ST-Link" in sentence or "libusb" in sentence


def test_a_kind_of_probe_that_does_not_exist() -> None:
    assert "stlink:SERIAL" in refused(USER, "serve", "--probe", "jlink")


def test_a_target_without_power() -> None:
    sentence = refused(FAILED, "serve", "--probe", "sim:stm32f103c8,power=off")
    assert "0.00 V" in sentence
    assert "Switch the target on" in sentence


def test_write_protected_flash() -> None:
    sentence = refused(FAILED, "load", "--probe", "sim:stm32f103c8,wrp=0", str(BLINK))
    assert "write-protected" in sentence


def test_readout_protection() -> None:
    sentence = refused(FAILED, "load", "--probe", "sim:stm32f103c8,rdp=1", str(BLINK))
    assert "readout protection" in sentence.lower()


@pytest.mark.parametrize("arguments", [("serve", "--port", "70000"), ("serve", "--speed", "-3"), ("fly",), ()])
def test_a_command_line_that_cannot_be(arguments: tuple[str, ...]) -> None:
    assert "--help" in refused(USER, *arguments)


def test_load_programs_verifies_and_resets() -> None:
    run = run_haltpoint("load", *BOARD, str(BLINK))
    assert run.returncode == 0, run.stderr
    assert "Flash: 1 of 1 sector changed, 348 bytes in" in run.stdout


def test_the_command_line_loads_only_what_it_needs() -> None:
    check = (
        "import sys; from haltpoint.server.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'trio', 'usb', 'elftools', 'unicorn', 'pyftdi'}))\n"
    )
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["haltpoint 0.1.0", "[]"]
