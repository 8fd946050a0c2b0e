"""The environment that a submitted run gets: the caller's, less what belongs to its shell alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

# As in src/cli/environment.ts; a test compares.
DENIED = tuple(
    re.compile(rule)
    for rule in (
        r"^SSH_",
        r"^TMUX",
        r"^STY$",
        r"^CUDA_VISIBLE_DEVICES$",
        r"^TERM$",
        r"^TERM_",
        r"^TERMINFO",
        r"^COLORTERM$",
        r"^WINDOWID$",
        r"^(COLUMNS|LINES)$",
        r"^(_|SHLVL|OLDPWD)$",
        r"^RUNYARD_(RUN_ID|ATTEMPT|RUN_DIR|METRICS|AUTOSTART|TOKEN|ADDRESS|CA|INSECURE|FAILPOINTS|NATS_URL)$",
        r"^TRACEPARENT$",
    )
)


def run_environment(shell: Mapping[str, str] | None = None) -> dict[str, str]:
    """What of `shell`, by default of this process, a run should get."""
    source = os.environ if shell is None else shell
    return {
        name: value
        for name, value in source.items()
        if not any(rule.search(name) for rule in DENIED)
    }


def encode_env(env: Mapping[str, str]) -> bytes:
    """NUL-separated `NAME=value`, sorted so that equal ones are equal; bytes that are no UTF-8 stay as they are."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in sorted(env.items()))
