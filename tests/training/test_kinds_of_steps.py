"""Which kind of step a training takes on a GPU, and why; what a recording gives: test_cuda.py."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from kd_helpers.data.augment import ViewSet
from kd_helpers.methods import CrossEntropy
from kd_helpers.methods.method import ByFunction
from kd_helpers.teachers import CachedTeacher, NetworkTeacher, Teacher
from kd_helpers.teachers.team import Joined
from kd_helpers.training import recorded
from kd_helpers.training.batches import Draw
from kd_helpers.training.recorded import TIMED, WARM_UP, Recorder, why_not

PLAIN_STEPS = WARM_UP + TIMED
DRAW = Draw(torch.arange(2), torch.zeros(2, dtype=torch.long))


def kinds_taken(monkeypatch, *, times, step=lambda draw: {}, record=None, reason=""):
    """What sixty steps were taken as, and the words; times: of the clock's readings."""
    readings = iter(times)
    for name, value in {
        "stream_beside": lambda: None,
        "on": lambda stream: nullcontext(),
        "clock": lambda: next(readings),
        "random_states": lambda: bytes(torch.get_rng_state().numpy()),
    }.items():
        monkeypatch.setattr(recorded, name, value)
    taken = []

    def noted(kind):
        def take(draw):
            taken.append(kind)
            return step(draw)

        return take

    def recording(self):
        return record() if record else noted("recorded")

    monkeypatch.setattr(Recorder, "record", recording)
    recorder = Recorder(noted("plain"), lambda step: nullcontext(), SimpleNamespace(), reason)
    for _ in range(60):
        recorder(DRAW)
    return taken, recorder.how


def test_the_faster_kind_of_step_goes_on(monkeypatch):
    timed = ["plain"] * PLAIN_STEPS + ["recorded"] * TIMED
    left = 60 - len(timed)
    for times, kind in (((0, 3, 3, 4), "recorded"), ((0, 1, 1, 2), "plain")):
        taken, how = kinds_taken(monkeypatch, times=times)
        assert taken == timed + [kind] * left
        assert how == f"{kind}: recorded ones have {times[1]:.1f} times the speed of plain ones"


def test_a_recording_sees_other_pictures_and_another_rate_in_the_same_memory(monkeypatch):
    """A graph repeats what stood in its memory; Python's numbers would stay as they were."""
    drawn, seen = [], []
    graph = SimpleNamespace(replay=lambda: seen.append((drawn[0].index.tolist(), float(rate))))
    monkeypatch.setattr(recorded, "new_graph", lambda: graph)
    monkeypatch.setattr(recorded, "capture", lambda graph, stream: nullcontext())
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.5)
    recorder = Recorder(lambda draw: drawn.append(draw) or {}, nullcontext, optimiser, "")
    recorder.draw, recorder.stream = DRAW, None
    replay = recorder.record()
    rate = optimiser.param_groups[0]["lr"]
    for index in ([1, 0], [0, 0]):
        replay(Draw(torch.tensor(index), DRAW.view))
        optimiser.step()
        schedule.step()
    assert seen == [([1, 0], pytest.approx(0.1)), ([0, 0], pytest.approx(0.05))]
    assert DRAW.index.tolist() == [0, 1] and len(drawn) == 1


def test_what_cannot_be_recorded_is_taken_plainly_and_said(monkeypatch):
    def fails():
        raise RuntimeError("operation not permitted\nwhen capturing")

    cases = [
        ({"reason": "because"}, "plain: because"),
        ({"step": lambda draw: torch.rand(1)}, "plain: they draw random numbers"),
        ({"record": fails}, "plain: to record them failed (operation not permitted)"),
    ]
    for how, words in cases:
        assert kinds_taken(monkeypatch, times=(0, 1), **how) == (["plain"] * 60, words)


def test_only_steps_that_are_the_same_each_time_are_recorded():
    gpu, images = torch.device("cuda"), torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    asked = NetworkTeacher(torch.nn.Flatten())
    full = CachedTeacher(asked, images, num_classes=10)
    part = CachedTeacher(asked, images, ViewSet(flip=True), num_classes=10, max_bytes=100)

    class Team:
        changes = False

    class Choosy(Team):
        changes = True

    def words(teacher: Teacher | None, method=CrossEntropy(), device=gpu) -> str:  # noqa: B008
        return why_not(device, teacher, method)

    assert not words(None) and not words(full) and not words(Joined(Team(), [full], None))
    for teacher in (
        asked,
        part,
        Joined(Team(), [full, part], None),
        Joined(Choosy(), [full], None),
    ):
        assert "not all in memory" in words(teacher)
    assert "more than arithmetic" in words(full, ByFunction(lambda *given: {}))
    assert "GPU" in words(full, device=torch.device("cpu"))


@pytest.mark.parametrize("given", ["0", "1"])
def test_recording_can_be_switched_off(monkeypatch, given):
    monkeypatch.setenv("KD_RECORDED", given)
    assert bool(why_not(torch.device("cuda"), None, CrossEntropy())) == (given == "0")
