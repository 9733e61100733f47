"""The wheel holds exactly the tree's packages: a new folder named in one place only would be missing."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("server", "probes", "arm", "flash", "sim", "gdb_scripts")


def tree_files() -> set[str]:
    """The packages' files under their installed names."""
    package = {
        f"haltpoint/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    own = {f"haltpoint/{path.name}" for path in (ROOT / "src" / "haltpoint").iterdir() if path.is_file()}
    return package | own


def test_wheel_holds_the_tree(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == tree_files()
