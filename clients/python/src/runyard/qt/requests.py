"""What a call of the bridge gives back at once. Both live in the thread of the bridge's owner."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from ..errors import RunyardError


class Request(QObject):
    """A question to the daemon. Exactly one of `done` and `failed` comes, later and in the owner's thread.

    The bridge holds it until then. A stopped bridge answers what is open with the code `cancelled`.
    """

    done = Signal(object)
    """The answer."""
    failed = Signal(object)
    """A RunyardError."""

    def __init__(self, name: str, cancel: Callable[[], None]) -> None:
        super().__init__()
        self.name = name
        self._cancel = cancel
        self._settled = False

    @property
    def settled(self) -> bool:
        """Whether one of the signals has come."""
        return self._settled

    def cancel(self) -> None:
        """Asks no further: `failed` comes with `cancelled`. What the daemon has done already stays done."""
        if not self._settled:
            self._cancel()

    def settle(self, value: object, error: RunyardError | None) -> None:
        """For the bridge."""
        if self._settled:
            return
        self._settled = True
        if error is None:
            self.done.emit(value)
        else:
            self.failed.emit(error)


class Watch(QObject):
    """Something that is followed until `cancel`, or until the bridge ends. It survives the daemon."""

    arrived = Signal(object)
    """What the bridge's signal for it carries, of this watch alone."""
    ended = Signal(object)
    """Once, last of all: None when it came to its end or was cancelled, else a RunyardError."""

    def __init__(self, id: int, name: str, cancel: Callable[[], None]) -> None:
        super().__init__()
        self.id = id
        self.name = name
        self._cancel = cancel
        self._over = False

    @property
    def over(self) -> bool:
        """Whether `ended` has come, or it was cancelled."""
        return self._over

    def cancel(self) -> None:
        """Nothing more arrives of it, and `ended` comes at once."""
        if not self._over:
            self._cancel()
            self.end(None)

    def take(self, payload: object) -> None:
        """For the bridge."""
        if not self._over:
            self.arrived.emit(payload)

    def end(self, error: RunyardError | None) -> None:
        """For the bridge."""
        if not self._over:
            self._over = True
            self.ended.emit(error)
