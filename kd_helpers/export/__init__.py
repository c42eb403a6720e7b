"""Out of the door: a trained network as a file that runs without this package."""

from kd_helpers.export.compare import Exported, Mismatch
from kd_helpers.export.formats import Unexportable
from kd_helpers.export.to_file import export, verify

__all__ = ["Exported", "Mismatch", "Unexportable", "export", "verify"]
