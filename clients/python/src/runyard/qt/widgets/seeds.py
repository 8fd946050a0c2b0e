"""Runs that differ in their seed alone, and one curve of them: mean and band, as `runyard compare` and the console have it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from ...v1 import orchestrator_pb2 as pb

# Names of an option that says which random numbers, and not what is tried.
SEEDS = ("seed", "random-seed", "random_seed")
# More places than this are not drawn: so many between the first and the last stand for them.
_PLACES = 240
_WORD = re.compile(r"(?:'[^']*'|\\.|[^\s'\\])+", re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'|\\(.)", re.DOTALL)
_OPTION = re.compile(r"(--?)?([A-Za-z_][\w.-]*)(?:=(.*))?", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Cell:
    """Runs that differ in their seed alone: their numbers, and what tells the cell from others."""

    name: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class Mean:
    """Of several curves, at each place of xs. low, high: mean less and plus the deviation of a sample; NaN for one."""

    xs: Any
    mean: Any
    low: Any
    high: Any


def cells_of(runs: Sequence[pb.RunSummary]) -> list[Cell]:
    """Empty where no two runs differ in their seed alone."""
    is_sweep = all(run.params for run in runs)
    all_params: list[dict[str, str]] = []
    for run in runs:
        # What a sweep was told to vary says it better than the words of its commands.
        params = dict(run.params) if is_sweep else params_of(run.command)
        params.update({"code": run.code} if run.code else {})
        params.update({"project": run.project} if run.project else {})
        all_params.append(params)
    names = dict.fromkeys(name for params in all_params for name in params)
    differ = [name for name in names if len({params.get(name) for params in all_params}) > 1]
    if not any(name in SEEDS for name in differ):
        return []
    rest = [name for name in differ if name not in SEEDS]
    found: dict[tuple[str | None, ...], list[int]] = {}
    for number, params in enumerate(all_params):
        found.setdefault(tuple(params.get(name) for name in rest), []).append(number)
    if max(map(len, found.values())) < 2:
        return []
    return [
        Cell(_name(dict(zip(rest, values)), len(members)), tuple(members))
        for values, members in found.items()
    ]


def _name(params: Mapping[str, str | None], count: int) -> str:
    words = ", ".join(f"{name} {value}" for name, value in params.items() if value is not None)
    return words or f"{count} seeds"


def params_of(command: str) -> dict[str, str]:
    """Options and words of a command as it is shown: `--lr 3e-4`, `--lr=3e-4`, `lr=3e-4`, `--cuda`."""
    params: dict[str, str] = {}
    words = [_QUOTED.sub(lambda m: m[1] if m[1] is not None else m[2], w) for w in _WORD.findall(command)]
    words = words[1:]
    count = at = 0
    while at < len(words):
        found = _OPTION.fullmatch(words[at])
        dashes, name, value = found.groups() if found is not None else (None, None, None)
        if name is not None and value is not None:
            params[name] = value
        elif name is not None and dashes is not None:
            following = words[at + 1] if at + 1 < len(words) else None
            is_value = following is not None and (not following.startswith("-") or _is_number(following))
            params[name] = following if is_value and following is not None else "yes"
            at += is_value
        else:
            count += 1
            params[f"word {count}"] = words[at]
        at += 1
    return params


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def mean_of(lines: Sequence[tuple[Any, Any]]) -> Mean:
    """Of lines (xs, ys) with NaN where a value is no number. Between two points a value is taken from the line between
    them; beyond its own ends a line has none, so that the mean at a place is that of the lines that got there."""
    known = []
    for xs, ys in lines:
        there = numpy.isfinite(ys)
        # A trainer may count its steps from the beginning again.
        order = numpy.argsort(xs[there], kind="stable")
        known.append((xs[there][order], ys[there][order]))
    places = numpy.unique(numpy.concatenate([xs for xs, _ in known])) if known else numpy.array([])
    if len(places) > _PLACES:
        places = numpy.linspace(places[0], places[-1], _PLACES)
    values = numpy.full((len(known), len(places)), numpy.nan)
    for number, (xs, ys) in enumerate(known):
        if len(xs):
            first = numpy.unique(xs, return_index=True)[1]
            values[number] = numpy.interp(places, xs[first], ys[first], numpy.nan, numpy.nan)
    there = numpy.isfinite(values)
    count = there.sum(axis=0)
    with numpy.errstate(invalid="ignore", divide="ignore"):
        mean = numpy.where(there, values, 0).sum(axis=0) / count
        squares = numpy.where(there, (values - mean) ** 2, 0).sum(axis=0)
        deviation = numpy.sqrt(squares / numpy.where(count < 2, numpy.nan, count - 1))
    return Mean(places, mean, mean - deviation, mean + deviation)
