# %% [markdown]
# # 03 · Confident logits and the small entries
#
# **Question: a good teacher is nearly always sure. What is left of its lesson then, and can one get more out of it?**
#
# D'Amicantonio's thesis (Bologna 2021) claims that very confident logits can be used better than plain KD does, and that the *smaller* entries of a teacher's answer matter. Its abstract could be read, its formulas and numbers could not. So we take documented methods that make each claim concrete, and test them.
#
# Time: about ten seconds on two processor cores. Needed: notebook 02.

# %%
import torch
from IPython.display import Markdown, display

from kd_course.nb02_hinton import experiments as shipped
from kd_course.nb03_confidence import experiments as lab
from kd_course.nb03_confidence.checks import check_lumped, check_other_classes, check_standardise
from kd_course.nb03_confidence.explorer import build_certainty_explorer, build_lesson_explorer
from kd_helpers import load_dataset, load_or_train
from kd_helpers.experiments.labs import (
    accuracies,
    collect,
    gain_table,
    group_accuracies,
    verdict_lines,
    verdicts,
)
from kd_helpers.methods.decoupled import decoupled_parts
from kd_helpers.methods.hinton import kd_rows
from kd_helpers.methods.targets import soften
from kd_helpers.training.loop import predict
from kd_helpers.widgets.figures import (
    Figure,
    draw_arms,
    draw_distributions,
    draw_gains,
    draw_lines,
    draw_targets,
    new_figure,
)
from kd_helpers.widgets.show import display_figure, display_live

# %%
data = load_dataset("fashion-mnist")
teacher = load_or_train(shipped.TEACHER)
train, train_labels = teacher.logits("train"), data.train.labels  # (54000, 10), (54000,)
val, val_labels = predict(teacher.model(), data.val.images), data.val.labels  # (6000, 10), (6000,)

# %% [markdown]
# ## How sure is the teacher?
#
# **Guess:** on how many of its 54,000 training images is the top probability above 0.9? And on images that it was not trained on?

# %%
figure, axes = new_figure(9, 3, columns=2)
for ax, (name, logits) in zip(axes, {"training": train, "validation": val}.items()):
    largest = logits.topk(3, dim=1).values  # (N, 3)
    groups = {"largest": largest[:, 0], "second": largest[:, 1], "third": largest[:, 2]}
    groups = {place: values.numpy() for place, values in groups.items()}
    draw_distributions(ax, groups, title=f"Three largest logits, {name} images", x="logit")
display_figure(figure, "The largest logit lies far above the second and third, on both sets.")

# %%
answers = {
    "54,000 training images": (train, train_labels),
    "6,000 validation images": (val, val_labels),
}
for name, (logits, labels) in answers.items():
    top = soften(logits, 1.0).max(dim=1)  # values and classes (N,)
    wrong = (top.indices != labels).float().mean()
    sure = (top.values > 0.9).float().mean()
    print(f"{name}: {100 * sure:.1f} % above 0.9, {100 * wrong:.1f} % wrong")

# %% [markdown]
# The explorer splits the answers into right and wrong ones and softens both.
#
# **Question:** at which T do the wrong answers of the validation images look as sure as the right ones did at T = 4?

# %%
explorer = build_certainty_explorer(answers)
figure, (ax,) = new_figure(6, 2.6)
top = soften(train, 1.0).max(dim=1)  # values and classes (54000,)
right = top.indices == train_labels  # (54000,)
groups = {"right answers": top.values[right].numpy(), "wrong answers": top.values[~right].numpy()}
draw_distributions(ax, groups, title="Training images at T = 1", x="top probability", bins=20)
display_live(explorer, figure, "Histogram: right answers crowd at 1, wrong ones are spread.")

# %% [markdown]
# ## Two lessons in one
#
# Take the true class $t$ out. The teacher's answer then has two parts: how sure it is of $t$ (two numbers, $p_t$ and $1 - p_t$), and how it shares the rest among the other nine classes ($\hat p$, which sums to 1). Zhao et al. (2022) show that the KL divergence splits in the same way:
#
# $$\mathrm{KL}(p\,\|\,q) = \underbrace{\mathrm{KL}\big((p_t, 1-p_t)\,\|\,(q_t, 1-q_t)\big)}_{\text{TCKD, target class}} + (1 - p_t)\,\underbrace{\mathrm{KL}(\hat p\,\|\,\hat q)}_{\text{NCKD, other classes}}$$
#
# Here for real images: the teacher, and the student of notebook 02 that learnt from labels only.

# %%
student = load_or_train(shipped.full_arms(0)["student, hard labels"])
rows = torch.arange(6000)
z, v, y = predict(student.model(), data.train.images[rows]), train[rows], train_labels[rows]
T = 4.0
p, q = soften(v.double(), T), soften(z.double(), T)  # (6000, 10): teacher, student
own = torch.nn.functional.one_hot(y, 10).bool()  # (6000, 10)
p_t, q_t = p[own], q[own]  # (6000,)

# %% tags=["nbval-check-output"]
tckd = p_t * (p_t / q_t).log() + (1 - p_t) * ((1 - p_t) / (1 - q_t)).log()  # (6000,)
p_hat = p[~own].view(-1, 9) / (1 - p_t)[:, None]  # (6000, 9)
q_hat = q[~own].view(-1, 9) / (1 - q_t)[:, None]
nckd = (p_hat * (p_hat / q_hat).log()).sum(dim=1)  # (6000,)
kl = (p * (p / q).log()).sum(dim=1)  # (6000,)
difference = (kl - tckd - (1 - p_t) * nckd).abs().max()
print("largest difference over 6,000 images below 1e-12:", bool(difference < 1e-12))

# %% [markdown]
# The helper computes the same from log-probabilities, because $1 - q_t$ becomes exactly 0 in float32 for a very sure student:

# %% tags=["nbval-check-output"]
helper = decoupled_parts(z, v, y, temperature=T)  # TCKD, NCKD, p_t: (6000,) each
for name, mine, theirs in zip(("TCKD", "NCKD", "p_t"), (tckd, nckd, p_t), helper):
    print(name, torch.allclose(mine.float(), theirs, rtol=1e-3, atol=1e-5))
print("KL", torch.allclose(kl.float(), kd_rows(z, v, T), rtol=1e-3, atol=1e-5))

# %% [markdown]
# ## What a sure teacher mutes
#
# The second part is multiplied by $1 - p_t$. The surer the teacher, the less it says about the other classes, on just the images it knows best. A higher T turns the factor up again. How much, for images of different certainty?

# %%
certainty = soften(train, 1.0).gather(1, train_labels[:, None])[:, 0]  # (54000,): p_t at T = 1
edges = (0.0, 0.9, 0.99, 0.999, 1.1)
names = ("p_t below 0.9", "0.9 to 0.99", "0.99 to 0.999", "above 0.999")
inside = {
    name: (certainty >= low) & (certainty < high)
    for name, low, high in zip(names, edges, edges[1:])
}

# %%
heat = (1.0, 2.0, 4.0, 8.0, 16.0)
p_at = {T: soften(train, T).gather(1, train_labels[:, None])[:, 0] for T in heat}  # (54000,) each
muted = {
    f"{name} at T = 1 ({100 * chosen.float().mean():.0f} % of images)": [(1 - p_at[T][chosen]).mean() for T in heat]
    for name, chosen in inside.items()
}  # fmt: skip
figure, (ax,) = new_figure(7, 3)
lines = {name: (heat, factors) for name, factors in muted.items()}
draw_lines(
    ax,
    lines,
    title="What the other classes count in plain KD",
    x="temperature T",
    y="mean of 1 − p_t",
)
display_figure(figure, "1 − p_t rises with T; for the surest images it is near 0 up to T = 2.")

# %%
for name in data.classes:
    of_class = train_labels == data.classes.index(name)
    factors = [(1 - p_at[T][of_class]).mean() for T in (1.0, 4.0)]
    print(f"{name:12} mean 1 − p_t at T = 1: {factors[0]:.4f}, at T = 4: {factors[1]:.3f}")

# %% [markdown]
# And what is it that is muted? Per image, the two parts of the divergence between our student and the teacher at T = 4:

# %%
print("p_t at T = 1      images   TCKD  (1 − p_t)·NCKD   NCKD itself")
for name, chosen in inside.items():
    few = chosen[:6000]  # (6000,)
    parts = [tckd[few].mean(), ((1 - p_t) * nckd)[few].mean(), nckd[few].mean()]
    print(f"{name:16} {few.sum():7} {parts[0]:6.3f} {parts[1]:15.3f} {parts[2]:13.3f}")

# %% [markdown]
# ## Treatments
#
# All of these leave the loop as it is and change the soft term only; `kd_helpers.methods.objective.Lesson` names them.
#
# - **Standardised logits** (Sun et al. 2024): each row gets mean 0 and standard deviation 1, for teacher and student. Size no longer matters.
# - **Dynamic temperature** (Wen et al. 2019): each image its own T around a mean; lower where student and teacher disagree (FLSW) or where the student is unsure (CWSM).
# - **Decoupled KD** (Zhao et al. 2022): T²·(TCKD + β·NCKD), without the factor $1 - p_t$.

# %% [markdown]
# - **Weighted soft labels** (Zhou et al. 2021): image weight $1 - \exp(-\mathrm{CE}_{student} / \mathrm{CE}_{teacher})$.
# - **Gates**: teach only answers surer, or less sure, than a threshold.
# - **Top k**: keep the k largest entries and the true class; the rest goes into one bin, or is dropped. **All but the top k**: the small entries alone. **Random**: drop entries by chance.
# - **Controls without a teacher**: smoothed labels, and the *virtual teacher* of Tf-KD (Yuan et al. 2020), which gives the true class a fixed probability and softens that with T.

# %% [markdown]
# **Try it** on 300 validation images. The orange bar is the true class.

# %%
few = torch.arange(300)
z_val = predict(student.model(), data.val.images[few])  # (300, 10)
surest = soften(val[few], 1.0).max(dim=1).values.argmax()
row = val[few][surest]  # (10,)
pair = {
    "before: T = 4": soften(row, 4.0),
    "after: standardised logits": soften((row - row.mean()) / row.std(), 4.0),
}
pair = {title: target.numpy() for title, target in pair.items()}

# %%
picture = data.val.images[surest].numpy()  # (1, 28, 28)
explorer = build_lesson_explorer(
    data.val.images[few].numpy(), z_val, val[few], val_labels[few], data.classes
)
figure = draw_targets(
    Figure(figsize=(9, 3.2)), pair, data.classes, int(val_labels[surest]), picture
)
display_live(
    explorer, figure, "The surest image: its target at T = 4, and with standardised logits."
)

# %% [markdown]
# ## The laboratory
#
# Student: cnn-2, 2,000 labelled images, 600 steps of 64 images; five seeds; for each seed all arms have the same images, starting weights and batches. Loss: 0.1·CE + 0.9·soft term. Each treatment's setting (mostly T) was the best of four on validation images with other seeds; `data/README.md` lists all that were tried. The soft term of standardised logits counts nine times, as its authors have it; β = 8 is its paper's own value, with equal weights of CE and soft term.
#
# **Guess:** which treatment beats plain KD? Which arm falls below the labels?

# %% tags=["nbval-check-output"]
runs = collect(lab.treatment_arms, shipped.SEEDS)
scores = accuracies(runs)
print(verdict_lines(scores, baseline="hard labels"))

# %%
figure, (ax,) = new_figure(8, 5.6)
draw_arms(ax, scores, title="cnn-2, 2,000 labelled images, five seeds an arm; the bar is the mean")
display_figure(figure, "Test accuracy of every seed of every arm; the numbers are above.")

# %% [markdown]
# Better than labels is one thing. Better than *plain KD* is what the claim says:

# %% tags=["nbval-check-output"]
taught = {name: values for name, values in scores.items() if runs[name][0].recipe.teacher}
print(verdict_lines(taught, baseline="KD"))

# %% [markdown]
# The gates also say where the lesson sits. An image behind a closed gate keeps 0.1·CE only. Taught by the sure answers alone, a student keeps most of KD's gain; taught by the unsure ones alone, it does worse than on its labels. So a confident answer is not an empty one.
#
# ## On which images?
#
# The test images, sorted by how sure the *teacher* is of them. The figure shows the gain over hard labels, in points; a star marks a 95 % interval without 0. With so many cells, about one in twenty gets a star by chance.

# %%
test, test_labels = teacher.logits("test"), data.test.labels  # (10000, 10), (10000,)
top = soften(test, 1.0).max(dim=1).values  # (10000,)
bounds = ((0.0, 0.6), (0.6, 0.9), (0.9, 0.99), (0.99, 0.999), (0.999, 1.1))
groups = {}
for low, high in bounds:
    chosen = (top >= low) & (top < high)
    groups[f"{low:g} to {min(high, 1):g}\n{int(chosen.sum())} images"] = chosen

# %%
by_group = group_accuracies(runs, test_labels, groups)
gains, words = gain_table(by_group, baseline="hard labels")
figure, (ax,) = new_figure(8.5, 4.6)
title = "Gain over hard labels by the teacher's top probability"
draw_gains(
    ax,
    gains,
    words,
    list(runs)[1:],
    list(groups),
    title=title,
    x="teacher's top probability at T = 1",
)
display_figure(figure, "Heat map of gains: arms by the teacher's certainty of the test image.")

# %% [markdown]
# ## At which temperature?
#
# A confident answer can also be opened with T alone. Do treatments shift the best T, or lift the curve?

# %%
grid = accuracies(collect(lab.temperature_arms, shipped.SEEDS))  # (treatment, T) → five accuracies
mean = {key: sum(values) / len(values) for key, values in grid.items()}
lines = {
    name: (lab.TEMPERATURES, [mean[name, T] for T in lab.TEMPERATURES])
    for name in dict.fromkeys(name for name, _ in grid)
}
figure, (ax,) = new_figure(7, 3.2)
draw_lines(ax, lines, title="Mean of five seeds", x="temperature T", y="test accuracy, %")
display_figure(figure, "Accuracy against T for KD, standardised logits and decoupled KD.")

# %% tags=["nbval-check-output"]
for T in lab.TEMPERATURES:
    at_T = {name: grid[name, T] for name in lines}
    for name, verdict in verdicts(at_T, baseline="KD").items():
        print(f"T = {T:g}, {name} against KD: {verdict}")

# %% [markdown]
# ## The small entries
#
# Now the entries one by one, at T = 4. **Guess:** the teacher's top answer and the true class, the rest lumped: how much of the gain of KD is left? And what do all entries *but* the top three teach?

# %%
entries = accuracies(collect(lab.entry_arms, shipped.SEEDS))  # (kind, k) → five accuracies
means = {key: sum(values) / len(values) for key, values in entries.items()}
lines = {
    kind: zip(*[(k, value) for (other, k), value in means.items() if other == kind])
    for kind in dict.fromkeys(kind for kind, _ in entries)
}

# %%
figure, (ax,) = new_figure(7.5, 3.6)
names = {
    "title": "Mean of five seeds; T = 4",
    "x": "k, entries kept beside the true class, or left out",
}
draw_lines(ax, lines, **names, y="test accuracy, %")
for name in ("KD", "hard labels"):
    level = sum(scores[name]) / len(scores[name])
    ax.axhline(level, color="#222222", linewidth=1, linestyle=":")
    ax.text(5.1, level, "all entries (KD)" if name == "KD" else name, va="center", fontsize=9)
display_figure(figure, "Accuracy against the number of entries kept or left out.")

# %% tags=["nbval-check-output"]
named = {f"{kind}, k = {k}": values for (kind, k), values in entries.items()}
print(verdict_lines({"all entries (KD)": scores["KD"]} | named, baseline="all entries (KD)"))

# %% [markdown]
# Read both ends. If the small entries were noise, "rest in one bin" would be as good as KD. If they were all that matters, "all but the top" would be. How much probability is in them at T = 4?

# %%
ranked = soften(train, 4.0).sort(dim=1, descending=True).values.mean(dim=0)  # (10,)
print("mean probability by rank at T = 4:", " ".join(f"{share:.3f}" for share in ranked))

# %% [markdown]
# ## Exercise 1: standardise
#
# Give each row of logits mean 0 and standard deviation 1. Mind the dimension.


# %% tags=["exercise"]
def my_standardise(logits):  # (B, K) → (B, K)
    # solution
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / logits.std(dim=1, keepdim=True)
    # end solution
    # stub: return ...  # your code here


# %%
print(check_standardise(my_standardise))

# %% [markdown]
# ## Exercise 2: the other classes
#
# The teacher's distribution over the nine classes that are *not* the label, at temperature T: leave the true class out, then softmax.


# %% tags=["exercise"]
def my_other_classes(logits, labels, temperature):  # (B, K), (B,), T → (B, K − 1)
    # solution
    own = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    others = logits[~own].view(len(logits), -1)
    return torch.softmax(others / temperature, dim=1)
    # end solution
    # stub: return ...  # your code here


# %%
print(check_other_classes(my_other_classes))

# %% [markdown]
# ## Exercise 3: one bin for the rest
#
# From probabilities, keep the k largest of each row in falling order, and add one last entry: the sum of all others.


# %% tags=["exercise"]
def my_lumped(probabilities, count):  # (B, K), k → (B, k + 1)
    # solution
    top = probabilities.topk(count, dim=1).values
    return torch.cat([top, 1 - top.sum(dim=1, keepdim=True)], dim=1)
    # end solution
    # stub: return ...  # your code here


# %%
print(check_lumped(my_lumped))

# %% [markdown]
# ## What the thesis says, what our lab shows, why they may differ

# %% tags=["nbval-check-output"]
against = verdicts(taught, baseline="KD")
better = [name for name, verdict in against.items() if verdict.word == "BETTER"]
top_three = verdicts({"KD": scores["KD"], "top": entries["rest in one bin", 3]}, baseline="KD")[
    "top"
]
alone = {"labels": scores["hard labels"], "small": entries["all but the top", 3]}
small_alone = verdicts(alone, baseline="labels")["small"]
at_one = {name: grid[name, 1.0] for name in ("KD", "standardised logits", "decoupled, β = 1")}
opened = verdicts(at_one, baseline="KD")
best = verdicts({"labels": scores["hard labels"], "KD": scores["KD"]}, baseline="labels")["KD"]

# %% tags=["nbval-check-output"]
display(
    Markdown(f"""
**Claim 1: very confident logits can be used better.** Of {len(against)} treatments, each at its own setting, {len(better) or "none"} beats plain KD at T = 4; plain KD against hard labels: {best}. At T = 1, where confident answers are almost labels, treatments do help: standardised logits {opened["standardised logits"]}; decoupled {opened["decoupled, β = 1"]}. Raising T does the same.

**Claim 2: the smaller entries matter.** Supported, with a limit. Without the entries below the top three (their sum is kept): {top_three}. But they do not teach alone. All but the top three, against hard labels: {small_alone}.
""")
)

# %% [markdown]
# The thesis names ResNets; on which data we do not know, and its formulas are unread. The papers of these treatments work with 100 or 1,000 classes, where nearly all of an answer is "other classes", and train for hundreds of epochs; their weights and temperatures were tuned for each pair of networks. Here there are ten classes and 600 steps, and plain KD had the same four settings to choose from. Decoupled KD with its paper's β = 8 is clearly worse than plain KD here: a weight tuned for 100 classes does not carry over.
#
# What carries over is the reasoning: look at $1 - p_t$ first. If T = 4 has opened the answers already, there is little left to decouple.
