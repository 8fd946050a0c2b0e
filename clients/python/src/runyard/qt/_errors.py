"""Whatever went wrong, as the one error that a bridge tells."""

from __future__ import annotations

import logging

from ..errors import RunyardError

_log = logging.getLogger(__name__)


def told(error: Exception) -> RunyardError:
    if isinstance(error, RunyardError):
        return error
    if isinstance(error, OSError):
        return RunyardError("usage", str(error))
    _log.error("an error that was not expected", exc_info=error)
    return RunyardError("internal", f"{type(error).__name__}: {error}")
