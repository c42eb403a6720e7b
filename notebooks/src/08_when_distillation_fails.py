# %% [markdown]
# # 08 · When distillation fails
#
# **Question: a distillation runs, its loss falls, its student is better than nothing. How would you notice that the code is wrong?**
#
# A museum of faults from public code. Each can be switched on in the loop of this course. Then the ways in which correct distillation fails.
#
# Time: about 30 seconds on two processor cores. Needed: notebook 02; notebook 06 for the last part.

# %%
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown, display

from kd_helpers import load_or_train, shipped
from kd_helpers import shipped_museum as lab
from kd_helpers.checks_museum import check_detector, check_ratio
from kd_helpers.explorers_museum import build_museum_explorer
from kd_helpers.labs import accuracies, collect, verdict_lines
from kd_helpers.labs_museum import arms_of
from kd_helpers.losses import hard_loss, kd_loss
from kd_helpers.museum import EXHIBITS, outcome
from kd_helpers.museum_checks import make_setup
from kd_helpers.plots import new_figure
from kd_helpers.plots_museum import draw_costs, draw_pair
from kd_helpers.runs import load_run
from kd_helpers.show import display_figure, display_live
from kd_helpers.verdicts import paired_verdict

# %%
seeds = shipped.SEEDS

# %% [markdown]
# ## The museum
#
# Student: cnn-2, 2,000 labelled images, 600 steps of 64, T = 4, α = 0.9. Teacher: a cnn-4 that has seen 54,000 images. Distilled correctly, it makes about four points over the labels alone; so a fault has something to lose. Five seeds each, the same starting weights and batches with and without the fault.
#
# The pictures show the loss in training; how hard the soft term pulls at the student's logits compared with the label term (length of the two gradients, each with its weight); and test accuracy.
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
alt = "Exhibit 1, the mean over too much: the loss is lower and falls; the ratio is ten times lower."
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
title = "Cost of each fault, five paired seeds (grey: no clear difference)"
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
# A loss that falls proves little: each fault has its own loss, and that one is minimised. A lower loss is no better sign. Some faults cost nothing *here*: another number of classes, another temperature or another weight, and they do.
#
# ## In the loop, now
#
# Choose a fault and train 200 steps with and without it.

# %%
FAULT = "no T²"  # a name from kd_helpers.faults.FAULTS
base = lab.taught(7, lab.gap_teachers(0)["cnn-4"], schedule=replace(lab.SHORT, steps=200))
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
# **The teacher is too strong for the student.** The gap of notebook 06: teachers from weak to strong, and one student.

# %%
from kd_helpers import shipped_assistants  # noqa: E402

gap = collect(shipped_assistants.gap_arms, seeds)
teachers = collect(shipped_assistants.gap_teachers, seeds)
print(verdict_lines(accuracies(gap), baseline="cnn-4"))

# %% [markdown]
# **The student has nothing left to learn.** With all 54,000 labelled images the same small network is as good as it gets: its size is the limit, not what it is told.

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
lines = [f"- {word}, {len(titles)}: {', '.join(titles)}." for word, titles in words.items()]
display(Markdown("\n".join(lines)))

# %% [markdown]
# CLOSING
