"""Helpers behind the notebooks of the course; each name loads what it needs."""

from importlib import import_module

_HOMES = {
    "distill": "kd_helpers.experiments.distill",
    "image_folder": "kd_helpers.data.image_folder",
    "Recipe": "kd_helpers.experiments.recipe",
    "kd_loss": "kd_helpers.methods.hinton",
    "load_dataset": "kd_helpers.data.datasets",
    "load_or_train": "kd_helpers.experiments.run",
    "make_model": "kd_helpers.models.zoo",
    "pick_device": "kd_helpers.runtime.device",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'kd_helpers' has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
