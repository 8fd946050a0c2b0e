"""Widgets of a yard, each in a module of its own and for any window: `from runyard.qt.widgets.runs import RunsView`.

All take a started `TrainerQBridgeThread` and do no I/O with the daemon themselves.
"""
