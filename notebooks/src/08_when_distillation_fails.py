# %% [markdown]
# # 08 · When distillation fails
#
# **Question: a distillation runs, its loss falls, its student is better than nothing. How would you notice that the code is wrong?**
#
# A museum of faults from public code. Each can be switched on in the loop of this course. Then the ways in which correct distillation fails.
#
# Time: about 20 seconds on two processor cores. Needed: notebook 02; notebook 06 for the last part.

# %%
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown, display

from kd_course.nb02_hinton import experiments as shipped
from kd_course.nb06_assistants import experiments as shipped_assistants
from kd_course.nb08_faults import experiments as lab
from kd_course.nb08_faults.assertions import make_setup
from kd_course.nb08_faults.checks import check_detector, check_ratio
from kd_course.nb08_faults.exhibits import EXHIBITS, outcome
from kd_course.nb08_faults.explorer import build_museum_explorer
from kd_course.nb08_faults.figures import draw_costs, draw_pair
from kd_course.nb08_faults.tables import arms_of
from kd_helpers import load_or_train
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.labs import accuracies, collect, verdict_lines
from kd_helpers.methods.hinton import hard_loss, kd_loss
from kd_helpers.widgets.figures import new_figure
from kd_helpers.widgets.show import display_figure, display_live

# %%
seeds = shipped.SEEDS

# %% [markdown]
# ## The museum
#
# Student: cnn-2, 2,000 labelled images, 600 steps of 64, T = 4, α = 0.9. Teacher: a cnn-4 that has seen 54,000 images. Five seeds each, the same starting weights and batches with and without the fault.
#
# The pictures show the loss; how hard the soft term pulls at the student's logits compared with the label term (length of the two gradients, each with its weight); and test accuracy.
#
# **Guess:** of the faults below, how many cost more than one point?

# %%
museum = build_museum_explorer(EXHIBITS, lambda exhibit: arms_of(exhibit, seeds), outcome)

# %%
wrong, right = arms_of(EXHIBITS[0], seeds)
figure, axes = new_figure(12, 3, columns=2)
for ax, part, log in zip(axes, ("loss", "ratio"), (False, True)):
    both = {"without the fault": getattr(right, part), "with the fault": getattr(wrong, part)}
    title = {"loss": "loss in training", "ratio": "soft gradient ÷ hard gradient"}[part]
    draw_pair(ax, right.steps, both, title=title, logarithmic=log)
alt = "Exhibit 1, the mean over too much: the loss is lower and falls; the ratio is much lower."
display_live(museum, figure, alt)

# %% [markdown]
# ## All of them
#
# The difference to the same student without the fault, in points.

# %%
found = {exhibit.title: arms_of(exhibit, seeds) for exhibit in EXHIBITS}
costs = {
    title: paired_verdict(wrong.accuracies, right.accuracies)
    for title, (wrong, right) in found.items()
}

# %%
figure, (ax,) = new_figure(9, 5)
title = "Difference that each fault makes, five paired seeds (grey: none that is clear)"
draw_costs(ax, costs, title=title, x="points, with 95 % interval; logarithmic beyond 1")
display_figure(figure, f"Cost of each fault: { {t: str(v) for t, v in costs.items()} }")

# %% [markdown]
# Does one see it in the loss, or in the gradients? The loss at the end, and the ratio of the gradients in the middle of the training, with the fault and without it; and what the one assertion says.

# %%
lines = [
    "| exhibit | loss, with / without | gradient ratio, with / without | assertion, with / without |",
    "| :-- | --: | --: | :-- |",
]
for exhibit in EXHIBITS:
    arms = found[exhibit.title]
    loss = " / ".join(f"{arm.loss[-1]:.2f}" for arm in arms)
    middle = [None if arm.ratio is None else arm.ratio[len(arm.ratio) // 2] for arm in arms]
    ratio = " / ".join("" if value is None else f"{value:.3g}" for value in middle)
    said = " / ".join(outcome(exhibit, is_on=on).split(":")[0] for on in (True, False))
    lines.append(f"| {exhibit.title} | {loss} | {ratio} | {said} |")
display(Markdown("\n".join(lines)))

# %% [markdown]
# A loss that falls proves little: each fault has a loss of its own, and that one is minimised. The gradients can be compared, for they end in the same logits.
#
# The best step on the test images "helps", and it must: the best of twelve looks is never below the last. Nothing more was learnt.
#
# That a fault costs nothing clear here does not make it right: other images, another T or α were not tried.
#
# ## A gain proves nothing
#
# Who compares with labels alone only, sees this:

# %%
students = accuracies(collect(lab.fault_arms, seeds))
students["labels alone"] = accuracies(collect(lab.unequal_arms, seeds))["labels"]
print(verdict_lines(students, baseline="labels alone"))

# %% [markdown]
# Several faults that cost more than a point still leave a clear gain over the labels. So nobody looks for them.
#
# ## In the loop, now
#
# Choose a fault and train 200 steps with and without it.

# %%
FAULT = "no T²"  # a name from kd_course.nb08_faults.faulty_losses.FAULTS
base = lab.taught(7, shipped_assistants.gap_teachers(0)["cnn-4"])
base = replace(base, schedule=replace(base.schedule, steps=200))
for fault in ("none", FAULT):
    run = load_or_train(replace(base, fault=fault), quiet=True)
    print(f"{fault:8} {run.accuracy:.2f} %, loss {run.record['history']['loss'][-1]:.3f}")

# %% [markdown]
# ## The one assertion
#
# What a script has at hand before its first step is enough: a batch, the student's and the teacher's logits. For example, the teacher in training mode:

# %%
for fault in ("none", "train mode"):
    setup = make_setup(lab.fault_arms(0)[fault])
    alone = setup.teacher(type(setup.batch)(*(part[:1] for part in setup.batch[:4])))
    print(f"{fault:10} first image in its batch {setup.teacher_logits[0, :3].tolist()}")
    print(f"{'':10} first image alone        {alone[0, :3].tolist()}")

# %% [markdown]
# ## Correct distillation fails too
#
# **The teacher is too strong for the student.** The gap of notebook 06: six teachers, the last the best, and one student. The baseline is the student of cnn-4.

# %%
gap = collect(shipped_assistants.gap_arms, seeds)
teachers = collect(shipped_assistants.gap_teachers, seeds)
print(verdict_lines(accuracies(gap), baseline="cnn-4"))

# %% [markdown]
# **The student is too small, and has all the data.** cnn-2 with all 54,000 labelled images and for longer (notebook 02): what limits it now is its size, not what it is told.

# %%
print(verdict_lines(accuracies(collect(shipped.full_arms, seeds)), baseline="student, hard labels"))


# %% [markdown]
# **Fidelity is not accuracy.** How often does a student give its teacher's answer on the test images, and how often the right one?


# %%
def agreement(students, teachers):  # percent of the test images, mean over the seeds
    pairs = zip(students, teachers)
    return np.mean([100 * (s.answers() == t.answers()).double().mean() for s, t in pairs])


for name in gap:
    right = np.mean([run.accuracy for run in gap[name]])
    print(
        f"{name:22} agrees with its teacher {agreement(gap[name], teachers[name]):.2f} %, right {right:.2f} %"
    )

# %% [markdown]
# ## Exercise 1: the gradient ratio
#
# Length of the soft term's gradient with respect to the student's logits, over that of the hard term's, each with its weight. `torch.autograd.grad(term, student_logits)` gives a tuple with one tensor.


# %% tags=["exercise"]
def my_ratio(student_logits, teacher_logits, labels, T, kd_weight):  # → scalar
    # solution
    soft = kd_weight * kd_loss(student_logits, teacher_logits, temperature=T)
    hard = (1 - kd_weight) * hard_loss(student_logits, labels)
    pulls = [torch.autograd.grad(term, student_logits)[0].norm() for term in (soft, hard)]
    return pulls[0] / pulls[1]
    # end solution
    # stub: return ...  # your code here


# %%
print(check_ratio(my_ratio))

# %% [markdown]
# ## Exercise 2: a detector
#
# Somebody hands you a soft term: `soft(student_logits, teacher_logits, T)`. Return True if it is T²·KL(teacher ‖ student), mean over the batch. It is tried on the right one and on six faults. Which inputs tell them apart?


# %% tags=["exercise"]
def my_detector(soft):  # a function → True or False
    # solution
    generator = torch.Generator().manual_seed(0)
    z, v = (3 * torch.randn(8, 10, generator=generator) for _ in range(2))
    p, q = (v / 3).softmax(dim=1), (z / 3).softmax(dim=1)
    by_hand = 9 * (p * (p / q).log()).sum(dim=1).mean()
    return bool(torch.isclose(soft(z, v, 3.0), by_hand, rtol=1e-3))
    # end solution
    # stub: return ...  # your code here


# %%
print(check_detector(my_detector))

# %% [markdown]
# ## What we saw

# %% tags=["nbval-check-output"]
words = {}
for title, verdict in costs.items():
    heavy = verdict.word == "WORSE" and verdict.mean < -1
    key = "WORSE by more than 1 point" if heavy else verdict.word
    words.setdefault(key, []).append(title)
lines = [f"- {word}, {len(titles)}: {'; '.join(titles)}." for word, titles in words.items()]
display(Markdown("\n".join(lines)))

# %% tags=["nbval-check-output"]
heavy = [found[title] for title in words["WORSE by more than 1 point"]]
lower = sum(wrong.loss[-1] < right.loss[-1] for wrong, right in heavy)
middle = [[arm.ratio[len(arm.ratio) // 2] for arm in arms] for arms in heavy]
off = sum(max(a, b) > 3 * min(a, b) for a, b in middle)
print(f"of these {len(heavy)}: loss at the end lower than without the fault: {lower}")
print(f"gradient ratio in the middle off by a factor of 3 or more: {off}")

# %% [markdown]
# Most faults that cost much ended with a lower loss than the right code, and some of their students were still better than labels alone. The gradient ratio shows what the loss hides, and one assertion, run once before the training, is cheaper than both.
#
# Correct code fails as well: where the teacher is too strong, where the student is too small for what it could be told, and the student that copies its teacher most faithfully is not the best one.
