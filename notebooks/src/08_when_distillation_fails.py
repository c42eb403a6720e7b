# %% [markdown] tags=["slide"]
# # 08 · When distillation fails
#
# **Question: a distillation runs, its loss falls, and its student beats the one without a teacher. How would you notice that the code is wrong?**
#
# This is a museum of faults found in public code; each can be switched on in the training loop of this course. After that come the ways in which correct [distillation](glossary.md#distillation) fails.
#
# Time: about 20 seconds on two processor cores. Needed: notebook 02; notebook 06 for the last part.

# %%
from dataclasses import replace

import pandas as pd
import torch
from IPython.display import Markdown

from kd_course import nb08_faults as lab
from kd_helpers import kd_loss, load_or_train
from kd_helpers.methods.terms import hard_loss

# %%
lab.exercise_progress(lab.check_ratio, lab.check_detector)

# %%
seeds = lab.SEEDS

# %% [markdown] tags=["slide"]
# ## The museum
#
# The student is a cnn-2 with 2,000 labelled images, 600 steps of 64, T = 4 and α = 0.9; its teacher is a cnn-4 that has seen 54,000 images. There are five [paired seeds](glossary.md#paired-seeds): with and without the fault, the starting weights and batches are the same.
#
# The pictures show the loss, the [gradient ratio](glossary.md#gradient-ratio) and the test accuracy. The gradient ratio says how hard the soft term pulls at the student's logits compared with the label term: the length of one gradient divided by that of the other, each with its weight.

# %%
found = {exhibit: lab.arms_of(exhibit, seeds) for exhibit in lab.EXHIBITS}  # (with, without)
costs = {}  # title → the verdict on the student with the fault
for exhibit, (wrong, right) in found.items():
    costs[exhibit.title] = lab.paired_verdict(wrong.accuracies, right.accuracies)
dear = sum(verdict.mean < -1 for verdict in costs.values())
asked = f"Of the {len(costs)} faults in the museum, how many cost more than one point?"
lab.guess_number(asked, dear, 2, answer=lab.draw_costs(costs))

# %% tags=["slide"]
museum = lab.build_museum_explorer(lab.EXHIBITS, found.get, lab.outcome)
alt = "Exhibit 1, the mean over too much: the loss is lower and falls; the ratio is much lower."
lab.display_live(museum, museum.still(alt, guess=lab.GUESSES[1], fault=True))

# %% [markdown] tags=["slide"]
# ## All of them
#
# You know from the guess above what each of them costs. Can you see it in the loss, or in the gradients? The table gives the loss at the end and the gradient ratio in the middle of the training, each with and without the fault, and what the fault's assertion says.

# %% tags=["slide"]
lab.exhibit_table(found)

# %% [markdown] tags=["slide"]
# A falling loss proves little: each fault has a loss of its own, and it is that one which is minimised. Gradients can be compared, because all of them act on the same logits.
#
# The best step on the test images "helps", and it has to: the best of twelve looks is never below the last. Nothing more was learnt. The mask on a scalar helps too: here, half the teacher's weight for all images beats its full weight for half of them. But it chose no images.
#
# A fault that costs nothing clear here is still a fault: we did not try other images, another T or another α.
#
# ## A gain proves nothing
#
# Compared with labels alone, nearly every fault looks like a success:

# %% tags=["slide"]
students = lab.accuracies(lab.collect(lab.fault_arms, seeds))
students["labels alone"] = lab.accuracies(lab.collect(lab.unequal_arms, seeds))["labels"]
lab.verdict_table(students, baseline="labels alone")

# %% [markdown]
# Several faults that cost more than a point still leave a clear gain over labels. That is why nobody looks for them.
#
# ## In the loop, now
#
# Choose a fault, and train 200 steps with and without it.

# %%
FAULT = "no T²"  # a name of lab.FAULTS
base = lab.taught(7, lab.gap_teachers(0)["cnn-4"])
base = replace(base, schedule=replace(base.schedule, steps=200))
told = {}
for fault in ("none", FAULT):
    run = load_or_train(lab.with_fault(base, fault), quiet=True)
    told[fault] = f"{run.accuracy:.2f}", f"{run.record['history']['loss'][-1]:.3f}"
pd.DataFrame(told, index=["test accuracy, %", "loss at the end"]).T

# %% [markdown]
# ## The one assertion
#
# To find a fault, what a script has at hand before its first step is enough: a batch, and the student's and the teacher's logits. Take the teacher in training mode:

# %%
for fault in ("none", "train mode"):
    setup = lab.make_setup(lab.fault_arms(0)[fault])
    alone = setup.teacher(type(setup.batch)(*(part[:1] for part in setup.batch[:4])))
    for title, logits in (("in its batch", setup.teacher_logits), ("alone", alone)):
        told = ", ".join(f"{value:.2f}" for value in logits[0, :3])
        print(f"{fault:10} first image {title}: {told}, …")

# %% [markdown] tags=["slide"]
# ## Correct distillation fails too
#
# **The teacher is too strong for the student.** This is the gap of notebook 06: one student and six teachers, the last of which is the best network. The baseline is the student of cnn-4.

# %% tags=["slide"]
gap = lab.collect(lab.gap_arms, seeds)
teachers = lab.collect(lab.gap_teachers, seeds)
lab.verdict_table(lab.accuracies(gap), baseline="cnn-4")

# %% [markdown]
# **The student is too small, and has all the data.** cnn-2 gets all 54,000 labelled images and trains for longer (notebook 02). Now its size or the length of its training limits it, and not what it is told. (The difference of the distilled student, −0.16 points, is clear over seeds only; if the luck of the test images is counted too, the interval includes zero.)

# %%
full = lab.accuracies(lab.collect(lab.full_arms, seeds))
lab.verdict_table(full, baseline="student, hard labels")

# %% [markdown] tags=["slide"]
# **[Fidelity](glossary.md#fidelity) is not accuracy.** How often does a student give its teacher's answer on the test images, and how often the right one?


# %% tags=["slide"]
def agreement(students, teachers):  # percent of the test images, mean over the seeds
    pairs = zip(students, teachers)
    same = torch.stack([s.answers() == t.answers() for s, t in pairs])  # (5, 10000)
    return f"{100 * same.double().mean():.2f}"


faithful = {name: agreement(gap[name], teachers[name]) for name in gap}
right = {name: f"{sum(run.accuracy for run in gap[name]) / 5:.2f}" for name in gap}
pd.DataFrame({"agrees with its teacher, %": faithful, "right, %": right})

# %% [markdown]
# ## Exercise 1: the gradient ratio
#
# Compute the length of the soft term's gradient with respect to the student's logits, divided by that of the hard term's, each with its weight. `torch.autograd.grad(term, student_logits)` gives a tuple with one tensor.


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
print(lab.check_ratio(my_ratio))

# %% [markdown]
# ## Exercise 2: a detector
#
# Somebody hands you a soft term: `soft(student_logits, teacher_logits, T)`. Return True if it is T²·KL(teacher ‖ student), as a mean over the batch. Your detector is tried on the right term and on six faulty ones. Which inputs tell them apart?


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
print(lab.check_detector(my_detector))

# %% [markdown] tags=["slide"]
# ## What we saw

# %% tags=["nbval-check-output"]
dear_titles = [title for title, verdict in costs.items() if verdict.mean < -1]
counts = {word: [v.word for v in costs.values()].count(word) for word in ("BETTER", "WORSE")}
heavy = [arms for exhibit, arms in found.items() if exhibit.title in dear_titles]
lower = sum(wrong.loss[-1] < right.loss[-1] for wrong, right in heavy)
middle = [[arm.middle_ratio for arm in arms] for arms in heavy]
off = sum(max(pair) > 3 * min(pair) for pair in middle)

# %% tags=["nbval-check-output", "slide"]
Markdown(f"""
- Of {len(costs)} faults, {counts["WORSE"]} are WORSE and {counts["BETTER"]} seem BETTER;
  {dear} cost more than a point, and several of these still beat labels alone.
- Of the {dear}, {lower} ended with a lower loss than the right code, while in {off} the gradient
  ratio was off by a factor of 3 or more. One assertion before the first step is cheaper than both.
- Correct code fails as well: where the teacher is too strong, where the student is too small for
  what it could be told; and the student that copies its teacher best is not the best one.
""")

# %%
lab.guess_tally()
