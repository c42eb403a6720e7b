"""What methods with a term on features share: two layers, and where the term is added."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.hinton import HintonKD
from kd_helpers.methods.method import Terms
from kd_helpers.runtime.plain import check_weight


@dataclass(frozen=True, kw_only=True)
class WithLayers(HintonKD):
    """Layers are named as in `model.named_modules()`; the teacher is one network."""

    student_layer: str = ""
    teacher_layer: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.student_layer and self.teacher_layer):
            name = type(self).__name__
            raise ValueError(f"got {name} without layers; expected student_layer and teacher_layer")

    @property
    def needs_features(self) -> tuple[str, ...]:
        return (self.student_layer, self.teacher_layer)


@dataclass(frozen=True, kw_only=True)
class OnFeatures(WithLayers):
    """Plain distillation + feature_weight · `distance`; kd_weight=0 leaves labels and features."""

    feature_weight: float = 1.0  # 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight("feature_weight", self.feature_weight)

    def distance(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Of the student's features (B, …), through `regressor`, to the teacher's: a scalar."""
        raise NotImplementedError

    def __call__(self, student_logits, teacher_logits, labels, *features) -> Terms:
        given = (student_logits, teacher_logits, labels, *features)
        return self.terms(*given, strength=self.strength)

    def terms(self, student, teacher, labels, *features, strength):
        """The terms of plain distillation, and the distance of the features beside them."""
        terms = super().terms(student, teacher, labels, strength)
        distance = self.distance(*(feature.float() for feature in features))
        loss = terms["loss"] + self.feature_weight * distance
        return terms | {"loss": loss, "features": distance.detach()}
