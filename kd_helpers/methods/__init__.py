"""The methods: one file each, with its paper and formula on top."""

from kd_helpers.methods.abkd import ABKD
from kd_helpers.methods.attention_transfer import AttentionTransfer
from kd_helpers.methods.decoupled import DecoupledKD
from kd_helpers.methods.dgkd import DenselyGuidedKD
from kd_helpers.methods.dist import DIST
from kd_helpers.methods.dynamic_temperature import CWSM, FLSW
from kd_helpers.methods.fitnets import FitNets
from kd_helpers.methods.hinton import HintonKD
from kd_helpers.methods.method import CrossEntropy, Distillation, Method
from kd_helpers.methods.nkd import NKD
from kd_helpers.methods.ofa import OFA
from kd_helpers.methods.probabilistic_transfer import PKT
from kd_helpers.methods.refined_logits import RLD
from kd_helpers.methods.relational import RelationalKD
from kd_helpers.methods.selective import SelectiveKD
from kd_helpers.methods.standardised_logits import Standardised
from kd_helpers.methods.teacher_free import TeacherFreeKD
from kd_helpers.methods.teacher_mistakes import (
    MaskMistakes,
    ReplaceMistakes,
    SwapMistakes,
    TrustTrueClass,
)
from kd_helpers.methods.top_k import RandomEntries, SmallEntries, TopK
from kd_helpers.methods.transformed_teacher import TTM, WTTM
from kd_helpers.methods.treatment import Treatment, Weighted
from kd_helpers.methods.weighted_soft_labels import ConfidenceGate, WeightedSoftLabels

__all__ = sorted(name for name in globals() if name[0].isupper())
