"""Teachers: one network, several as one, and the memory that makes them cheap to ask."""

from kd_helpers.teachers.adapted import Adapted, adapted
from kd_helpers.teachers.cached import CachedTeacher
from kd_helpers.teachers.ensemble import Mean, OnceEach, Switching, WeightedByConfidence
from kd_helpers.teachers.sources_apart import Dense, SpecialistsApart, Unified
from kd_helpers.teachers.specialists import Specialists, SpecialistsMean
from kd_helpers.teachers.teacher import Batch, NetworkTeacher, Teacher
from kd_helpers.teachers.team import Team

__all__ = sorted(name for name in globals() if name[0].isupper() or name == "adapted")
