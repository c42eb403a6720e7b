"""Weights from files of every kind, loaded whole or refused in one sentence."""

from argparse import Namespace

import torch
from safetensors.torch import save_file

from kd_helpers.teachers import adapted
from kd_helpers.teachers.weights import load_weights, save_teacher
from weight_files import network, not_loaded, state


def test_weights_are_found_wherever_trainers_put_them(tmp_path, capsys):
    source = network()
    plain, images = state(source), torch.rand(3, 1, 28, 28)
    noise = {"optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}, "epoch": 7}
    contents = {
        "bare": plain,
        "data parallel": state(source, "module."),
        "compiled": {"state_dict": state(source, "module._orig_mod.")},
        "part compiled": {n.replace("body.", "body._orig_mod.", 1): v for n, v in plain.items()},
        "nested": {"model_state_dict": plain, **noise},
        "timm": {"state_dict": state(network()), "state_dict_ema": plain, "args": Namespace(lr=1)},
        "twice": {"model": {"state_dict": state(source, "student.")}, **noise},
        "lightning": {
            "state_dict": {**state(source, "model."), "loss.weight": torch.ones(4)},
            "pytorch-lightning_version": "2.5.0",
            "hyper_parameters": {"lr": 0.1},
            "callbacks": {},
        },
        "half": {name: v.half() if v.is_floating_point() else v for name, v in plain.items()},
    }
    expected = source.eval()(images)
    for name, content in contents.items():
        for old in (False, True):  # the format before 2020 too
            torch.save(
                content, path := tmp_path / f"{name}.pth", _use_new_zipfile_serialization=not old
            )
            model = network()
            report = load_weights(model, path)
            tensors = len([n for n in plain if not n.endswith("num_batches_tracked")])
            assert report.startswith(f"{name}.pth: {tensors} of {tensors} tensors"), report
            assert ("from 'state_dict_ema' in the file" in report) == (name == "timm"), report
            assert report in capsys.readouterr().out
            torch.testing.assert_close(model.eval()(images), expected, rtol=0, atol=1e-2)
    save_file(plain, tmp_path / "plain.safetensors")
    load_weights(model := adapted(network()), tmp_path / "plain.safetensors")
    assert model(images).equal(expected)


def test_a_head_that_does_not_fit_says_so_and_can_be_left_out(tmp_path):
    torch.save(state(network(12)), path := tmp_path / "twelve.pth")
    problem = not_loaded(path)
    assert "fit_head" in problem and "(12, 784) in the file and (4, 784) in the network" in problem
    model = network(4)
    head = {name: value for name, value in state(model).items() if value.shape[:1] == (4,)}
    assert "without the head" in load_weights(model, path, head=False)
    assert all(model.state_dict()[name].equal(value) for name, value in head.items())
    headless = {name: value for name, value in state(network()).items() if name not in head}
    torch.save(headless, path)
    assert (
        "2 tensors are not in the file" in (problem := not_loaded(path)) and "fit_head" in problem
    )
    torch.save({k: v for k, v in state(network()).items() if "running" not in k}, path)
    assert "running_mean" in (problem := not_loaded(path)) and "fit_head" not in problem


def test_weights_of_another_network_show_names_of_both_sides(tmp_path):
    torch.save(
        {f"layer{n}.weight": torch.ones(1) for n in range(9)}, path := tmp_path / "other.pth"
    )
    problem = not_loaded(path)
    assert problem.count("'layer") == 3 and problem.count("'body.") == 3
    torch.save(state(network(name="cnn-4")), path)
    assert "is it of this network?" in not_loaded(path)


def test_two_networks_in_one_file_have_to_be_told_apart(tmp_path):
    teacher, student = network(), network()
    both = state(teacher, "teacher.") | state(student, "student.")
    torch.save({"state_dict": both}, path := tmp_path / "both.ckpt")
    assert "'student.', 'teacher.'" in (problem := not_loaded(path)) and "prefix=" in problem
    load_weights(model := network(), path, prefix="teacher.")
    assert state(model)["body.0.weight"].equal(state(teacher)["body.0.weight"])
    torch.save({"teacher": state(teacher), "student": state(student)}, path)
    assert "several parts (teacher, student)" in not_loaded(path)


def test_a_saved_teacher_comes_back_with_its_answers(tmp_path):
    teacher = adapted(network(), mean=0.3, std=0.4, classes="abcd").for_classes("cab")
    path = save_teacher(teacher, tmp_path / "teacher.safetensors")
    load_weights(again := adapted(network(), mean=0.3, std=0.4, classes="abcd"), path)
    images = torch.rand(3, 1, 28, 28)
    assert again.for_classes("cab")(images).equal(teacher(images))
