# %% [markdown]
# # 06 · Teacher assistants
#
# **Question: a strong teacher and a small student. Does it help to put networks of middle size between them?**
#
# Mirzadeh et al. (2020) say yes: a *chain* of assistants (TAKD). Son et al. (2021) say: let *every* larger network teach every smaller one (DGKD), and leave some of them out at random. We build all three, and ask for which gaps they help.
#
# Time: about 15 seconds on two processor cores. Needed: notebook 02.

# %%
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown, display

from kd_helpers import load_dataset, load_or_train, shipped
from kd_helpers import shipped_assistants as lab
from kd_helpers.assistants import climb, error_overlap
from kd_helpers.checks_assistants import check_dense_loss, check_overlap, check_teaching
from kd_helpers.dense import DenseLoss, Sources, draw_sources
from kd_helpers.explorers_assistants import build_ladder_explorer, teaching_pairs
from kd_helpers.explorers_overlap import build_overlap_explorer
from kd_helpers.labs import accuracies, collect, gain_table, verdict_lines, verdicts
from kd_helpers.labs_assistants import overlaps, stored_rungs
from kd_helpers.losses import hard_loss, kd_loss
from kd_helpers.metrics import accuracy, measure_latency
from kd_helpers.models import make_model
from kd_helpers.paper_tables import paper_numbers
from kd_helpers.plots import draw_gains, draw_matrix, new_figure
from kd_helpers.plots_ladders import draw_intervals, draw_ladder
from kd_helpers.show import display_figure, display_live
from kd_helpers.targets import soften
from kd_helpers.training import predict
from kd_helpers.transfer import select
from kd_helpers.verdicts import mean_interval

# %%
data = load_dataset("fashion-mnist")
seeds = shipped.SEEDS

# %% [markdown]
# ## Part 1: the gap
#
# The student is that of notebook 03: cnn-2, 2,000 labelled images, 600 steps of 64, T = 4, α = 0.9. Its teachers have all 54,000 images and grow: two, four, six, eight convolutions, 600 steps of 128. Then two that were trained ten times as long, with augmentation: a small one, and the course's own ResNet-20.
#
# **Guess:** each teacher is a better network than the one before. Which one has the best student?

# %%
runs = collect(lab.gap_arms, seeds)  # name of the teacher → five runs of the student
scores = accuracies(runs)
own = accuracies(collect(lab.gap_teachers, seeds))


# %%
def with_interval(values):  # five accuracies → mean, low, high
    return np.round([np.mean(values), *mean_interval(values)], 2).tolist()


names = list(own)
lines = {
    "the teacher itself": [with_interval(own[name]) for name in names],
    "its student": [with_interval(scores[name]) for name in names],
}
figure, axes = new_figure(12, 3.6, columns=2)
for ax, (title, points) in zip(axes, lines.items()):
    draw_intervals(ax, names, {title: points}, x="teacher", y="test accuracy, %")
    ax.set_xticks(range(len(names)), names, rotation=20, ha="right")
display_figure(figure, f"Accuracy of teachers of growing size, and of their students: {lines}")

# %% [markdown]
# The best teacher has the worst student; the peak is a teacher of middle size. Mirzadeh et al. name three forces: a better teacher knows more; a far larger one is hard to imitate; and a well-fitted teacher is so sure of its training images that its targets are nearly labels. One pair tells the last two apart: the same cnn-4, trained ten times as long. How sure are the teachers of the student's 2,000 images?

# %%
split, rows = select(data.train, lab.small_student(0).transfer, seed=0)
seen, labels = split.images[rows], split.labels[rows]  # (2000, 1, 28, 28), (2000,)
networks = {name: load_or_train(r, quiet=True).model() for name, r in lab.gap_teachers(0).items()}
z = {name: predict(model, seen) for name, model in networks.items()}  # (2000, 10) each

# %%
for name, logits in z.items():
    p = soften(logits, 4.0)
    bits = -(p * p.clamp(min=1e-12).log2()).sum(dim=1).mean()
    print(
        f"{name:22} right on {100 * accuracy(logits, labels):5.1f} %, entropy at T = 4 {bits:.2f} bits"
    )

# %% [markdown]
# Trained for longer, the same cnn-4 is surer, and its student is worse. But ResNet-20 is no surer than the small ones, and its student is the worst: sureness is not all. What is left for it is the gap itself.
#
# ## Part 2: a chain
#
# Every rung teaches the next one, and nobody else. The student never meets the teacher.


# %%
def my_chain(names, base):  # recipes, the teacher's first
    rungs = [replace(base, student=names[0])]
    for name in names[1:]:
        taught = {"teacher": rungs[-1], "temperature": 4.0, "kd_weight": 0.9}
        rungs.append(replace(base, student=name, **taught))
    return tuple(rungs)


# %% tags=["nbval-check-output"]
names, base = ("cnn-8", "cnn-6", "cnn-4", "cnn-2"), lab.of_labels(0, "cnn-2")
print("the same recipes as climb's:", my_chain(names, base) == climb(names, "chain", base=base))
for recipe in my_chain(names, base):
    print(recipe)

# %% [markdown]
# No new loop, no new loss: a ladder is a list of ordinary recipes, and each holds its teacher's.
#
# ## Everyone above teaches
#
# An assistant hands down its own mistakes, and the next one adds to them: an *error avalanche*. In DGKD the student hears the teacher and all assistants. With $n$ assistants, $T$ squared as always and $\lambda$ for our α:
#
# $$L = (n+1)(1-\lambda)\,\mathrm{CE} \;+\; \lambda \sum_{i=0}^{n} T^2\,\mathrm{KL}(p_i \,\|\, q)$$


# %%
def my_dense_loss(student_logits, source_logits, labels, T, weight):
    label = hard_loss(student_logits, labels)
    soft = sum(kd_loss(student_logits, one, temperature=T) for one in source_logits)
    return len(source_logits) * (1 - weight) * label + weight * soft


# %% tags=["nbval-check-output"]
student_logits = z["cnn-2"][:64].clone().requires_grad_()  # one batch, (64, 10)
sources = [z[name][:64] for name in ("cnn-8", "cnn-6", "cnn-4")]
mine = my_dense_loss(student_logits, sources, labels[:64], 4.0, 0.9)
loss = DenseLoss(4.0, 0.9, 0.0, Sources())
theirs = loss(student_logits, torch.cat(sources, dim=1), labels[:64])["loss"]
print("the same as the helper's:", torch.allclose(mine, theirs))

# %% [markdown]
# ## A sum is a larger step
#
# **Guess:** three sources instead of one. How much longer is the gradient?

# %%
for scale in ("sum", "mean"):
    for count in (1, 2, 3):
        told = torch.cat(sources[:count], dim=1)
        value = DenseLoss(4.0, 0.9, 0.0, Sources(scale=scale))(student_logits, told, labels[:64])
        (gradient,) = torch.autograd.grad(value["loss"], student_logits)
        print(f"{scale:4} of {count}: length of the gradient {gradient.norm():.4f}")

# %% [markdown]
# With three sources the student takes steps about so much longer than in plain KD, as with a larger learning rate. Whoever compares the two must ask which of both helped. We report the paper's sum and the mean.
#
# ## Leaving sources out
#
# Stochastic DGKD: for each mini-batch every source, teacher or assistant, stays with probability 0.75; only when the student at the end is taught. The public code removes exactly one instead.

# %%
torch.manual_seed(0)
for title, sources_used in {
    "each with probability 0.75": Sources(survival=0.75),
    "exactly one removed": Sources(removed=1),
}.items():
    counts = torch.stack([draw_sources(4, sources_used) for _ in range(10_000)]).sum(dim=1)
    shares = ", ".join(f"{k} of them {100 * (counts == k).double().mean():.1f} %" for k in range(5))
    print(f"{title}: {shares}")

# %% [markdown]
# Where all of them are gone, the mini-batch teaches its labels only.
#
# ## Build a ladder
#
# The answers come from stored runs, five seeds each. Assistants have the teacher's 54,000 images and labels, and every rung below the teacher 600 steps of 64. ResNet-20 is one network for all seeds; the rungs below it are new for each.


# %%
def find(teacher, assistants, way):
    return stored_rungs([lab.ladder(seed, assistants, way, teacher=teacher) for seed in seeds])


def name_of(rung):
    return f"{np.mean(rung.accuracies):.2f} %"


builder = build_ladder_explorer(find, lab.ASSISTANTS, lab.STUDENT)

# %%
rungs = find(lab.LARGE, lab.ASSISTANTS[lab.LARGE], "chain")
figure, (ax,) = new_figure(12, 1.7)
title = (
    "resnet-20, three assistants and the student, in a chain (test accuracy, mean of five seeds)"
)
draw_ladder(
    ax,
    [rung.name for rung in rungs],
    teaching_pairs(5, "chain"),
    [name_of(rung) for rung in rungs],
    title=title,
)
display_live(builder, figure, f"A chain of five networks: {[(r.name, name_of(r)) for r in rungs]}")

# %% [markdown]
# All of it in one table: gains of the student over the teacher alone, in points.

# %%
students = accuracies(
    collect(lab.ladder_arms, seeds)
)  # (teacher, assistants, way) → five accuracies
subsets = [key[1] for key in students if key[0] == lab.LARGE and key[2] == "chain"]
direct = students[lab.LARGE, (), "direct"]
table = {"direct": dict.fromkeys(lab.WAYS, direct)}
for assistants in subsets:
    table[" → ".join(assistants)] = {way: students[lab.LARGE, assistants, way] for way in lab.WAYS}
gains, words = gain_table(table, baseline="direct")

# %%
figure, (ax,) = new_figure(7, 3.6)
title = "Gain over the teacher alone (a star: the 95 % interval leaves out 0)"
draw_gains(ax, gains, words, list(table)[1:], lab.WAYS, title=title)
display_figure(figure, f"Gains of students over the direct one, by assistants and way: {words}")

# %% [markdown]
# ## Is it the chain, or is it the assistant?
#
# Here assistants help, and help most where all of them teach. But the smaller teachers of part 1 did well too, and they never had a teacher themselves. So the right rival is a lone teacher of the assistant's size, trained on labels: first for as long as an assistant, then as in part 1 (twice the images, a larger learning rate).

# %%
rivals = accuracies(collect(lab.rival_arms, seeds))
for size, of_labels in rivals.items():
    pair = {
        f"{size} of labels": of_labels,
        f"{size} as an assistant": students[lab.LARGE, (size,), "chain"],
    }
    print(verdict_lines(pair, baseline=f"{size} of labels"))

# %%
best = {
    "cnn-4 of labels, part 1": scores["cnn-4"],
    "three assistants, chain": students[lab.LARGE, lab.ASSISTANTS[lab.LARGE], "chain"],
    "three assistants, dense": students[lab.LARGE, lab.ASSISTANTS[lab.LARGE], "dense"],
}
print(verdict_lines(best, baseline="cnn-4 of labels, part 1"))

# %% [markdown]
# ## How many assistants, and how are they put together?

# %%
ablation = accuracies(collect(lab.ablation_arms, seeds))
print(verdict_lines(ablation, baseline="direct"))

# %% [markdown]
# ## The error avalanche
#
# Which errors does a rung share with the rungs above it? The share of errors of *either* network that *both* make:

# %% tags=["nbval-check-output"]
first, second, truth = torch.tensor([0, 0, 0, 3, 0]), torch.tensor([0, 1, 1, 0, 3]), torch.arange(5)
print(
    f"errors {(first != truth).tolist()} and {(second != truth).tolist()}: overlap {error_overlap(first, second, truth)}"
)

# %%
full = lab.ASSISTANTS[lab.LARGE]
names = ["resnet-20", *full, lab.STUDENT]
ladders = {way: [lab.ladder(seed, full, way) for seed in seeds] for way in ("chain", "dense")}
overlap = {way: overlaps(of_way) for way, of_way in ladders.items()}  # (5, 5) each

# %%
answers = {
    way: torch.stack([load_or_train(recipe, quiet=True).answers() for recipe in of_way[0]])
    for way, of_way in ladders.items()
}  # (5, 10000) each
explorer = build_overlap_explorer(
    data.test.images.numpy(), data.test.labels, data.classes, names, overlap, answers
)

# %%
figure, axes = new_figure(12, 3.4, columns=2)
for ax, (way, matrix) in zip(axes, overlap.items()):
    shown = np.where(np.tri(5, k=-1), matrix, np.nan)[1:, :-1]
    how = {"fmt": ".3f", "unit": "share of errors in common", "limits": (0.3, 0.75)}
    draw_matrix(ax, shown, names[1:], names[:-1], title=way, **how)
display_live(
    explorer,
    figure,
    "Overlap of errors between all pairs of five rungs, for a chain and a dense ladder.",
)


# %%
def shared(
    student, above
):  # five recipes, five recipes → overlap of test errors in percent, one a seed
    pairs = [(load_or_train(r, quiet=True).answers() for r in pair) for pair in zip(student, above)]
    return [100 * error_overlap(*pair, data.test.labels) for pair in pairs]


arms = {
    name: [lab.ablation_arms(seed)[name] for seed in seeds]
    for name in ("hard labels", "direct", "chain", "dense")
}
print("errors that the student shares with resnet-20, % of the errors of either:")
print(
    verdict_lines(
        {name: shared(of_arm, [shipped.TEACHER] * 5) for name, of_arm in arms.items()},
        baseline="direct",
    )
    .replace("BETTER", "MORE")
    .replace("WORSE", "LESS")
)

# %% [markdown]
# ## For which gaps?
#
# Above, teacher and assistants have 54,000 images and labels, the student 2,000. First the papers' own plain ladder, a smaller gap: cnn-8 → cnn-6 → cnn-4 → cnn-2. Then ResNet-20 → cnn-4 → cnn-2 with the images shared out in other ways: an assistant that has the student's 2,000 images only, and a student that has all of them.

# %%
medium = lab.ASSISTANTS[lab.MEDIUM]
plain = {way: students[lab.MEDIUM, medium, way] for way in ("chain", "dense")}
plain = {"direct": students[lab.MEDIUM, (), "direct"], **plain}
print(verdict_lines(plain, baseline="direct"))

# %%
shared_out = accuracies(collect(lab.share_arms, seeds))
for who in ("assistant with few images", "student with all images"):
    print("---", who)
    arms = {way: values for (whose, way), values in shared_out.items() if whose == who}
    print(verdict_lines(arms, baseline="direct"))

# %% [markdown]
# ## Part 3: 1×N filters
#
# Son's thesis has hardware in mind that reads an image row by row: its filters may be one row high. Teacher: cnn-4, 3×3 filters, all images. Student: cnn-4 with 1×3 filters, 2,000 images. Between them an assistant with *both*: in each layer half of the filters 3×3, half 1×3, side by side. How the thesis builds its assistant could not be read; this is our design. Controls: an assistant with 3×3 filters only, one with 1×3 only, and the mean of the teacher and a 1×3 network (the authors' earlier paper speaks of an ensemble as intermediate teacher).

# %%
rows = collect(lab.row_arms, seeds)
print(verdict_lines(accuracies(rows), baseline="direct"))


# %%
def cost_line(title, run, values):
    model = make_model(run.recipe.student, **run.record["input"])
    ms = measure_latency(model, (1, 28, 28), 256)["median_ms"]
    return f"| {title} | {run.record['parameters']:,} | {run.record['multiply_adds']:,} | {ms:.1f} | {np.mean(values):.2f} |"


# %%
right = accuracies(rows)
lines = [
    "| network | parameters | multiply-adds | ms, 256 images | test accuracy, % |",
    "| :-- | --: | --: | --: | --: |",
]
for place, title in enumerate(("teacher, 3×3 filters", "assistant, both")):
    ladders = [lab.row_ladder(seed, (lab.BOTH,), "chain") for seed in seeds]
    runs = [load_or_train(recipes[place], quiet=True) for recipes in ladders]
    lines.append(cost_line(title, runs[0], [run.accuracy for run in runs]))
for arm in ("N×N filters, hard labels", "hard labels", "direct", "both branches, and the teacher"):
    lines.append(cost_line(f"student: {arm}", rows[arm][0], right[arm]))
display(Markdown("\n".join(lines)))

# %% [markdown]
# Latency is that of *your* machine, now, in PyTorch, which is not made for 1×3 filters: a third of the multiply-adds is not a third of the time. Row hardware is another matter.
#
# ## Other data sets
#
# The papers' ladders, at full length, for CIFAR-10 and -100, SVHN and Tiny ImageNet: long trainings for a GPU, not run here. `setting` chooses between the papers' losses and what their public codes do:
#
# ```python
# from kd_helpers.paper_ladders import paper_ladder
# for way in ("direct", "chain", "dense", "stochastic"):
#     load_or_train(paper_ladder("plain", "cifar-100", way, setting="paper")[-1])
# ```

# %% [markdown]
# ## What the papers report
#
# Accuracy of the student in %, as far as it could be found, and ours. The networks of CIFAR-100 are wider than ours.

# %%
ways = ("labels only", "direct", "chain", "dense", "stochastic")
table: dict = {}
for number in (*paper_numbers("takd_2020"), *paper_numbers("dgkd_2021")):
    if number.table.startswith("table") and number.setting.endswith(("CIFAR-10", "CIFAR-100")):
        cell = f"{number.value:.2f}" if number.value else "not found"
        table.setdefault((number.paper, number.setting), {})[number.method] = cell
full = {key: row for key, row in table.items() if len(row) > 1}

# %%
for title, teacher in (("ResNet-20, cnn-8-6-4-2", lab.LARGE), ("cnn 8-6-4-2", lab.MEDIUM)):
    ours = {"labels only": ablation["hard labels"], "direct": students[teacher, (), "direct"]}
    for way in lab.WAYS:
        ours[way] = students.get((teacher, lab.ASSISTANTS[teacher], way))
    said = {way: f"{np.mean(values):.2f}" if values else "not run" for way, values in ours.items()}
    full["this notebook", f"{title}, Fashion-MNIST"] = said
lines = ["| source | networks | " + " | ".join(ways) + " |", "| :-- | :-- |" + " --: |" * len(ways)]
for (paper, setting), row in full.items():
    lines.append(f"| {paper} | {setting} | " + " | ".join(row.get(way, "") for way in ways) + " |")
display(Markdown("\n".join(lines)))

# %% [markdown]
# ## Exercise 1: who teaches whom
#
# A matrix with 1 where the network of the row teaches that of the column, 0 elsewhere; the teacher comes first, the student last.


# %% tags=["exercise"]
def my_teaching(rungs, dense):  # number of networks, True for a dense ladder → (rungs, rungs)
    # solution
    above = torch.ones(rungs, rungs).triu(diagonal=1)
    return above if dense else above - above.triu(diagonal=2)
    # end solution
    # stub: return ...  # your code here


# %%
print(check_teaching(my_teaching))

# %% [markdown]
# ## Exercise 2: the loss with sources left out
#
# `teach` says which of the M sources teach this mini-batch. The label counts $M(1-\lambda)$ whoever is left out.


# %% tags=["exercise"]
def my_stochastic_loss(student_logits, source_logits, teach, labels, T, weight):
    # (B, K), (M, B, K), (M,) bool, (B,) → scalar
    # solution
    soft = sum(kd_loss(student_logits, one, temperature=T) for one in source_logits[teach])
    label = torch.nn.functional.cross_entropy(student_logits, labels)
    return len(source_logits) * (1 - weight) * label + weight * soft
    # end solution
    # stub: return ...  # your code here


# %%
print(check_dense_loss(my_stochastic_loss))

# %% [markdown]
# ## Exercise 3: overlap of errors
#
# Of the images that at least one of two networks has wrong, the share that both have wrong.


# %% tags=["exercise"]
def my_overlap(first, second, labels):  # answered classes (N,), (N,), labels (N,) → 0..1
    # solution
    wrong = torch.stack([first != labels, second != labels])  # (2, N)
    return wrong.all(dim=0).sum() / wrong.any(dim=0).sum()
    # end solution
    # stub: return ...  # your code here


# %%
print(check_overlap(my_overlap))

# %% [markdown]
# ## What we saw


# %%
def verdict_of(values, baseline):
    return verdicts({"baseline": baseline, "arm": values}, baseline="baseline")["arm"]


tally = lambda arms, baseline: ", ".join(  # noqa: E731
    f"{word} {count}"
    for word, count in sorted(Counter(verdict_of(v, baseline).word for v in arms).items())
)
large = {key[1:]: values for key, values in students.items() if key[0] == lab.LARGE}
by_way = {way: [values for (_, w), values in large.items() if w == way] for way in lab.WAYS}
few, many = (
    {way: shared_out[who, way] for way in ("direct", "chain", "dense")}
    for who in ("assistant with few images", "student with all images")
)
right = accuracies(rows)

# %% tags=["nbval-check-output"]
display(
    Markdown(f"""
**For which gaps do assistants help here?** Students against the one that the large network taught alone:

- ResNet-20 → cnn-2, assistants with all images, seven sets of assistants. Chain: {tally(by_way["chain"], direct)}. Dense: {tally(by_way["dense"], direct)}. Stochastic: {tally(by_way["stochastic"], direct)}.
- All three assistants, dense against chain: {verdict_of(ablation["dense"], ablation["chain"])}; dense with the mean against chain: {verdict_of(ablation["dense, mean"], ablation["chain"])}; stochastic against dense: {verdict_of(ablation["survival 0.75"], ablation["dense"])}.
- cnn-8 → cnn-2, two assistants. Chain: {verdict_of(plain["chain"], plain["direct"])}. Dense: {verdict_of(plain["dense"], plain["direct"])}.
- Assistant with the student's images only. Chain: {verdict_of(few["chain"], few["direct"])}. Dense: {verdict_of(few["dense"], few["direct"])}.
- Student with all images. Chain: {verdict_of(many["chain"], many["direct"])}. Dense: {verdict_of(many["dense"], many["direct"])}.
- cnn-4 as an assistant of ResNet-20, against cnn-4 that had no teacher: {verdict_of(students[lab.LARGE, ("cnn-4",), "chain"], rivals["cnn-4"])}.
- Three assistants, dense, against the lone cnn-4 of part 1: {verdict_of(best["three assistants, dense"], best["cnn-4 of labels, part 1"])}.
- 1×N student, teacher and an assistant with both filters, against the teacher alone: {verdict_of(right["both branches, and the teacher"], right["direct"])}. With an assistant of 1×N filters: {verdict_of(right["1×N assistant, and the teacher"], right["direct"])}.
""")
)

# %% [markdown]
# Assistants helped where the gap is wide and they know more than the student. There everyone teaching was better than a chain, as Son et al. report; but with the mean in place of the sum, so with steps as long as the chain's, no difference to the chain was clear. Leaving sources out added nothing. Where assistants had as few images as the student, or the student as many as they, no difference was clear.
#
# A simpler explanation of most of the gain: the better teacher is of middle size. A lone cnn-4, taught by nobody, had as good a student as the whole dense ladder.
#
# One data set, small networks, short trainings: other gaps may differ.
