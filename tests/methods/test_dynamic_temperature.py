import numpy as np
import pytest

import by_hand as hand
from by_hand import T, learnt, random_batch, soft_term
from kd_helpers.methods import CWSM, FLSW, HintonKD
from kd_helpers.methods.dynamic_temperature import cwsm_temperatures, flsw_temperatures


def test_each_image_is_compared_at_its_own_temperature():
    given = random_batch()
    for kind, confusion in ((FLSW, hand.different_directions), (CWSM, hand.unsure)):
        found = learnt(kind(HintonKD(temperature=T)), given)[0].item()
        assert found == pytest.approx(soft_term(given, confusion=confusion), rel=1e-4)


def test_temperatures_have_the_mean_t_and_a_floor_and_take_no_gradient():
    student, teacher, _ = random_batch()
    student.requires_grad_()
    rows = list(zip(student.detach().double().numpy(), teacher.double().numpy(), strict=True))
    for found, confusion in (
        (flsw_temperatures(student, teacher, temperature=T, beta=5.0), hand.different_directions),
        (cwsm_temperatures(student, temperature=T, beta=5.0), hand.unsure),
    ):
        omega = np.array([confusion(*row) for row in rows])
        order = np.argsort(omega)
        assert not found.requires_grad and found.mean().item() == pytest.approx(T, rel=1e-5)
        assert found.min() >= T / 4 - 1e-5 and (np.diff(found.numpy()[order]) <= 1e-5).all()
    gentle = flsw_temperatures(student, teacher, temperature=T, beta=0.01)
    omega = np.array([hand.different_directions(*row) for row in rows])
    np.testing.assert_allclose(gentle, T + 0.01 * (omega.mean() - omega), rtol=1e-5)
    # The default β is 1; at a T so high no temperature meets the floor.
    for found, confusion in (
        (flsw_temperatures(student, teacher, temperature=99.0), hand.different_directions),
        (cwsm_temperatures(student, temperature=99.0), hand.unsure),
    ):
        omega = np.array([confusion(*row) for row in rows])
        np.testing.assert_allclose(found, 99 + omega.mean() - omega, rtol=1e-5)
