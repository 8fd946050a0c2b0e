"""The order of a start, in processes of their own: what a guard notices, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BEGIN = """
import os, sys, threading, time, warnings
from PySide6.QtCore import QCoreApplication, QTimer
from runyard.qt import BootstrapError, TrainerQBridgeThread
home = {home!r}
def caught(make):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = make()
    for one in told:
        print(one.category.__name__, one.message)
    return made
"""


def run(tmp_path: Path, script: str) -> str:
    """What a script prints, which has to end well."""
    file = tmp_path / "script.py"
    file.write_text(BEGIN.format(home=str(tmp_path)) + script)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, env=env, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_clean_start_says_nothing_and_nothing_is_forked(tmp_path: Path) -> None:
    script = """
application = QCoreApplication([])
bridge = caught(lambda: TrainerQBridgeThread(home=home, guard="error"))
bridge.start()
bridge.connection_changed.connect(lambda c: (c.state == "no_daemon" and application.quit()))
application.exec()
print(bridge.isRunning(), bridge.connection.state)
print(open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split())
"""
    # aboutToQuit has ended it.
    assert run(tmp_path, script) == "False closed\n[]\n"


def test_a_bridge_before_its_application(tmp_path: Path) -> None:
    script = """
bridge = caught(lambda: TrainerQBridgeThread(home=home))
try:
    TrainerQBridgeThread(home=home, guard="error")
except BootstrapError as error:
    print(error.finding.code)
"""
    assert run(tmp_path, script) == (
        "BootstrapWarning the bridge was made before the application;"
        " make the QApplication first: its loop brings the signals\nno_application\n"
    )


def test_threads_that_ran_before_the_bridge(tmp_path: Path) -> None:
    script = """
go = threading.Event()
thread = threading.Thread(target=go.wait, name="plots")
thread.start()
application = QCoreApplication([])
bridge = caught(lambda: TrainerQBridgeThread(home=home))
off = caught(lambda: TrainerQBridgeThread(home=home, guard="off"))
try:
    TrainerQBridgeThread(home=home, guard="error")
except BootstrapError as error:
    print(error.finding.code)
go.set()
thread.join()
bridge.start()
time.sleep(0.2)
other = caught(lambda: TrainerQBridgeThread(home=home))
print(bridge.stop())
"""
    first, *rest = run(tmp_path, script).splitlines()
    assert first.startswith("BootstrapWarning threads ran before the bridge was made: plots; start processes")
    assert rest == ["threads_first", "True"]


def test_a_fork_while_a_bridge_runs(tmp_path: Path) -> None:
    script = """
import multiprocessing, subprocess
application = QCoreApplication([])
bridge = caught(lambda: TrainerQBridgeThread(home=home))
found = []
bridge.guard_found.connect(lambda one: (found.append(one.code), application.quit()))
bridge.start()
def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
caught(fork)
application.exec()
print(found)
quiet = caught(lambda: subprocess.run(["true"]))
bridge.stop(60000)
caught(fork)
strict = TrainerQBridgeThread(home=home, guard="error")
strict.start()
for way in (fork, multiprocessing.get_context("fork").Process(target=print).start):
    try:
        way()
    except BootstrapError as error:
        print(error.finding.code)
spawned = caught(lambda: subprocess.run(["true"], check=True))
strict.stop(60000)
caught(fork)
"""
    told = run(tmp_path, script).splitlines()
    assert told[0].startswith("BootstrapWarning this process forks while a bridge runs: the child may hang")
    assert told[1:] == ["['forked']", "forked", "forked"]


def test_multiprocessing_that_forks(tmp_path: Path) -> None:
    script = """
import multiprocessing
multiprocessing.set_start_method("fork")
application = QCoreApplication([])
bridge = caught(lambda: TrainerQBridgeThread(home=home))
"""
    assert "multiprocessing.set_start_method('spawn') first of all" in run(tmp_path, script)


def test_a_trainer_in_the_process_of_the_window(tmp_path: Path) -> None:
    (tmp_path / "cleanrl").mkdir()
    (tmp_path / "cleanrl/__init__.py").touch()
    (tmp_path / "corl.py").touch()
    script = """
application = QCoreApplication([])
import corl
bridge = caught(lambda: TrainerQBridgeThread(home=home))
found = []
bridge.guard_found.connect(lambda one: (found.append(one.code), application.quit()))
bridge.start()
import cleanrl
caught(application.exec)
print(found)
bridge.stop(60000)
try:
    TrainerQBridgeThread(home=home, guard="error")
except BootstrapError as error:
    print(error)
"""
    first, second, third, last = run(tmp_path, script).splitlines()
    assert first.startswith("BootstrapWarning a trainer is loaded in the window's process: corl; submit it")
    assert second.startswith("BootstrapWarning a trainer is loaded in the window's process: cleanrl;")
    assert third == "['trainer_loaded']"
    assert last.startswith("a trainer is loaded in the window's process: cleanrl, corl; submit it as a command")


def test_a_process_ends_well_whoever_forgets_the_bridge(tmp_path: Path) -> None:
    for ending in ("", "del bridge", "application.shutdown()", "del parent", "sys.exit(0)"):
        script = f"""
from PySide6.QtCore import QObject
application = QCoreApplication([])
parent = QObject()
bridge = TrainerQBridgeThread(parent, home=home)
bridge.start()
request = bridge.health()
del request
while bridge.connection.state != "no_daemon":
    application.processEvents()
{ending}
"""
        assert run(tmp_path, script) == "", ending


def test_a_guard_that_there_is_not() -> None:
    script = """
from PySide6.QtCore import QCoreApplication
from runyard.qt import TrainerQBridgeThread
application = QCoreApplication([])
try:
    TrainerQBridgeThread(guard="strict")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "guard must be 'warn', 'error' or 'off', not 'strict'\n", done.stderr
