"""The experiments of notebook 06: equal arms, seeds, who has how many images."""

from dataclasses import replace

from kd_course.catalogue import shipped_runs, with_teachers
from kd_course.nb02_hinton.experiments import SEEDS, TEACHER
from kd_course.nb03_confidence.experiments import small_student
from kd_course.nb06_assistants import experiments as lab
from kd_helpers.experiments.recipe import LABELS_ONLY, Recipe


def untaught(recipe: Recipe) -> Recipe:
    return replace(recipe, teacher=None, method=LABELS_ONLY)


def test_the_students_of_a_seed_differ_in_their_teachers_only():
    for arms in lab.EXPERIMENTS:
        for seed in SEEDS:
            students, alone = arms(seed), small_student(seed)
            if arms is lab.share_arms:
                few = "assistant with few images"
                students = {k: r for k, r in students.items() if k[0] == few}
            if arms is lab.row_arms:
                students.pop("N×N filters, hard labels")
                alone = replace(alone, student=lab.ROW)
            assert {untaught(r) for r in students.values()} == {alone}, arms
            assert len(set(students.values())) == len(students)
            cores = [r.method.core for r in students.values() if r.teacher]
            assert {(core.temperature, core.kd_weight) for core in cores} == {(4.0, 0.9)}


def test_no_teacher_has_a_students_seed_but_where_it_has_its_images():
    for arms in lab.EXPERIMENTS:
        for key, student in arms(3).items():
            # Those trained long have seed 0 and stand above all students.
            above = [r for r in with_teachers(student) if r.schedule != TEACHER.schedule]
            shares = "assistant with few images" in key
            assert all((r.seed in SEEDS) == shares for r in above if r != student), key


def test_who_has_how_many_images():
    for choice, student in lab.ladder_arms(3).items():
        above = [r for r in with_teachers(student) if r.student in choice[1]]
        assert {r.student for r in above} == set(choice[1])
        assert {(r.transfer.images, r.schedule) for r in above} <= {(None, student.schedule)}
    for (who, _), student in lab.share_arms(2).items():
        few = who == "assistant with few images"
        assert student.transfer.images == (2000 if few else None)
        for assistant in {r for r in with_teachers(student) if r.student == "cnn-4"}:
            assert assistant.transfer == (student.transfer if few else TEACHER.transfer)
            assert (assistant.seed == student.seed) == few  # the same images: drawn with the seed


def test_experiments_share_their_runs_where_they_are_the_same():
    gap, ladders, ablation = (f(1) for f in (lab.gap_arms, lab.ladder_arms, lab.ablation_arms))
    full = lab.ASSISTANTS[lab.LARGE]
    assert gap[lab.LARGE] == ladders[lab.LARGE, (), "direct"] == ablation["direct"]
    assert gap[lab.MEDIUM] == ladders[lab.MEDIUM, (), "direct"]
    for way in ("chain", "dense"):
        assert ladders[lab.LARGE, full, way] == ablation[way]
    assert ladders[lab.LARGE, full, "stochastic"] == ablation["survival 0.75"]
    found = list(lab.choices())
    assert len(found) == len(set(found)) == 1 + 7 * 3 + 1 + 3 * 2
    assert (lab.MEDIUM, ("cnn-6", "cnn-4"), "stochastic") not in found


def test_what_one_notebook_keeps_of_a_run_another_does_not_take_away():
    """The small teachers of notebook 05 are those of the gap in notebook 06, which reads
    weights."""
    kept = {item.recipe: item for item in shipped_runs()}
    assert "train_logits" in kept[TEACHER].keep and "weights" in kept[TEACHER].keep
    for recipe in lab.gap_teachers(0).values():
        assert kept[recipe].keep.count("weights") == 1
