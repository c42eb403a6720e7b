"""The polygon of soft targets: what it is told is what the networks answer, to two decimals."""

import base64
import io
import json
import re

import numpy as np
from PIL import Image

from kd_course.nb01_targets import polygon
from kd_course.nb02_hinton.experiments import minds
from kd_helpers import load_dataset, load_or_train


def test_the_page_has_every_answer_to_two_decimals_and_every_picture():
    data = load_dataset("fashion-mnist")
    runs = {name: load_or_train(r, quiet=True) for name, r in minds().items()}
    answers = {name: run.logits("test").numpy() for name, run in runs.items()}
    alive = polygon.build_polygon(data.test, answers, data.classes)
    html = alive.html()
    told = json.loads(re.search(r"previousElementSibling, (\{.*\})\);</script>", html)[1])
    assert list(told["networks"]) == list(answers) and len(told["labels"]) == 2000
    for name, logits in answers.items():
        read = np.frombuffer(base64.b64decode(told["networks"][name]), np.uint8)
        below = (read.reshape(-1, 10) / told["fineness"]) ** 2
        for temperature in (0.5, 1.0, 4.0, 20.0):
            powers = np.exp(-below / temperature)
            expected = np.exp(logits[:2000].astype(float) / temperature)
            expected /= expected.sum(axis=1, keepdims=True)
            shown = powers / powers.sum(axis=1, keepdims=True)
            assert np.abs(shown - expected).max() < 0.02, (name, temperature)
    sheet = Image.open(io.BytesIO(base64.b64decode(told["thumbnails"].split(",")[1])))
    for image in (0, 49, 50, 1999):
        side, x, y = told["side"], told["side"] * (image % 50), told["side"] * (image // 50)
        small = np.asarray(sheet.convert("L").crop((x, y, x + side, y + side)).resize((28, 28)))
        real = data.test.images[image, 0].numpy()
        assert np.corrcoef(small.ravel(), real.ravel())[0, 1] > 0.9, image
    assert f'alt="{alive._repr_mimebundle_()["text/plain"]}"' in html


def test_corners_stand_beside_those_that_they_share_answers_with():
    """Pairs 0-3, 3-1, 1-4, 4-2, 2-0 share answers: the ring is that, from class 0, either way."""
    logits = np.full((5, 5), -9.0)
    for row, pair in enumerate(((0, 3), (3, 1), (1, 4), (4, 2), (2, 0))):
        logits[row, pair] = 9.0
    assert polygon.neighbours(logits) in ([0, 3, 1, 4, 2], [0, 2, 4, 1, 3])
    places = polygon.corners([0, 3, 1, 4, 2])
    np.testing.assert_allclose(places[0], (0, 1), atol=1e-12)
    steps = np.linalg.norm(np.diff(places[[0, 3, 1, 4, 2, 0]], axis=0), axis=1)
    np.testing.assert_allclose(steps, 2 * np.sin(np.pi / 5))
