"""The package itself: what it imports and when, its types, its generated files."""

from __future__ import annotations

import ast
import filecmp
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import __version__ as protobuf_version
from yard import ROOT

import runyard
from runyard.v1 import orchestrator_pb2 as pb

SOURCE = ROOT / "clients/python/src/runyard"
# Of what is no part of Python. A trainer is not among them, and nothing that could bring one.
MAY_IMPORT = {"google", "grpc", "nats", "runyard", "PySide6", "numpy", "pyqtgraph"}


def imports() -> set[tuple[str, str]]:
    """File and first word of everything that a file of ours imports, wherever in it."""
    found = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {(file.name, alias.name.partition(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                name = "runyard" if node.level else (node.module or "").partition(".")[0]
                found.add((file.name, name))
    return found


def test_nothing_of_ours_imports_a_trainer() -> None:
    allowed = MAY_IMPORT | set(sys.stdlib_module_names)
    assert {("client.py", "runyard"), ("_sync.py", "grpc")} <= imports()
    assert [pair for pair in sorted(imports()) if pair[1] not in allowed] == []
    # By name, too, only the package's own modules are loaded.
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        # What a dialog or an application of Qt has as a method is another thing.
        assert "__import__" not in text and re.search(r"(?<![\w.])exec\(", text) is None
        assert "import_module" not in text or file == SOURCE / "__init__.py"


def run(script: str, *flags: str) -> str:
    command = [sys.executable, *flags, "-c", script]
    env = {"PYTHONPATH": str(SOURCE.parent)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def test_log_needs_the_standard_library_only_and_starts_nothing() -> None:
    script = """import sys, threading
sys.modules.update(grpc=None, google=None, nats=None)
from runyard import log
import runyard
assert callable(log) and callable(runyard.log)
log(a=1)
from runyard.log import log as same
assert same is log is runyard.log
print(threading.active_count(), sorted(name for name in sys.modules if name.startswith("runyard")))
try:
    runyard.connect
except ImportError as error:
    print(error)"""
    count, error = run(script, "-S").splitlines()
    assert count == "1 ['runyard', 'runyard.log']"
    assert "runyard.connect needs grpcio and protobuf" in error


def test_importing_the_clients_starts_no_thread() -> None:
    script = """import threading, runyard, runyard.aio, runyard.client
runyard.connect, runyard.RunSummary
print(threading.active_count())"""
    assert run(script) == "1\n"


def test_every_name_that_the_package_promises_is_there() -> None:
    for name in runyard.__all__:
        assert getattr(runyard, name) is not None
    assert not hasattr(runyard, "no_such_name")


def test_both_clients_have_a_method_for_each_of_the_api() -> None:
    text = (SOURCE / "aio.py").read_text() + (SOURCE / "_plans.py").read_text()
    methods = [method.name for method in pb.DESCRIPTOR.services_by_name["Orchestrator"].methods]
    assert len(methods) > 30
    assert [name for name in methods if f'"{name}"' not in text] == []


def test_messages_travel_with_this_protobuf_beside_tensorboard() -> None:
    tensorboard = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    run = pb.RunSummary(run_id="r", params={"seed": "1"}, last_seq=2**63)
    assert pb.RunSummary.FromString(run.SerializeToString()) == run, protobuf_version
    event = tensorboard.Event(step=3, wall_time=1.5)
    assert tensorboard.Event.FromString(event.SerializeToString()) == event


def test_pip_installs_it(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    place = ["--no-build-isolation", "--target", str(tmp_path), str(ROOT / "clients/python")]
    subprocess.run([sys.executable, *pip, *place], check=True, capture_output=True)
    names = {str(file.relative_to(tmp_path / "runyard")) for file in (tmp_path / "runyard").rglob("*")}
    assert {"log.py", "py.typed", "client.py", "v1/orchestrator_pb2.pyi"} <= names
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from runyard import log; print(log)"
    assert run(script, "-S", "-E").startswith("<function log")


def test_generated_files_are_those_of_the_proto_and_of_the_asyncio_client(tmp_path: Path) -> None:
    (tmp_path / "runyard").mkdir()
    if sys.version_info >= (3, 12):
        pytest.skip("the compiler of the oldest protobuf has no wheel for Python 3.12 and later")
    env = {**os.environ, "PYTHON": sys.executable}
    command = ["sh", str(ROOT / "clients/python/gen.sh"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env=env)
    names = ["v1/orchestrator_pb2.py", "v1/orchestrator_pb2.pyi", "client.py"]
    same, _, _ = filecmp.cmpfiles(SOURCE, tmp_path / "runyard", names, shallow=False)
    assert same == names, "run: clients/python/gen.sh"


def test_types_hold_in_the_strictest_way() -> None:
    pytest.importorskip("mypy")
    here = ROOT / "clients/python"
    cache = ROOT / ".cache/python-client/mypy"
    command = [sys.executable, "-m", "mypy", f"--cache-dir={cache}", "--config-file=pyproject.toml"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
