"""The installed package works outside the checkout, also among files that bear the names of its rooms."""

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an empty environment with the wheel in it; its dependencies come from this one."""
    folder = tmp_path_factory.mktemp("install")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A path in a .pth file is added as it is: this environment's editable Haltpoint does not come along.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return binaries


@pytest.mark.parametrize("command", [["haltpoint"], ["python", "-m", "haltpoint"]])
def test_list_among_files_called_like_our_rooms(installed: Path, command: list[str], tmp_path: Path) -> None:
    for name in ("flash.py", "server.py", "arm.py", "probes.py", "sim.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong file was imported')\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    line = [str(installed / command[0]), *command[1:], "list"]
    run = subprocess.run(line, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "sim:stm32f103c8" in run.stdout
    assert "Traceback" not in run.stderr


def test_it_is_the_installed_package_that_runs(installed: Path, tmp_path: Path) -> None:
    line = [str(installed / "python"), "-c", "import haltpoint.server.cli as cli; print(cli.__file__)"]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(str(installed.parent))
