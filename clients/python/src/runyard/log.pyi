from collections.abc import Mapping
from typing import SupportsFloat, SupportsIndex

def log(
    values: Mapping[str, object] | None = None,
    step: SupportsIndex | SupportsFloat | None = None,
    **more: object,
) -> None: ...
