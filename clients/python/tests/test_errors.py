"""Errors are those of the TypeScript client, and so are the rules that both must know."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
from pathlib import Path

from yard import NODE, ROOT, Yard

import runyard
from runyard import _environment


def test_each_mistake_gives_the_error_that_the_typescript_client_gives(
    yard: Yard, tmp_path: Path
) -> None:
    client = yard.client
    config = {"command": ["true"], "cwd": str(yard.home)}
    calls = [
        lambda: runyard.connect(home=tmp_path),
        lambda: client.get("no-such-run"),
        lambda: client.submit({"command": [], "cwd": "relative", "gpus": -1}),
        lambda: client.submit({**config, "name": "one"}, key="conflict", env={}),
        lambda: client.submit({**config, "name": "two"}, key="conflict", env={}),
        lambda: next(client.submit_many([config, {**config, "cwd": "relative"}])),
        lambda: client.pause("conflict-run"),
        lambda: next(client.events("no-such-run")),
        lambda: client.group("no-such-group"),
        lambda: client.put_input(bytes(17 * 2**20)),
        lambda: client.revoke_reader("nobody"),
    ]
    ours = []
    for call in calls:
        try:
            call()
            ours.append(None)
        except runyard.RunyardError as error:
            violations = [violation._asdict() for violation in error.violations]
            ours.append(
                {
                    "code": error.code,
                    "message": error.message,
                    "violations": violations,
                    "retryable": error.retryable,
                }
            )
    flags = ["--conditions=development", "--disable-warning=ExperimentalWarning"]
    script = str(Path(__file__).with_name("errors.mts"))
    told = subprocess.run(
        [NODE, *flags, script, str(yard.home), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    theirs = [json.loads(line) for line in told.stdout.splitlines()]
    assert ours == theirs
    assert len({error["code"] for error in ours if error is not None}) >= 6


def test_the_list_of_codes_is_the_one_of_errors_ts() -> None:
    text = (ROOT / "src/errors.ts").read_text()
    rows = re.findall(
        r"^  (\w+): \{ grpc: '(\w+)', retryable: (true|false), who: '(\w+)' \}", text, re.MULTILINE
    )
    assert len(rows) > 30
    theirs = {code: (grpc, retry == "true", who) for code, grpc, retry, who in rows}
    assert {code: tuple(entry) for code, entry in runyard.ERROR_CODES.items()} == theirs


def test_what_belongs_to_a_shell_alone_is_the_same_list() -> None:
    text = (ROOT / "src/cli/environment.ts").read_text()
    block = text[text.index("const denied") : text.index("];")]
    theirs = re.findall(r"^  /(.*)/,$", block, re.MULTILINE)
    assert len(theirs) > 10
    assert [rule.pattern for rule in _environment.DENIED] == theirs


def test_an_error_shows_its_rules_and_survives_pickling() -> None:
    broken = runyard.Violation("/gpus", "must be >= 0", "0 for none")
    error = pickle.loads(pickle.dumps(runyard.RunyardError("config_invalid", "no", [broken])))
    assert str(error) == "no\n  /gpus: must be >= 0 (0 for none)"
    assert (error.code, error.violations, error.hint) == ("config_invalid", (broken,), "0 for none")


def test_what_is_no_json_is_refused_before_it_is_sent(yard: Yard) -> None:
    for value in (float("nan"), object()):
        try:
            yard.client.submit({"command": ["true"], "note": value})
        except runyard.RunyardError as error:
            assert error.code == "config_invalid"
        else:
            raise AssertionError("it was taken")
