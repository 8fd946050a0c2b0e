"""Item models for what the bridge brings. They change in place, sort and filter by themselves."""

from ._table import KeyRole, RowRole, SortRole
from .artifacts import ArtifactsModel
from .attempts import AttemptsModel
from .gpus import GpusModel
from .runs import RunsModel

__all__ = [
    "ArtifactsModel",
    "AttemptsModel",
    "GpusModel",
    "KeyRole",
    "RowRole",
    "RunsModel",
    "SortRole",
]
