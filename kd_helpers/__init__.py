"""Helpers behind the notebooks of the knowledge distillation course."""

from kd_helpers.data import load_dataset
from kd_helpers.device import pick_device
from kd_helpers.losses import kd_loss
from kd_helpers.models import make_model
from kd_helpers.recipes import Recipe
from kd_helpers.runs import load_or_train

__all__ = ["Recipe", "kd_loss", "load_dataset", "load_or_train", "make_model", "pick_device"]
