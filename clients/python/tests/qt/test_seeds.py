"""Mean and band over seeds: the same as the console's, which is asked."""

from __future__ import annotations

import json
import math
import random
import subprocess
from typing import Any

import pytest
from yard import NODE, ROOT

from runyard.v1 import orchestrator_pb2 as pb

numpy = pytest.importorskip("numpy")
from runyard.qt.widgets.seeds import cells_of, mean_of, params_of  # noqa: E402

SCRIPT = """
import { differences, paramsOf, seedGroups } from '%(root)s/src/params.ts';
import { meanOf } from '%(root)s/console/src/pages/compare/means.ts';
const { lines, runs, commands } = JSON.parse(process.argv[1]);
const { names, of } = differences(runs);
const tell = { mean: lines.map(meanOf), groups: seedGroups(names, of), params: commands.map(paramsOf) };
console.log(JSON.stringify(tell));
"""


def asked(**what: Any) -> Any:
    """What the console makes of it."""
    script = SCRIPT % {"root": ROOT}
    command = [NODE, "--conditions=development", "--input-type=module", "-e", script, json.dumps(what)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_means_and_bands_are_those_of_the_console() -> None:
    rng = random.Random(3)

    def line(count: int, first: int, step: int) -> dict[str, list[Any]]:
        ys = [None if rng.random() < 0.1 else rng.gauss(0, 3) for _ in range(count)]
        return {"xs": [first + step * at for at in range(count)], "ys": ys}

    few = [line(20, 0, 10), line(15, 0, 10), line(20, 55, 7)]
    many = [line(900, 0, 3), line(700, 20, 4), line(1, 50, 1), line(0, 0, 1)]
    alone = [line(5, 0, 1)]
    for lines, theirs in zip((few, many, alone), asked(lines=[few, many, alone], runs=[], commands=[])["mean"]):
        # JSON has no NaN.
        arrays = [(numpy.array(x["xs"], float), numpy.array(x["ys"], float)) for x in lines]
        ours = mean_of(arrays)
        for name in ("xs", "mean", "low", "high"):
            wanted = [math.nan if one is None else one for one in theirs[name]]
            numpy.testing.assert_allclose(getattr(ours, name), wanted, rtol=1e-9, atol=1e-9, err_msg=name)


COMMANDS = [
    "python train.py --seed 1 --lr 3e-4 --cuda",
    "python train.py --seed=2 --lr 3e-4 --cuda",
    "python train.py --seed 3 --lr 1e-3 -v -5 x=y 'two words' it\\'s --off",
    "python train.py --lr 1e-3 --seed 4 -v -5 x=y 'two words' it\\'s --off",
    "python",
]


def test_cells_are_those_of_the_command_line_and_the_console() -> None:
    sweep = [{"lr": str(n // 3), "seed": str(n % 3)} for n in range(6)]
    tries = [
        [pb.RunSummary(command=command) for command in COMMANDS],
        [pb.RunSummary(command="x", params=params) for params in sweep],
        [pb.RunSummary(command="x", params=params, code=str(n % 2)) for n, params in enumerate(sweep)],
        [pb.RunSummary(command=COMMANDS[0])] * 2,
        [pb.RunSummary(command=f"a --lr {n}") for n in range(3)],
    ]
    for runs in tries:
        told = [
            {"params": dict(r.params), "command": r.command, "code": r.code, "project": r.project}
            for r in runs
        ]
        theirs = asked(lines=[], runs=told, commands=COMMANDS)
        ours = [list(cell.members) for cell in cells_of(runs) if len(cell.members) > 1]
        assert sorted(ours) == sorted(theirs["groups"])
        assert [params_of(command) for command in COMMANDS] == theirs["params"]
    names = [cell.name for cell in cells_of(tries[1])]
    assert names == ["lr 0", "lr 1"]
    assert [cell.name for cell in cells_of(tries[1][:3])] == ["3 seeds"]
