"""Teachers by name answer as their own libraries' pipelines do, with weights of one's own."""

import sys

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

from kd_helpers.teachers.files import WeightsError
from kd_helpers.teachers.libraries import bring
from kd_helpers.teachers.named import teacher_named
from kd_helpers.teachers.outside import outside
from kd_helpers.teachers.weights import save_teacher
from refusals import refused

CLASSES = ("T-shirt/top", "ankle_boot", "bag")
# On floats: pictures that are already 0..1, as the student gets them. On PIL images both libraries
# round to whole numbers after resizing.
IMAGES = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
WIDE = torch.rand(2, 3, 50, 90, generator=torch.Generator().manual_seed(1))


def agrees(teacher, transform) -> bool:
    network = teacher.model.eval()
    with torch.no_grad():
        return all(
            torch.allclose(teacher(images), network(transform(images)), rtol=0, atol=1e-4)
            for images in (IMAGES, WIDE)
        )


def test_torchvisions_networks_answer_as_in_its_own_pipeline():
    for name in ("resnet18", "efficientnet_b1"):  # 256 → 224, and bicubic 255 → 240
        teacher = teacher_named(f"torchvision:{name}", weights="random")
        assert agrees(teacher, models.get_model_weights(name).DEFAULT.transforms())
        assert teacher.classes[:2] == ("tench", "goldfish") and len(teacher.classes) == 1000
    two = teacher.for_classes(["goldfish", "tench"])
    torch.testing.assert_close(two(IMAGES), teacher(IMAGES)[:, [1, 0]])


def test_timms_networks_answer_as_in_its_own_pipeline():
    timm = pytest.importorskip("timm")
    for name in ("vit_tiny_patch16_224", "resnet10t", "eva02_tiny_patch14_224"):
        teacher = teacher_named(f"timm:{name}", weights="random")
        config = timm.data.resolve_model_data_config(teacher.model)
        assert agrees(teacher, timm.data.create_transform(**config))


def test_open_clip_tells_classes_apart_by_sentences_as_in_its_own_pipeline(monkeypatch):
    open_clip = pytest.importorskip("open_clip")
    made, create = [], open_clip.create_model
    monkeypatch.setattr(
        open_clip,
        "create_model",
        lambda *given, **how: made.append(create(*given, **how)) or made[0],
    )
    teacher = teacher_named("open_clip:ViT-B-32", weights="random", classes=CLASSES)
    [model] = made
    pixels = torch.randint(0, 256, (224, 224, 3), generator=torch.Generator().manual_seed(0))
    picture = Image.fromarray(pixels.byte().numpy())  # of the final size: nothing is rounded
    config = open_clip.get_pretrained_cfg("ViT-B-32", "openai")
    transform = open_clip.image_transform(224, False, config["mean"], config["std"])
    sentences = ["a photo of a T-shirt/top", "a photo of a ankle boot", "a photo of a bag"]
    with torch.no_grad():
        text = model.encode_text(open_clip.tokenize(sentences), normalize=True)
        seen = model.encode_image(transform(picture)[None], normalize=True)
        expected = model.logit_scale.exp() * seen @ text.T
    images = pixels.permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(teacher(images), expected, rtol=0, atol=1e-4)
    assert teacher.for_classes(["bag", "Ankle boot"])(images).equal(teacher(images)[:, [2, 1]])
    look = teacher.preprocessing
    assert (look.size, look.resize, look.interpolation) == ((224, 224), 224, "bicubic")
    assert model.visual.transformer.resblocks[0].mlp.gelu.__class__.__name__ == "QuickGELU"
    assert "classes=data.classes" in refused(teacher_named, "open_clip:ViT-B-32")


def test_the_head_of_a_file_says_how_many_classes_there_are(tmp_path):
    source = models.resnet18(num_classes=12)
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}},
        path := tmp_path / "mine.pth",
    )
    teacher = teacher_named("torchvision:resnet18", weights=path)
    assert teacher.classes is None and teacher(IMAGES).shape == (2, 12)
    with torch.no_grad():
        expected = source.eval()(models.ResNet18_Weights.DEFAULT.transforms()(IMAGES))
    torch.testing.assert_close(teacher(IMAGES), expected, rtol=0, atol=1e-4)
    names = [f"kind {n}" for n in range(12)]
    named = teacher_named("torchvision:resnet18", weights=path, classes=names)
    kept = save_teacher(named.for_classes(["kind 7", "kind 2"]), tmp_path / "two.safetensors")
    again = teacher_named("torchvision:resnet18", weights=kept)
    assert again.classes == ("kind 7", "kind 2")
    assert again(IMAGES).equal(named(IMAGES)[:, [7, 2]])
    beheaded = teacher_named("torchvision:resnet18", weights=path, head=False)
    assert beheaded.model.conv1.weight.equal(source.conv1.weight)


def test_a_function_of_ones_own_module(tmp_path, monkeypatch):
    (tmp_path / "teachers_of_one_test.py").write_text(
        "from torch import nn\n"
        "def net():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), "
        "nn.Flatten())\n"
        "def none():\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    teacher = teacher_named("teachers_of_one_test:net")
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3)).state_dict(), tmp_path / "net.pth")
    loaded = teacher_named("teachers_of_one_test:net", weights=tmp_path / "net.pth", classes="abcd")
    assert loaded(IMAGES).shape == (2, 4) and not loaded(IMAGES).allclose(teacher(IMAGES))
    assert "expected a torch.nn.Module" in refused(teacher_named, "teachers_of_one_test:none")
    assert "has no 'other'" in refused(teacher_named, "teachers_of_one_test:other")
    assert "PYTHONPATH" in refused(teacher_named, "not_there:net")


def test_what_cannot_be_had_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *given: None)
    for name in ("torchvision:resnet18", "timm:resnet18", "open_clip:ViT-B-32/laion2b_e16"):
        problem = refused(teacher_named, name, classes=None if "open" not in name else CLASSES)
        assert "nobody was asked" in problem and "weights=PATH" in problem, problem
        assert "https://" in problem
    assert "resnet18-f37072fd.pth" in refused(teacher_named, "torchvision:resnet18")
    for name in ("torchvision:resnet19", "timm:resnet19", "open_clip:ViT-B-33"):
        assert "such as" in refused(teacher_named, name, classes=CLASSES)
    for name in ("resnet18", "torchvision:", ""):
        assert "module:function" in refused(teacher_named, name)
    for library in ("timm", "open_clip"):
        monkeypatch.setitem(sys.modules, library, None)
        assert "[teachers]" in refused(teacher_named, f"{library}:a", classes=CLASSES)


def test_a_teacher_with_another_look_or_order_is_another_teacher():
    teacher = teacher_named("torchvision:resnet18", weights="random")
    others = (
        teacher.seeing(mean=(0.5,), std=(0.5,)),
        teacher.seeing(interpolation="bicubic"),
        teacher.for_classes(["tench", "goldfish"]),
        teacher.for_classes(["goldfish", "tench"]),
    )
    assert len({outside(one).fingerprint for one in (teacher, *others)}) == 5


def test_what_was_downloaded_before_is_taken_although_nobody_may_be_asked(monkeypatch):
    monkeypatch.setenv("KD_OFFLINE", "1")
    network = torch.nn.Flatten()
    assert bring("a network", lambda: network, lambda: True, "advice") is network
    with pytest.raises(WeightsError, match=r"a network: found no published weights.*advice"):
        bring("a network", lambda: network, lambda: False, "advice")
