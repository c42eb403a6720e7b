# %% [markdown]
# # 04 · Correcting the teacher
#
# **Question: where the teacher is wrong, the student learns the mistake. Does it help to correct it?**
#
# This is the third claim of D'Amicantonio's thesis (Bologna 2021): correcting the teacher's mistaken predictions matters. How it corrects them could not be read; we test documented ways. But first we count: what is there to correct?
#
# Time: about ten seconds on two processor cores. Needed: notebooks 02 and 03.

# %%
import torch
from IPython.display import Markdown, display

from kd_course.nb02_hinton import experiments as shipped
from kd_course.nb03_confidence.checks import check_mistakes, check_swap, check_trust
from kd_course.nb03_confidence.experiments import small_student
from kd_course.nb04_mistakes import experiments as lab
from kd_course.nb04_mistakes.explorer import build_mistake_explorer, mistaken_rows
from kd_helpers import load_dataset, load_or_train
from kd_helpers.data.transfer_set import select
from kd_helpers.experiments.labs import (
    accuracies,
    collect,
    gain_table,
    group_accuracies,
    verdict_lines,
    verdicts,
)
from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_mistakes import mistaken, swap_mistakes
from kd_helpers.training.loop import predict
from kd_helpers.widgets.figures import (
    Figure,
    draw_distributions,
    draw_gains,
    draw_images,
    draw_matrix,
    draw_targets,
    new_figure,
)
from kd_helpers.widgets.show import display_figure, display_live

# %% [markdown]
# ## Six teachers
#
# One is the ResNet-20 of the course, trained on all 54,000 labels. The other five are smaller (cnn-4) and badly taught: one saw 600 labels; four saw 12,000 labels of which a part is wrong. *Random* labels: any other class, all equally likely. *Pair* labels: always the next class of the list, so the errors have a system.

# %%
data = load_dataset("fashion-mnist")
teachers = {name: load_or_train(recipe) for name, recipe in lab.TEACHERS.items()}
test_labels = data.test.labels  # (10000,)

# %% [markdown]
# ## Count first
#
# The students of this notebook learn from 2,000 images with correct labels, drawn anew for each seed.
#
# **Guess:** how many of 2,000 images does each teacher get wrong? Half of 12,000 labels were random: is half of what this teacher says wrong?

# %%
chosen = [select(data.train, small_student(seed).transfer, seed)[1] for seed in shipped.SEEDS]
rows = torch.cat(chosen)  # (10000,): 2,000 a seed
labels = data.train.labels[rows]  # (10000,)
images = data.train.images[rows]  # (10000, 1, 28, 28)
answers = {"well fitted": teachers["well fitted"].logits("train")[rows]}
answers |= {name: predict(teachers[name].model(), images) for name in list(teachers)[1:]}

# %% tags=["nbval-check-output"]
wrong = {
    name: mistaken(logits, labels).view(5, 2000).sum(dim=1) for name, logits in answers.items()
}
for name, counts in wrong.items():
    per_seed = ", ".join(str(int(count)) for count in counts)
    print(
        f"{name:20} wrong on {counts.float().mean():5.0f} of 2,000 ({per_seed}); on test images {100 - teachers[name].accuracy:.1f} %"
    )

# %% [markdown]
# The course's teacher was trained on these very images, so it has few of them wrong. And random wrong labels cancel out: the right class is still the most frequent one. Wrong labels with a system do not cancel.
#
# ## How sure are they of their mistakes?

# %%
shown = ("well fitted", "50 % random labels", "40 % pair labels")
groups = {
    name: soften(answers[name], 1.0).max(dim=1).values[mistaken(answers[name], labels)].numpy()
    for name in shown
}
figure, (ax,) = new_figure(7, 2.8)
draw_distributions(ax, groups, title="Mistaken answers only", x="top probability at T = 1", bins=20)
display_figure(figure, "Top probability of mistaken answers, for three teachers.")

# %%
next_class = (labels + 1) % 10
for name, logits in answers.items():
    errors = mistaken(logits, labels)
    share = (logits.argmax(dim=1) == next_class)[errors].float().mean()
    second = (logits.topk(2, dim=1).indices[:, 1] == labels)[errors].float().mean()
    print(
        f"{name:20} of its mistakes, {100 * share:4.1f} % name the next class; in {100 * second:4.1f} % the label comes second"
    )

# %% [markdown]
# ## Swap: the smallest correction
#
# Exchange two entries: that of the (wrong) answer and that of the true class. Nothing else changes, nor do the images that are right. Wen et al. (2019) do this with probabilities and call it *probability shift*; swapped logit distillation (Limantoro et al. 2025) does it with logits.


# %%
def swap_by_hand(values, labels):  # (B, K), (B,) → (B, K)
    swapped = values.clone()
    for row, label in zip(swapped, labels.tolist()):
        answer = row.argmax().item()
        row[[answer, label]] = row[[label, answer]]
    return swapped


# %% tags=["nbval-check-output"]
v = answers["40 % pair labels"][:2000]  # (2000, 10)
y = labels[:2000]  # (2000,)
print("same as the helper:", torch.equal(swap_by_hand(v, y), swap_mistakes(v, y)))
for T in (1.0, 4.0):
    of_logits, of_probabilities = soften(swap_by_hand(v, y), T), swap_by_hand(soften(v, T), y)
    print(
        f"T = {T:g}: swapped logits, then softmax = softmax, then swapped:",
        torch.allclose(of_logits, of_probabilities),
    )

# %% [markdown]
# Softmax does not care about the order of the classes, so at one temperature both are the same operation.
#
# ## Corrections
#
# - **Swap** keeps what the teacher says about all other classes, and how sure it is.
# - **Replace** puts a smoothed label (ε = 0.1) in the place of the soft target (Wen et al. 2019). *Replace, soften* puts it there before the softmax with T, so that it is softened like all other answers (this arm was added after the others had been seen).
# - **Mask** leaves the image out of the soft term; 0.1·CE stays.
# - **Trust** weights every image by the teacher's probability of the label, exp(−CE).

# %% [markdown]
# One more arm corrects nothing and needs no look at the mistakes: **half trusted**, α = 0.5 for all images.

# %%
few = slice(0, 600)
shown = {name: logits[few] for name, logits in answers.items()}  # (600, 10) each
explorer = build_mistake_explorer(images[few].numpy(), shown, labels[few], data.classes)

# %%
first = mistaken_rows(shown["well fitted"], labels[few], "surest mistakes first")[:1]
z, label = shown["well fitted"][first], labels[first]  # (1, 10), (1,)
pair = {"uncorrected, T = 4": z, "swap": swap_mistakes(z, label)}
pair = {title: soften(logits, 4.0)[0].numpy() for title, logits in pair.items()}
figure = draw_targets(
    Figure(figsize=(9, 3.2)), pair, data.classes, int(label), images[first[0]].numpy()
)
display_live(
    explorer, figure, "A mistake of the course's teacher: its target before and after the swap."
)

# %% [markdown]
# ## Is the label right?
#
# Corrections believe the label. Here are the eight surest mistakes of the course's teacher among these 10,000 images, with label and answer. **Whom do you believe?**

# %%
worst = mistaken_rows(answers["well fitted"], labels, "surest mistakes first").tolist()
worst = list(dict.fromkeys(rows[worst].tolist()))[:8]  # two seeds may have drawn the same image
said = teachers["well fitted"].logits("train")[worst].argmax(dim=1)
pairs = [(data.classes[data.train.labels[row]], data.classes[k]) for row, k in zip(worst, said)]

# %%
titles = [f"{label}?\n{answer}?" for label, answer in pairs]
figure = draw_images(Figure(figsize=(9, 1.8)), data.train.images[worst].numpy(), titles, columns=8)
display_figure(figure, f"Eight images, each with label and answer: {pairs}")

# %% [markdown]
# ## The laboratory
#
# Student: cnn-2, 2,000 images with *correct* labels, 600 steps, T = 4, α = 0.9, five seeds. Six teachers, seven ways each. **Guess:** for which teacher does a correction help most? Is a corrected bad teacher better than no teacher?

# %% tags=["nbval-check-output"]
runs = collect(lab.correction_arms, shipped.SEEDS)  # (teacher, way) → five runs
scores = accuracies(runs)
hard = scores["no teacher", "hard labels"]
for teacher in teachers:
    of_teacher = {way: values for (name, way), values in scores.items() if name == teacher}
    print(f"--- teacher: {teacher}")
    print(verdict_lines(of_teacher, baseline="uncorrected"))

# %%
ways = [*lab.CORRECTIONS, lab.HALF]
names = list(teachers)
by_way = {way: {name: scores[name, way] for name in names} for way in ways}
gains, words = gain_table(by_way, baseline="uncorrected")
figure, (ax,) = new_figure(9, 3.2)
title = "Gain over the uncorrected teacher (a star: the 95 % interval leaves out 0)"
draw_gains(ax, gains, words, ways[1:], names, title=title)
display_figure(figure, "Heat map of gains over uncorrected KD: corrections by teachers.")

# %% [markdown]
# Two things to explain. **Replace** does more harm than the mistakes: at T = 4 the other targets are soft, and a smoothed label among them asks for a gap between logits that no other image asks for. How large a gap?

# %% tags=["nbval-check-output"]
T, epsilon = 4.0, 0.1
asked = T * torch.log(torch.tensor((1 - epsilon + epsilon / 10) / (epsilon / 10)))
top_two = answers["20 % random labels"].topk(2, dim=1).values  # (10000, 2)
given = (top_two[:, 0] - top_two[:, 1]).median()
print(
    f"a smoothed label at T = 4 asks for a gap of {asked:.1f}; this teacher's median gap is {given:.1f}"
)

# %% [markdown]
# And **half trusted**, which looks at no mistake at all, gains as much as the best correction, or more, for the four worst teachers.
#
# Against the labels alone, the same student without any teacher:

# %%
alone = {"hard labels": {name: hard for name in names}}
gains, words = gain_table(alone | by_way, baseline="hard labels")
figure, (ax,) = new_figure(9, 3.4)
title = "Gain over hard labels (a star: the 95 % interval leaves out 0)"
draw_gains(ax, gains, words, ways, names, title=title)
display_figure(figure, "Heat map of gains over hard labels: ways by teachers.")

# %% [markdown]
# ## On the images that the teacher had wrong
#
# Test images, so nobody corrected anything on them: what counts is what the student learnt from other images. On the left the images that the teacher has wrong, on the right those that it has right.

# %%
parts = {}
for name in names:
    missed = teachers[name].logits("test").argmax(dim=1) != test_labels  # (10000,)
    of_teacher = {way: runs[name, way] for way in ways}
    parts[name] = group_accuracies(of_teacher, test_labels, {"wrong": missed, "right": ~missed})

# %%
figure, axes = new_figure(13, 3.4, columns=2)
for ax, part in zip(axes, ("wrong", "right")):
    of_part = {way: {name: parts[name][way][part] for name in names} for way in ways}
    gains, words = gain_table(of_part, baseline="uncorrected")
    draw_gains(ax, gains, words, ways[1:], names, title=f"Gain over uncorrected, teacher {part}")
display_figure(figure, "Two heat maps: gains where the teacher is wrong, and where it is right.")

# %% [markdown]
# Does a student repeat its teacher's mistakes? Of the test images that the teacher has wrong, the share on which the student gives the *same* wrong answer:


# %%
def repeated(arm, said, missed):  # five runs, (10000,), (10000,) → share of the mistakes
    return sum((run.answers() == said)[missed].float().mean() for run in arm) / len(arm)


print(f"{'teacher':20}" + "".join(f"{way:>17}" for way in ["hard labels", *ways]))
for name in names:
    said = teachers[name].logits("test").argmax(dim=1)  # (10000,)
    arms = [runs["no teacher", "hard labels"], *(runs[name, way] for way in ways)]
    shares = [repeated(arm, said, said != test_labels) for arm in arms]
    print(f"{name:20}" + "".join(f"{100 * share:15.1f} %" for share in shares))

# %% [markdown]
# ## Calibration
#
# Expected calibration error in points: how far certainty and share of right answers lie apart. Smaller is better.

# %%
error = {
    key: [100 * run.record["test"]["calibration_error"] for run in of_arm]
    for key, of_arm in runs.items()
}
matrix = torch.tensor([[sum(error[name, way]) / 5 for name in names] for way in ways])  # (7, 6)
figure, (ax,) = new_figure(9, 3)
draw_matrix(
    ax,
    matrix.numpy(),
    ways,
    names,
    fmt=".1f",
    title="Calibration error, mean of five seeds",
    unit="points",
)
ax.tick_params(axis="x", rotation=15)
print(f"hard labels: {sum(error['no teacher', 'hard labels']) / 5:.1f} points")
display_figure(figure, "Heat map of calibration errors: ways by teachers.")

# %% [markdown]
# ## When correcting cannot matter
#
# The course's teacher is the usual case of the papers: trained to the end, on the very images that it then teaches.

# %% tags=["nbval-check-output"]
count = wrong["well fitted"].float().mean().item()
print(f"mistakes among the transfer images: {count:.0f} of 2,000, {count / 20:.1f} %")
of_teacher = {way: scores["well fitted", way] for way in lab.CORRECTIONS}
for way, verdict in verdicts(of_teacher, baseline="uncorrected").items():
    print(f"{way}: {verdict}")

# %% [markdown]
# Swap, replace and mask touch these images only, and on them the label still has its own term. For swap and mask that is too little to see. To see an effect, look at a teacher that has something to correct: held-out images, few labels, wrong labels.
#
# ## Whose labels?
#
# So far the student's labels were correct. In practice they come from where the teacher's came from. Now half of the *student's* labels are random too, and the corrections believe them:

# %% tags=["nbval-check-output"]
noisy = accuracies(collect(lab.noisy_label_arms, shipped.SEEDS))
print(verdict_lines(noisy, baseline="uncorrected"))

# %%
split, taken = select(data.train, lab.noisy_label_arms(0)["swap"].transfer, 0)
given, true = split.labels[taken], data.train.labels[taken]  # (2000,) each
said = answers["50 % random labels"][:2000].argmax(dim=1)
touched = said != given
print(
    f"the correction changes {touched.sum()} of 2,000 answers; {(said == true)[touched].sum()} of them were right"
)

# %% [markdown]
# ## Exercise 1: which answers are mistakes?
#
# A label of -100 is hidden: nobody knows, so it is no mistake.


# %% tags=["exercise"]
def my_mistakes(logits, labels):  # (B, K), (B,) → (B,) bool
    # solution
    return (logits.argmax(dim=1) != labels) & (labels != -100)
    # end solution
    # stub: return ...  # your code here


# %%
print(check_mistakes(my_mistakes))

# %% [markdown]
# ## Exercise 2: swap, without a loop
#
# Exchange the largest entry and that of the label, for all rows at once. `gather` reads entries by their number, `scatter` writes them.


# %% tags=["exercise"]
def my_swap(logits, labels):  # (B, K), (B,) → (B, K)
    # solution
    answer = logits.argmax(dim=1, keepdim=True)
    label = labels[:, None]
    swapped = logits.scatter(1, label, logits.gather(1, answer))
    return swapped.scatter(1, answer, logits.gather(1, label))
    # end solution
    # stub: return ...  # your code here


# %%
print(check_swap(my_swap))

# %% [markdown]
# ## Exercise 3: how far to trust it
#
# The weight exp(−CE) of each image, with CE the teacher's cross-entropy with the label at T = 1.


# %% tags=["exercise"]
def my_trust(logits, labels):  # (B, K), (B,) → (B,)
    # solution
    return torch.softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]
    # end solution
    # stub: return ...  # your code here


# %%
print(check_trust(my_trust))

# %% [markdown]
# ## What the thesis says, what our lab shows, why they may differ


# %% tags=["nbval-check-output"]
def against(teacher, way, baseline):
    pair = {"baseline": baseline, way: scores[teacher, way]}
    return verdicts(pair, baseline="baseline")[way]


swaps = {name: against(name, "swap", scores[name, "uncorrected"]) for name in names}
helped = [name for name, verdict in swaps.items() if verdict.word == "BETTER"]
worst = "40 % pair labels"

# %% tags=["nbval-check-output"]
display(
    Markdown(f"""
**Claim 3: correcting the teacher's mistaken predictions matters.** It depends on the teacher.

- Well fitted, {count:.0f} mistakes in 2,000: swap {swaps["well fitted"]}.
- Swap beats no correction for {len(helped)} of {len(names)} teachers: {", ".join(helped)}. With 40 % pair labels: {swaps[worst]}; mask: {against(worst, "mask", scores[worst, "uncorrected"])}.
- But a corrected bad teacher is not a good one. Swapped, against hard labels: {against(worst, "swap", hard)}. And less trust for all images, without looking at mistakes, gains more: {against(worst, lab.HALF, scores[worst, "uncorrected"])}.
- If the student's labels are as bad as the teacher's were, swap against no correction: {verdicts(noisy, baseline="uncorrected")["swap"]}.
""")
)

# %% [markdown]
# Why may the thesis differ? We do not know its formula, its data, or how wrong its teachers were. A correction needs labels that are better than the teacher; where they are, the hard term uses them already, and where the teacher's errors are random, its soft answers are worth more than a corrected label. Each kind of teacher was trained once here; the five seeds are those of the students.
