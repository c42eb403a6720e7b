"""What holds for all tests: trainings in float32, so that nobody times the processor first."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def float32():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_PRECISION", "float32")
        yield
