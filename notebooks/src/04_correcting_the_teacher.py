# %% [markdown] tags=["slide"]
# # 04 · Correcting the teacher
#
# **Question: where the teacher is wrong, the student learns the mistake. Does it help to correct it?**
#
# This is the third claim of D'Amicantonio's thesis (Bologna 2021): correcting the teacher's mistaken predictions matters. We could not read how it corrects them, so we test published ways. But first we count: how much is there to correct?
#
# Time: about ten seconds on two processor cores. Needed: notebooks 02 and 03.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

from kd_course import nb04_mistakes as lab
from kd_helpers import load_dataset, load_or_train
from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_mistakes import mistaken, swap_mistakes
from kd_helpers.training.loop import predict

# %%
lab.exercise_progress(lab.check_mistakes, lab.check_swap, lab.check_trust)

# %% [markdown] tags=["slide"]
# ## Six teachers
#
# One is the ResNet-20 of the course, trained on all 54,000 labels. The other five are smaller (cnn-4) and badly taught: one saw only 600 labels; four saw 12,000, some of them wrong. A *random* label is any other class, all equally likely. A *pair* label is always the next class of the list, so these errors follow a pattern.

# %%
data = load_dataset("fashion-mnist")
teachers = {name: load_or_train(recipe) for name, recipe in lab.TEACHERS.items()}
test_labels = data.test.labels  # (10000,)

# %% [markdown] tags=["slide"]
# ## Count first
#
# The students of this notebook learn from 2,000 images with correct labels, drawn anew for each seed. How many of them does each teacher get wrong?

# %%
transfer = lab.small_student(0).transfer  # 2,000 images
chosen = [lab.select(data.train, transfer, seed)[1] for seed in lab.SEEDS]
rows = torch.cat(chosen)  # (10000,): 2,000 a seed
labels = data.train.labels[rows]  # (10000,)
images = data.train.images[rows]  # (10000, 1, 28, 28)
answers = {"well fitted": teachers["well fitted"].logits("train")[rows]}
answers |= {name: predict(teachers[name].model(), images) for name in list(teachers)[1:]}

# %%
errors = {name: mistaken(logits, labels) for name, logits in answers.items()}  # (10000,) each
wrong = {name: missed.view(5, 2000).sum(dim=1) for name, missed in errors.items()}  # (5,) each
table = pd.DataFrame(wrong, index=[f"seed {seed}" for seed in lab.SEEDS]).T
table["mean"] = table.mean(axis=1).round().astype(int)
table["of test images, %"] = [round(100 - run.accuracy, 1) for run in teachers.values()]
table = table.rename_axis("wrong of 2,000")

# %% tags=["slide"]
missed = table.loc["50 % random labels", "mean"].item()
asked = "Half of one teacher's 12,000 labels were random. How many of 2,000 images has it wrong?"
lab.guess_number(asked, missed, 100, answer=table)

# %% [markdown]
# The course's teacher was trained on these very images, so it gets few of them wrong. And random errors in labels cancel out, since the right class is still the most frequent one. Errors that follow a pattern do not.
#
# ## How sure are they of their mistakes?

# %%
shown = ("well fitted", "50 % random labels", "40 % pair labels")
top = {name: soften(answers[name], 1.0).max(dim=1).values for name in shown}  # (10000,) each
lab.display_figure(lab.draw_mistakes({name: top[name][errors[name]] for name in shown}))

# %%
next_class = (labels + 1) % 10
shares = {}
for name, logits in answers.items():
    top_two = logits.topk(2, dim=1).indices[errors[name]]  # (mistakes, 2)
    is_next = (top_two[:, 0] == next_class[errors[name]]).float().mean().item()
    second = (top_two[:, 1] == labels[errors[name]]).float().mean().item()
    shares[name] = {"name the next class, %": 100 * is_next, "label comes second, %": 100 * second}
pd.DataFrame(shares).T.round(1).rename_axis("of its mistakes")

# %% [markdown] tags=["slide"]
# ## Swap: the smallest correction
#
# The [swap](glossary.md#swap) exchanges two entries: that of the teacher's wrong answer and that of the true class. Nothing else changes, and images that it gets right are left alone. Wen et al. (2019) do this with probabilities and call it *probability shift*; swapped logit distillation (Limantoro et al. 2025) does it with logits.


# %% tags=["slide"]
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
    same = torch.allclose(of_logits, of_probabilities)
    print(f"T = {T:g}: swapped logits, then softmax = softmax, then swapped: {same}")

# %% [markdown] tags=["slide"]
# Softmax treats all classes alike, whatever their order, so at a given temperature both are the same operation.
#
# ## Corrections
#
# - **Swap** (*probability shift*) keeps what the teacher says about all other classes, and how sure it is.
# - **[Replace](glossary.md#replace)** puts a smoothed label (ε = 0.1) in the place of the soft target; Wen et al. (2019) call this and the swap *knowledge adjustment*. *Replace, soften* puts it there before the softmax with T, so that it is softened like all other answers (this arm was added after the others had been seen).
# - **[Mask](glossary.md#mask)** leaves the image out of the soft term; its 0.1·CE stays.
# - **Trust** weights every image by the teacher's probability of the label, exp(−CE).

# %% [markdown]
# One more arm corrects nothing, and need not know where the mistakes are: **half trusted**, α = 0.5 for all images.

# %%
few = slice(0, 600)
shown = {name: logits[few] for name, logits in answers.items()}  # (600, 10) each
explorer = lab.build_mistake_explorer(images[few].numpy(), shown, labels[few], data.classes)
alt = "A mistake of the course's teacher: its target, swapped, and replaced."
lab.display_live(explorer, explorer.still(alt))

# %% [markdown] tags=["slide"]
# ## Is the label right?
#
# A correction trusts the label. Here are the eight mistakes of the course's teacher among these 10,000 images of which it is surest, each with its label and the teacher's answer. **Whom do you believe?** Decide image by image before you read on; nobody has checked these labels, so there is no list of right answers.

# %%
worst = lab.mistaken_rows(answers["well fitted"], labels, "surest mistakes first").tolist()
worst = list(dict.fromkeys(rows[worst].tolist()))[:8]  # two seeds may have drawn the same image
said = teachers["well fitted"].logits("train")[worst].argmax(dim=1)
pairs = [(data.classes[data.train.labels[row]], data.classes[k]) for row, k in zip(worst, said)]

# %% tags=["slide"]
lab.display_figure(lab.draw_doubtful(data.train.images[worst].numpy(), pairs))

# %% [markdown] tags=["slide"]
# ## The laboratory
#
# The student is a cnn-2 with 2,000 *correctly* labelled images, 600 steps, T = 4, α = 0.9 and five seeds. There are six teachers, and seven ways to use each.

# %% tags=["nbval-check-output"]
runs = lab.collect(lab.correction_arms, lab.SEEDS)  # (teacher, way) → five runs
scores = lab.accuracies(runs)
hard = scores["no teacher", "hard labels"]
names, ways = list(teachers), [*lab.CORRECTIONS, lab.HALF]
by_teacher = {name: {way: scores[name, way] for way in ways} for name in names}
by_way = {way: {name: scores[name, way] for name in names} for way in ways}

# %% tags=["nbval-check-output", "slide"]
gains = {name: lab.verdicts(arms, "uncorrected") for name, arms in by_teacher.items()}
most = max(names, key=lambda name: max(found.mean for found in gains[name].values()))
shown = lab.verdict_tables(by_teacher, baseline="uncorrected")
shown = lab.draw_gains_over("uncorrected", by_way), shown
lab.guess_one("For which teacher does a correction help most?", names, most, shown)

# %% [markdown]
# Two things need explaining. First, **replace** does more harm than the mistakes: at T = 4 the other targets are soft, and a smoothed label among them asks for a gap between logits that no other image asks for. How large a gap?

# %% tags=["nbval-check-output"]
T, epsilon = 4.0, 0.1
asked = T * torch.log(torch.tensor((1 - epsilon + epsilon / 10) / (epsilon / 10)))
top_two = answers["20 % random labels"].topk(2, dim=1).values  # (10000, 2)
given = (top_two[:, 0] - top_two[:, 1]).median()
print(f"a smoothed label at T = 4 asks for a gap of {asked:.1f};", end=" ")
print(f"this teacher's median gap is {given:.1f}")

# %% [markdown]
# Second, **half trusted**, which looks at no mistake at all, gains as much as the best correction, or more, for the four worst teachers.
#
# How do they all compare with the labels alone, the same student without any teacher?

# %%
alone = {"hard labels": {name: hard for name in names}}
best = [max(arms.values(), key=sum) for arms in by_teacher.values()]  # five accuracies each
count = sum(lab.paired_verdict(arm, hard).word == "BETTER" for arm in best)
asked = "With its best correction, how many of the six teachers are clearly better than none?"
shown = lab.draw_gains_over("hard labels", alone | by_way)
lab.guess_number(asked, count, 0, answer=shown)

# %% [markdown] tags=["slide"]
# ## On the images that the teacher had wrong
#
# These are test images, so nobody corrected anything on them; what counts is what the student learnt from other images. On the left are those that the teacher gets wrong, on the right those that it gets right.

# %%
said = {name: run.logits("test").argmax(dim=1) for name, run in teachers.items()}  # (10000,) each
missed = {name: answer != test_labels for name, answer in said.items()}
found = {}
for name in names:
    groups = {"wrong": missed[name], "right": ~missed[name]}
    of_teacher = {way: runs[name, way] for way in ways}
    found[name] = lab.group_accuracies(of_teacher, test_labels, groups)

# %% tags=["slide"]
parts = {
    part: {way: {name: found[name][way][part] for name in names} for way in ways}
    for part in ("wrong", "right")
}
lab.display_figure(lab.draw_gains_where(parts))

# %% [markdown]
# Does a student repeat its teacher's mistakes? The table shows on what share of the test images that the teacher gets wrong the student gives the *same* wrong answer:


# %%
def repeated(arm, said, missed):  # five runs, (10000,), (10000,) → share of the mistakes
    return sum((run.answers() == said)[missed].float().mean() for run in arm) / len(arm)


shares = {}
for name in names:
    arms = {"hard labels": runs["no teacher", "hard labels"]}
    arms |= {way: runs[name, way] for way in ways}
    share = {way: repeated(arm, said[name], missed[name]) for way, arm in arms.items()}
    shares[name] = {way: 100 * value.item() for way, value in share.items()}
pd.DataFrame(shares).T.round(1).rename_axis("same mistake, %")

# %% [markdown]
# ## Calibration
#
# A network is well [calibrated](glossary.md#calibration) if, of all answers that it gives with a certainty of 80 %, 80 % are right. The expected calibration error says in points how far certainty and success lie apart; smaller is better.


# %%
def calibration(arm):  # five runs → points
    return 100 * sum(run.record["test"]["calibration_error"] for run in arm) / len(arm)


print(f"hard labels: {calibration(runs['no teacher', 'hard labels']):.1f} points")
matrix = [[calibration(runs[name, way]) for name in names] for way in ways]  # (7, 6)
lab.display_figure(lab.draw_calibration(matrix, ways, names))

# %% [markdown]
# ## When correcting cannot matter
#
# The course's teacher is what papers usually have: trained to the end, on the very images that it then teaches.

# %% tags=["nbval-check-output"]
count = wrong["well fitted"].float().mean().item()
print(f"mistakes among the transfer images: {count:.0f} of 2,000, {count / 20:.1f} %")
corrected = {way: scores["well fitted", way] for way in lab.CORRECTIONS}
lab.verdict_table(corrected, baseline="uncorrected")

# %% [markdown]
# Swap, replace and mask touch these images only, and there the label still has a term of its own. For swap and mask the effect is too small to see. To see one, take a teacher that has something to correct: one that teaches held-out images, or learnt from few labels, or from wrong ones.

# %% [markdown]
# ## Exchange, or leave out?
#
# A swap keeps all numbers and moves two of them. So it claims that the true class is as far from the others as the wrong one was. Refined logit distillation (RLD, 2025) moves nothing: it leaves out every class that the teacher ranks above the true one, and transfers only *how sure* the teacher is to the true class. Here both are put on top of decoupled KD (notebook 03), with all weights equal.

# %% tags=["nbval-check-output"]
refined = {}
right = lab.right_answers(lab.collect(lab.refined_arms, lab.SEEDS), test_labels)
for (name, way), answers_right in right.items():  # (five, 10000) each
    refined.setdefault(name, {})[way] = answers_right
found = {name: lab.verdicts(arms, "decoupled") for name, arms in refined.items()}
helped = max(found, key=lambda name: max(verdict.mean for verdict in found[name].values()))
shown = lab.verdict_tables(refined, baseline="decoupled", corrected=True)
lab.guess_one("Which of the three teachers is worth correcting?", list(refined), helped, shown)

# %% [markdown]
# A teacher that learnt to take one class for another is worth correcting, and both ways help about equally. A teacher of random labels is another matter: it has learnt to be unsure, and neither way helps. And the well fitted teacher is best left alone. What it says about doubtful images may be worth more than any correction; besides, RLD puts a *sure* answer, at temperature 1, where decoupled KD has a soft one. The last column corrects the p-values for six comparisons at once.

# %% [markdown]
# ## Whose labels?
#
# So far the student's labels were correct. In practice they have the same origin as the teacher's. Now half of the *student's* labels are random too, and the corrections trust them:

# %% tags=["nbval-check-output"]
noisy = lab.accuracies(lab.collect(lab.noisy_label_arms, lab.SEEDS))
lab.verdict_table(noisy, baseline="uncorrected")

# %%
split, taken = lab.select(data.train, lab.noisy_label_arms(0)["swap"].transfer, 0)
given, true = split.labels[taken], data.train.labels[taken]  # (2000,) each
answer = answers["50 % random labels"][:2000].argmax(dim=1)
touched = answer != given
print(f"the correction changes {touched.sum()} of 2,000 answers;", end=" ")
print(f"{(answer == true)[touched].sum()} of them were right")

# %% [markdown]
# ## On the papers' own images
#
# With a hundred classes there is more to get wrong. Here are two teachers of CIFAR-100: ResNet-20, trained on all 45,000 images, shifted and mirrored; and a cnn-4 that saw a tenth of the labels, 40 times each. The student is cnn-2, 5 passes over all images. The course ships no pictures of CIFAR: these numbers come from stored runs.

# %%
cifar = lab.collect(lab.cifar_arms, lab.SEEDS)
answered = lab.right_answers(cifar, lab.TEST_LABELS[lab.CIFAR_100])  # (five, 10000) each
clothes = lab.right_answers(lab.collect(lab.clothes_arms, lab.SEEDS), test_labels)
for name, recipe in lab.TEACHERS_ON_CIFAR.items():
    print(f"teacher, {name}: {load_or_train(recipe, quiet=True).accuracy:.2f} % of the test images")

# %% tags=["slide"]
named = {", ".join(key): values for key, values in lab.accuracies(cifar).items()}
picture = lab.draw_students(named, "cnn-2 on CIFAR-100, five seeds an arm")
words = ["BETTER", "NO CLEAR DIFFERENCE", "WORSE"]
word = lab.paired_verdict(
    answered["few labels", "swap"], answered["few labels", "uncorrected"]
).word
asked = "CIFAR-100, the teacher of few labels: swapped, against uncorrected, its student is …"
lab.guess_one(asked, words, word, picture)

# %%
lab.claim_table(lab.CLAIMS, clothes, answered, {})

# %% [markdown]
# What was clear on clothes is clear here, with the same sign, and larger. A swap is worth four points for the teacher of few labels, a mask nearly as much, and to trust it less (α = 0.5 instead of 0.9), mistakes or not, twice that. Swapped, it still costs its student fourteen points against no teacher at all. Where the teacher is good, there is little to correct: the swap gains 0.2 points, just clear over the seeds, the mask nothing.

# %% [markdown]
# ## Exercise 1: which answers are mistakes?
#
# A label of -100 is hidden: nobody knows it, so no answer counts as a mistake.


# %% tags=["exercise"]
def my_mistakes(logits, labels):  # (B, K), (B,) → (B,) bool
    # solution
    return (logits.argmax(dim=1) != labels) & (labels != -100)
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_mistakes(my_mistakes))

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
print(lab.check_swap(my_swap))

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
print(lab.check_trust(my_trust))

# %% [markdown] tags=["slide"]
# ## What the thesis says, what our lab shows, why they may differ

# %% tags=["nbval-check-output"]
gain = {name: lab.verdicts(by_teacher[name], baseline="uncorrected") for name in names}
helped = [name for name in names if gain[name]["swap"].word == "BETTER"]
worst = gain["40 % pair labels"]
against_labels = lab.paired_verdict(scores["40 % pair labels", "swap"], hard)
noisy_swap = lab.paired_verdict(noisy["swap"], noisy["uncorrected"])

# %% tags=["nbval-check-output", "slide"]
Markdown(f"""
**Claim 3: correcting the teacher's mistaken predictions matters.** It depends on the teacher.

- A well fitted teacher makes {count:.0f} mistakes in 2,000, and there a swap makes
  {gain["well fitted"]["swap"].word}. It helps {len(helped)} of {len(names)} teachers
  ({", ".join(helped)}); with 40 % pair labels by {worst["swap"].mean:.1f} points.
- But a bad teacher, corrected, is not a good one: that student is still
  {-against_labels.mean:.1f} points behind one of hard labels. Less trust for all images, without
  looking for mistakes, gains more than the swap: {worst[lab.HALF].mean:.1f} points.
- If the student's labels are as bad as the teacher's were, the swap costs
  {-noisy_swap.mean:.1f} points.
""")

# %% [markdown]
# Why might the thesis differ? We do not know its formula, its data, or how wrong its teachers were. A correction needs labels that are better than the teacher. Where there are such labels, the hard term uses them already; and where the teacher's errors are random, its soft answers are worth more than a corrected label. Here each kind of teacher was trained once; the five seeds are those of the students.

# %%
lab.guess_tally()
