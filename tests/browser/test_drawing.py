"""The networks of the drawing, as the page computes them, are those that were trained."""

import pytest
import torch

from kd_course.nb01_targets.drawing import build_drawing
from kd_course.nb02_hinton.experiments import drawers
from kd_helpers import load_dataset, load_or_train
from kd_helpers.training.loop import predict

ANSWERS = "([box, images]) => images.map(image => box.logits(image))"  # of all networks
ONE_STROKE = """box => new Promise(done => {  // milliseconds from a stroke to its answer
    const paper = box.querySelector('.paper'), cell = box.querySelector('td.bits');
    const at = paper.getBoundingClientRect(), start = performance.now();
    const told = {pointerId: 1, clientX: at.x + 90, clientY: at.y + 90, bubbles: true};
    paper.setPointerCapture = () => {};
    const seen = new MutationObserver(() => {
        seen.disconnect();
        done(performance.now() - start);
    });
    seen.observe(cell, {childList: true});
    paper.dispatchEvent(new PointerEvent('pointerdown', told));
    paper.dispatchEvent(new PointerEvent('pointerup', told));
})"""


@pytest.fixture
def drawing():
    data = load_dataset("fashion-mnist")
    runs = {name: load_or_train(recipe, quiet=True) for name, recipe in drawers().items()}
    return data, runs, build_drawing(data.test, runs, data.classes)


def test_the_page_answers_as_pytorch_does_and_fast(drawing, page):
    data, runs, alive = drawing
    page.set_content(alive.html())
    box = page.locator(".kd-alive").element_handle()
    images = data.test.images[:200]
    shown = torch.tensor(page.evaluate(ANSWERS, [box, images.flatten(1).tolist()]))
    for name, (place, run) in zip(runs, enumerate(runs.values()), strict=True):
        expected = predict(run.model(), images).softmax(dim=1)
        told = shown[:, place].softmax(dim=1)  # (200, 10)
        assert (told - expected).abs().max() < 0.05, name
        assert (told - expected).abs().mean() < 0.001, name
        assert (told.argmax(dim=1) == expected.argmax(dim=1)).float().mean() >= 0.99, name
    times = sorted(page.evaluate(ONE_STROKE, box) for _ in range(9))
    print(f"answer after a stroke: {times[4]:.0f} ms (median of 9)")
