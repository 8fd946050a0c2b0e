"""A trainer is a subprocess, never a library: nothing of ours can import one (F9). test/imports.test.ts is its twin."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from yard import ROOT

SOURCE = ROOT / "clients/python/src"
TRAINERS = {
    *("cleanrl", "cleanrl_utils", "corl", "algorithms", "torch", "torchvision", "jax", "flax"),
    *("tensorflow", "keras", "gym", "gymnasium", "d4rl", "minari", "stable_baselines3", "mujoco"),
}
# Where our Python files are that are no trainer, and are not run by one.
OURS = ("clients/python/src", "clients/python/tests")
# What each of the others is: a trainer, which the daemon starts as a program, or what a person starts.
PROGRAMS = ("demo/", "examples/", "test/fixtures/")

IMPORT_ALL = """
import importlib, importlib.abc, json, pkgutil, sys
trainers, extras = json.loads(sys.argv[1])
asked, missing, loaded = [], [], []

class Told(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        # Whether it is installed or not: an import that is caught counts as well.
        if name.partition(".")[0] in trainers:
            asked.append(name)

sys.meta_path.insert(0, Told())
import runyard
for found in pkgutil.walk_packages(runyard.__path__, "runyard.", onerror=lambda name: None):
    if found.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(found.name)
        loaded.append(found.name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in extras:
            raise
        missing.append(found.name)
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([asked + sorted(tops & set(trainers)), missing, loaded]))
"""


def imports_of(file: Path) -> set[str]:
    """Modules that a file names, wherever in it; relative ones in full."""
    found = set()
    here = file.with_suffix("").relative_to(SOURCE).parts if SOURCE in file.parents else ()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(here[: len(here) - node.level]) if node.level else ""
            found.add(".".join(part for part in (above, node.module) if part))
    return found


def test_importing_all_of_the_package_asks_for_no_trainer() -> None:
    extras = ["PySide6", "pyqtgraph", "numpy", "shiboken6", "nats"]
    asks = json.dumps([sorted(TRAINERS), extras])
    command = [sys.executable, "-c", IMPORT_ALL, asks]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    asked, _, loaded = json.loads(done.stdout)
    assert asked == []
    assert {"runyard.log", "runyard.client", "runyard.aio"} <= set(loaded)


def test_no_file_of_ours_names_a_trainer_or_a_file_that_is_one() -> None:
    files = [file for folder in OURS for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 20
    programs = {other.stem for place in PROGRAMS for other in (ROOT / place).rglob("*.py")}
    programs -= set(sys.stdlib_module_names)
    wrong = []
    for file in files:
        tops = {name.partition(".")[0] for name in imports_of(file)}
        wrong += [(file.name, name) for name in sorted(tops & (TRAINERS | programs))]
    assert wrong == []


def test_every_other_python_file_is_a_program_of_its_own() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("no git checkout")
    known = (*(f"{folder}/" for folder in OURS), *PROGRAMS)
    assert [name for name in listed.stdout.split() if not name.startswith(known)] == []


@pytest.mark.parametrize("line", ["import torch", "try:\n import cleanrl.ppo\nexcept: pass"])
def test_an_import_of_a_trainer_would_be_noticed(tmp_path: Path, line: str) -> None:
    (tmp_path / "one.py").write_text(line)
    tops = {name.partition(".")[0] for name in imports_of(tmp_path / "one.py")}
    assert tops & TRAINERS
    script = IMPORT_ALL.replace("import runyard\n", f"import runyard\nexec({line!r})\n", 1)
    asks = json.dumps([sorted(TRAINERS), ["PySide6", "pyqtgraph", "numpy", "nats", "torch"]])
    command = [sys.executable, "-c", script, asks]
    done = subprocess.run(command, capture_output=True, text=True)
    # Where it is not installed the import fails; where that is caught, it was asked for.
    assert done.returncode != 0 or json.loads(done.stdout)[0] != []
