"""The script of the README, as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from yard import ROOT, Yard


def script_of(file: Path) -> str:
    found = re.search(r"```python\n(.*?)```", file.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_ten_lines_submit_three_seeds_wait_and_print_the_best_return(
    yard: Yard, tmp_path: Path
) -> None:
    script = script_of(ROOT / "README.md")
    assert len(script.splitlines()) <= 10
    assert script == script_of(ROOT / "clients/python/README.md")
    shutil.copy(ROOT / "examples/ppo.py", tmp_path / "train.py")
    env = {**os.environ, "RUNYARD_HOME": str(yard.home)}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *runs, best = done.stdout.splitlines()
    assert [line.split()[1] for line in runs] == ["completed"] * 3
    values = []
    for line in runs:
        for chunk in yard.client.logs(line.split()[0]):
            values += re.findall(r"episodic_return=([\d.]+)", "\n".join(x.text for x in chunk.lines))
    assert len(values) == 30
    assert best == f"best return: {max(map(float, values))}"
