# %% [markdown] tags=["slide"]
# # 06 · Teacher assistants
#
# **Question: a strong teacher and a small student. Does it help to put networks of middle size between them?**
#
# Mirzadeh et al. (2020) say yes: a [chain](glossary.md#chain) of [teacher assistants](glossary.md#teacher-assistant) (TAKD). Son et al. (2021) go further: let *every* larger network teach every smaller one ([dense guidance](glossary.md#dense-guidance), DGKD), and leave some of them out at random. We build all three, and ask for which gaps they help.
#
# Time: about 15 seconds on two processor cores. Needed: notebook 02.

# %%
import os
from dataclasses import replace

import pandas as pd
import torch

from kd_course import nb06_assistants as lab
from kd_helpers import kd_loss, load_dataset, load_or_train
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.teachers.named import teacher_named

# %%
lab.exercise_progress(lab.check_teaching, lab.check_dense_loss, lab.check_overlap)

# %%
data = load_dataset("fashion-mnist")
seeds = lab.SEEDS

# %% [markdown] tags=["slide"]
# ## Part 1: the gap
#
# The student is that of notebook 03: a cnn-2 with 2,000 labelled images, 600 steps of 64, T = 4, α = 0.9. Its teachers learn from all 54,000 images and grow from two to four, six and eight convolutions (600 steps of 128). Two more were trained ten times as long, with augmentation (images mirrored and shifted): a small one, and the course's own ResNet-20. These two are one network for all five seeds.

# %%
runs = lab.collect(lab.gap_arms, seeds)  # name of the teacher → five runs of the student
scores = lab.accuracies(runs)
own = lab.accuracies(lab.collect(lab.gap_teachers, seeds))

# %% tags=["slide"]
best = max(scores, key=lambda name: sum(scores[name]))
shown = lab.draw_gap(own, scores), lab.verdict_table(scores, baseline="cnn-4")
asked = "Each teacher is a better network than the one before. Which one has the best student?"
lab.guess_one(asked, list(scores), best, shown)

# %% [markdown] tags=["slide"]
# The most accurate teachers do not have the best students. cnn-4's is ahead of those of cnn-8, of ResNet-20, and of the cnn-4 trained longer; against cnn-2 and cnn-6 no difference is clear. Mirzadeh et al. name three forces: a better teacher knows more; a much larger one is hard to imitate; and a well fitted teacher is so sure of its training images that its targets are nearly labels. How sure are our teachers of the student's 2,000 images?

# %%
split, rows = lab.select(data.train, lab.small_student(0).transfer, seed=0)
seen, labels = split.images[rows], split.labels[rows]  # (2000, 1, 28, 28), (2000,)
networks = {name: load_or_train(r, quiet=True).model() for name, r in lab.gap_teachers(0).items()}
z = {name: lab.predict(model, seen) for name, model in networks.items()}  # (2000, 10) each

# %%
told = {}
for name, logits in z.items():
    bits = lab.entropy_bits(lab.soften(logits, 4.0)).mean()
    told[name] = f"{100 * lab.accuracy(logits, labels):.1f}", f"{bits:.2f}"
pd.DataFrame(told, index=["right on, %", "entropy at T = 4, bits"]).T

# %% [markdown]
# The cnn-4 trained ten times as long, with augmentation, is surer, and its student is worse, as the third force predicts. But cnn-8 is no surer than cnn-4, ResNet-20 is even less sure, and their students are worse too: certainty is not the whole story. Size may be the rest of it; but these networks differ in more ways than that, so the table does not show a cause. (It is that of one seed.)

# %% [markdown]
# ## A teacher of another kind
#
# All of these are convolutional networks, like the student. Many teachers of today are **transformers** (ViT, Dosovitskiy et al. 2021): they cut the image into patches, here 49 of 4×4 pixels, and each patch looks at all others. Nothing in such a network says that neighbours belong together. Ours is a small one in torchvision's code. It went through the same 54,000 images, mirrored and shifted, 12 times; that took longer than ResNet-20, and it is still behind the cnn-2 of part 1.
#
# To compare the kinds, the rival must be *equally good*. No stored CNN was that weak, so a cnn-4 on the same images was stopped after 250 steps. Each of them is one network and teaches five students.

# %%
kinds = {name: load_or_train(recipe, quiet=True) for name, recipe in lab.kind_teachers().items()}
pd.DataFrame({name: lab.kind_row(run, seen, labels) for name, run in kinds.items()}).T

# %%
pupils = lab.right_answers(lab.collect(lab.kind_arms, seeds), data.test.labels)
told = lab.paired_verdict(pupils["transformer"], pupils[lab.RIVAL])
ends = {"BETTER": "the transformer's", "WORSE": "the CNN's"}
ends["NO CLEAR DIFFERENCE"] = "no clear difference"
asked = f"The transformer and {lab.RIVAL} are equally accurate. Whose students are better?"
table = lab.verdict_table(pupils, baseline=lab.RIVAL)
lab.guess_one(asked, list(ends.values()), ends[told.word], table)

# %% [markdown]
# The students of the CNN are better, by 0.6 points; those of the transformer still beat labels alone. So at equal accuracy the kind of teacher made a difference here. This does not show why: the transformer is also less sure (2.6 against 2.3 bits), was trained differently, and is a single network, as is its rival; and nobody chose T for it. Also, the two are equal at a low level: the transformer took 44 minutes beside other work, the cnn-4 two. ResNet-20 is the best teacher of the three.

# %% [markdown]
# **CLIP** (Radford et al. 2021) is a transformer that was never trained for these classes: it compares a picture with the sentence "a photo of a CLASS". To use it as a teacher takes one line, provided that `open_clip` and its weights (600 MB) are installed; nothing is downloaded unless you ask for it.

# %%
os.environ.setdefault("KD_OFFLINE", "1")  # "0" lets it download
try:
    clip = teacher_named("open_clip:ViT-B-32/laion2b_s34b_b79k", classes=data.classes)
    right = lab.accuracy(lab.predict(clip, seen[:200]), labels[:200])
    print(f"CLIP has {100 * right:.1f} % of 200 images right, and can teach: Recipe(teacher=clip)")
except ValueError as missing:
    print(missing)

# %% [markdown]
# ## Part 2: a chain
#
# Every rung of this [ladder](glossary.md#ladder) teaches the next one and nobody else. The student never meets the teacher.


# %%
def my_chain(names, base):  # recipes, the teacher's first
    rungs = [replace(base, student=names[0])]
    for name in names[1:]:
        taught = {"teacher": rungs[-1], "method": HintonKD(temperature=4.0, kd_weight=0.9)}
        rungs.append(replace(base, student=name, **taught))
    return tuple(rungs)


# %% tags=["nbval-check-output"]
names, base = ("cnn-8", "cnn-6", "cnn-4", "cnn-2"), lab.of_labels(0, "cnn-2")
print("the same recipes as climb's:", my_chain(names, base) == lab.climb(names, "chain", base=base))
for recipe in my_chain(names, base):
    print(recipe)

# %% [markdown]
# There is no new loop and no new loss: a ladder is a list of ordinary recipes, each of which contains its teacher's.
#
# ## Everyone above teaches
#
# An assistant hands down its own mistakes, and the next one adds more: an [error avalanche](glossary.md#error-avalanche). In DGKD the student hears the teacher and all assistants. With $n$ assistants, $T$ squared as always and $\lambda$ for our α:
#
# $$L = (n+1)(1-\lambda)\,\mathrm{CE} \;+\; \lambda \sum_{i=0}^{n} T^2\,\mathrm{KL}(p_i \,\|\, q)$$
#
# Here $p_0$ is the teacher's distribution at temperature $T$, the other $p_i$ are the assistants', and $q$ is the student's; CE is taken at temperature 1. The label counts $n+1$ times because each source brings a whole loss of its own.


# %%
def my_dense_loss(student_logits, source_logits, labels, T, weight):
    label = lab.hard_loss(student_logits, labels)
    soft = sum(kd_loss(student_logits, one, temperature=T) for one in source_logits)
    return len(source_logits) * (1 - weight) * label + weight * soft


# %% tags=["nbval-check-output"]
student_logits = z["cnn-2"][:64].clone().requires_grad_()  # one batch, (64, 10)
sources = [z[name][:64] for name in ("cnn-8", "cnn-6", "cnn-4")]
mine = my_dense_loss(student_logits, sources, labels[:64], 4.0, 0.9)
loss = DenselyGuidedKD(temperature=4.0, kd_weight=0.9)
theirs = loss(student_logits, torch.cat(sources, dim=1), labels[:64])["loss"]
print("the same as the helper's:", torch.allclose(mine, theirs))

# %% [markdown] tags=["slide"]
# ## A sum is a larger step


# %% tags=["slide"]
def length(count, mean):  # of the gradient, from so many sources
    told = torch.cat(sources[:count], dim=1)
    value = DenselyGuidedKD(mean=mean)(student_logits, told, labels[:64])
    (gradient,) = torch.autograd.grad(value["loss"], student_logits)
    return gradient.norm().item()


rows = {
    name: [length(k, mean) for k in (1, 2, 3)] for name, mean in (("sum", False), ("mean", True))
}
table = pd.DataFrame(rows, index=[1, 2, 3]).round(4).rename_axis("sources")
asked = (
    "Three sources instead of one, and the losses are added: how many times longer is the gradient?"
)
lab.guess_number(asked, rows["sum"][2] / rows["sum"][0], 0.5, "times", table)

# %% [markdown]
# With the sum, the gradient grows almost in proportion to the number of sources; with the mean, it keeps about the same length. The label's weight grows in the same way, so the sum acts much like a larger learning rate. When dense beats chain, was it the guidance or the longer step? To tell them apart, we report both the paper's sum and the mean.
#
# ## Leaving sources out
#
# In stochastic DGKD every source, teacher or assistant, stays with probability 0.75, drawn anew for each mini-batch; this applies only to the training of the student at the end. The public code removes exactly one source instead.

# %%
torch.manual_seed(0)
ways = {
    "each with probability 0.75": DenselyGuidedKD(survival=0.75),
    "exactly one removed": DenselyGuidedKD(removed=1),
}
shares = {}
for title, way in ways.items():
    counts = torch.stack([way.draw_sources(4) for _ in range(10_000)]).sum(dim=1)
    shares[title] = [f"{100 * (counts == k).double().mean():.1f} %" for k in range(5)]
pd.DataFrame(shares, index=[f"{k} of 4 teach" for k in range(5)]).T

# %% [markdown] tags=["slide"]
# If all of them are left out, the mini-batch teaches its labels only, at their usual weight. The sources that stay are not scaled up.
#
# ## Build a ladder
#
# The answers come from stored runs with five seeds each. Assistants learn from the teacher's 54,000 images and labels, and every rung below the teacher takes 600 steps of 64. ResNet-20 is one network for all seeds; the rungs below it are trained anew for each. *Larger* means more work here: cnn-8 has a few more parameters than ResNet-20, but does a third of its multiply-adds.


# %%
def find(teacher, assistants, way):
    ladders = [lab.ladder(seed, assistants, way, teacher=teacher) for seed in seeds]
    return lab.stored_rungs(ladders)


# %% tags=["slide"]
builder = lab.build_ladder_explorer(find, lab.ASSISTANTS, lab.STUDENT)
rungs = find(lab.LARGE, lab.ASSISTANTS[lab.LARGE], "chain")
told = {rung.name: f"{sum(rung.accuracies) / len(rung.accuracies):.2f} %" for rung in rungs}
lab.display_live(builder, builder.still(f"A chain of five networks: {told}"))

# %% [markdown]
# Everything at a glance: how much better the student is than under the teacher alone, in points.

# %%
# (teacher, assistants, way) → five accuracies
students = lab.accuracies(lab.collect(lab.ladder_arms, seeds))
direct = students[lab.LARGE, (), "direct"]
table = {"direct": dict.fromkeys(lab.WAYS, direct)}
for (teacher, assistants, way), values in students.items():
    if teacher == lab.LARGE and assistants:
        table.setdefault(" → ".join(assistants), {})[way] = values

# %%
lab.display_figure(lab.draw_gains_over_direct(table))

# %% [markdown] tags=["slide"]
# ## Is it the chain, or is it the assistant?
#
# Dense and stochastic ladders help with every set of assistants, chains with most. But the smaller teachers of part 1 did well too, and nobody had taught those. So the fair rival is a lone network of the assistant's size, trained on labels but otherwise like an assistant:

# %% tags=["slide"]
rivals = lab.accuracies(lab.collect(lab.rival_arms, seeds))
taught = {size: students[lab.LARGE, (size,), "chain"] for size in rivals}
both = {size: {"of labels": rivals[size], "as an assistant": taught[size]} for size in rivals}
lab.verdict_tables(both, baseline="of labels")

# %%
ablation = lab.accuracies(lab.collect(lab.ablation_arms, seeds))
alone = {"cnn-4 of labels": rivals["cnn-4"], "ResNet-20 alone": ablation["direct"]}
alone |= {f"three assistants, {way}": ablation[way] for way in ("chain", "dense", "dense, mean")}
lab.verdict_table(alone, baseline="cnn-4 of labels")

# %% [markdown]
# The cnn-4 of part 1 was trained with 128 images a step instead of 64, and a learning rate of 0.1 instead of 0.03. (Assistants cannot use that rate: with the paper's sum, cnn-4 then ended at chance level; see data/README.md.) Against that one:

# %%
best = {"cnn-4 of labels, part 1": scores["cnn-4"]}
best |= {f"three assistants, {way}": ablation[way] for way in ("chain", "dense")}
lab.verdict_table(best, baseline="cnn-4 of labels, part 1")

# %% [markdown]
# ## How are the sources put together?

# %%
lab.verdict_table(ablation, baseline="direct")

# %% [markdown]
# Smoothed labels do not explain the gain. Whether the label counts once or once for each source matters little. When a source survives with probability 0.25, about a third of the mini-batches have no source at all.
#
# ## The error avalanche
#
# Which errors does a rung share with the rungs above it? Of all images that *either* network gets wrong, we take the share that *both* get wrong:

# %% tags=["nbval-check-output"]
first, second, truth = torch.tensor([0, 0, 0, 3, 0]), torch.tensor([0, 1, 1, 0, 3]), torch.arange(5)
wrong = f"{(first != truth).tolist()} and {(second != truth).tolist()}"
print(f"errors {wrong}: overlap {lab.error_overlap(first, second, truth)}")

# %%
full = lab.ASSISTANTS[lab.LARGE]
names = ["resnet-20", *full, lab.STUDENT]
ladders = {way: [lab.ladder(seed, full, way) for seed in seeds] for way in ("chain", "dense")}
overlap = {way: lab.overlaps(r, data.test.labels) for way, r in ladders.items()}  # (5, 5) each

# %%
answers = {}  # way → what the networks of one seed answer, (5, 10000)
for way, of_way in ladders.items():
    told = [load_or_train(recipe, quiet=True).answers() for recipe in of_way[0]]
    answers[way] = torch.stack(told)

# %%
images, truth = data.test.images.numpy(), data.test.labels
explorer = lab.build_overlap_explorer(images, truth, data.classes, names, overlap, answers)
lab.display_live(explorer, lab.draw_overlaps(overlap, names))


# %%
def both_wrong(student, above):  # five recipes, five recipes → mean number of images
    counts = []
    for pair in zip(student, above):
        first, second = (load_or_train(r, quiet=True).answers() != truth for r in pair)
        counts.append((first & second).sum().item())
    return round(sum(counts) / len(counts))


wrong = {way: [both_wrong(r, r) for r in zip(*of_way)] for way, of_way in ladders.items()}
pd.DataFrame(wrong, index=names).T.rename_axis("errors of each network")

# %%
kinds = ("hard labels", "direct", "chain", "dense")
of_kind = {kind: [lab.ablation_arms(seed)[kind] for seed in seeds] for kind in kinds}
others = {
    "resnet-20": [lab.TEACHER] * 5,
    "the chain's cnn-4": [recipes[3] for recipes in ladders["chain"]],
}
pd.DataFrame(
    {k: {o: both_wrong(of_kind[k], others[o]) for o in others} for k in kinds}
).rename_axis("images that the student and … both have wrong")

# %% [markdown]
# Errors grow from rung to rung, and faster in the chain. Smaller networks would make more errors without a teacher, too. But the student of the chain repeats more of its assistant's errors than students who never met that assistant: some errors are handed down. All four students have about equally many errors in common with ResNet-20: those images are hard for everyone. The share in percent hides this. It divides by the errors of either network, so it rises merely because the student gets better.

# %% [markdown] tags=["slide"]
# ## For which gaps?
#
# So far, teacher and assistants had 54,000 images with labels, the student 2,000. Now comes the lower part of the papers' plain ladder, which starts from a weaker teacher: cnn-8 → cnn-6 → cnn-4 → cnn-2. After that, ResNet-20 → cnn-4 → cnn-2 with the images shared out differently: once the assistant has only the student's 2,000 images, once the student has all of them.

# %% tags=["slide"]
medium = lab.ASSISTANTS[lab.MEDIUM]
plain = {way: students[lab.MEDIUM, medium, way] for way in ("chain", "dense")}
plain = {"direct": students[lab.MEDIUM, (), "direct"], **plain}
lab.verdict_table(plain, baseline="direct")

# %%
shared: dict = {"assistant with few images": {}, "student with all images": {}}
for (who, way), values in lab.accuracies(lab.collect(lab.share_arms, seeds)).items():
    shared[who][way] = values
lab.verdict_tables(shared, baseline="direct")

# %% [markdown]
# ## Part 3: 1×N filters
#
# Son's thesis is about hardware that reads an image row by row, so that filters may be only one row high. The teacher is a cnn-4 with 3×3 filters and all images, the student a cnn-4 with 1×3 filters and 2,000 images. Between them stands an assistant with *both*: in each layer half of the filters are 3×3 and half 1×3, side by side. We could not read how the thesis builds its assistant; this is our design. As controls there are an assistant with 3×3 filters only, one with 1×3 only, and the mean of the teacher and a 1×3 network (the authors' earlier paper speaks of an ensemble as intermediate teacher).

# %%
row_runs = lab.collect(lab.row_arms, seeds)
right = lab.accuracies(row_runs)
lab.verdict_table(right, baseline="direct")

# %%
sums = {name: values for name, values in right.items() if name.endswith("and the teacher")}
lab.verdict_table(sums, baseline="1×N assistant, and the teacher")

# %%
filters = ("N×N filters, hard labels", "hard labels")
lab.verdict_table({name: right[name] for name in filters}, baseline=filters[0])

# %% [markdown]
# On labels alone, filters one row high cost accuracy. Under the teacher, only the plainest assistant clearly helps: the one with 1×3 filters, not the one with both. The arms "and the teacher" add two soft terms, so their steps are longer than those of "direct", and part of the gain may come from that. With steps of equal length, the 1×3 assistant is ahead of the one with both filters, but not clearly ahead of the one with 3×3.

# %%
of_ladders = [lab.row_ladder(seed, (lab.BOTH,), "chain") for seed in seeds]
teacher, assistant, _ = ([load_or_train(r, quiet=True) for r in rung] for rung in zip(*of_ladders))
shown = {"teacher, 3×3 filters": teacher, "assistant, both": assistant}
shown |= {f"student: {arm}": row_runs[arm] for arm in (*filters, "direct", *sums)}
lab.cost_table(shown)

# %% [markdown]
# Latency is measured on *your* machine, now, in PyTorch, which is not optimised for 1×3 filters: a third of the multiply-adds does not mean a third of the time. Hardware that reads by rows is another matter. The assistant with both filters is needed only for training.
#
# ## Other data sets
#
# The papers' full ladders for CIFAR-10 and -100, SVHN and Tiny ImageNet are there as well. They are long trainings for a GPU; only one ladder was run, and its numbers are further below. `setting` chooses between the losses of the papers and what their public code does:
#
# ```python
# from kd_course.nb07_papers.ladders import paper_ladder
# for way in ("direct", "chain", "dense", "stochastic"):
#     load_or_train(paper_ladder("plain", "cifar-100", way, setting="paper")[-1])
# ```

# %% [markdown]
# ## What the papers report
#
# The table gives the student's accuracy in %, the papers' and ours; q means quoted from written summaries, d computed from such numbers. Mirzadeh et al. report the best of a search over λ, T and the seed; ours are means of five seeds. Their table 1 prints 88.98 for ResNet 110-20-8 on CIFAR-10, but in their table 3 that is the value of assistant 14; we give that of assistant 20. Their networks for CIFAR-100 are wider than ours.

# %%
ours = {}
for title, teacher in (("ResNet-20, cnn-8-6-4-2", lab.LARGE), ("cnn 8-6-4-2", lab.MEDIUM)):
    full = lab.ASSISTANTS[teacher]
    ours[title] = {"labels only": ablation["hard labels"]}
    ours[title]["direct"] = students[teacher, (), "direct"]
    ours[title] |= {way: students.get((teacher, full, way)) for way in lab.WAYS}
numbers = [*lab.paper_numbers("takd_2020"), *lab.paper_numbers("dgkd_2021")]
lab.paper_table(pd.DataFrame(numbers), ours)

# %% [markdown] tags=["slide"]
# ## On the papers' own images
#
# Here are CIFAR-100 and the papers' plain networks: SGD at a constant 0.01, batches of 128, no augmentation, 20 passes where the papers have 160. T = 10 and α = 0.5 were chosen on validation images with another seed. Everything above the student is one run; the student has five seeds. The course ships no pictures of CIFAR: these numbers come from stored runs.

# %%
cifar = lab.collect(lab.assistant_arms, seeds)
answered = lab.right_answers(cifar, lab.TEST_LABELS)  # (five, 10000) each
networks = {name: load_or_train(r, quiet=True).accuracy for name, r in lab.cifar_networks().items()}
takd = lab.paper_numbers("takd_2020")

# %% tags=["slide"]
figure = lab.draw_on_cifar(networks, lab.accuracies(cifar), takd)
shown = figure, lab.verdict_table(answered, baseline="direct", corrected=True)
kinds = {"direct": "that of cnn-10", "alone": "that of a smaller network which nobody taught"}
kinds["assistant"] = "that of an assistant"
best = max(answered, key=lambda name: answered[name].mean())
kind = next((kind for kind in kinds if kind in best), "alone")
asked = "CIFAR-100: which student is the best, in the mean over the seeds?"
lab.guess_one(asked, list(kinds.values()), kinds[kind], shown)

# %% [markdown]
# The four networks, and the students of those that nobody taught, come within 1.4 points of the paper. The student cnn-2 on its labels does not: it has 35.3 % here and 41.1 % there, so a teacher seems to give more here. No assistant is clearly better than cnn-10 alone. The paper's gain is 0.35 points at most, with cnn-4; ours is 1.4 with an interval from -0.9 to 3.7, so five seeds cannot tell. The assistants cnn-6 and cnn-8 teach worse than the same networks without a teacher. Does what we saw on clothes hold up?

# %%
clothes = ablation | {f"assistant {name}": values for name, values in taught.items()}
clothes |= {f"{name}, which nobody taught": values for name, values in rivals.items()}
lab.claim_table(clothes, answered, takd)

# %% [markdown]
# Of the five claims, one has the same clear sign everywhere: a large teacher is better than none. One is reversed against clothes: below cnn-10, an assistant cnn-8 teaches worse than a cnn-8 that nobody taught. The paper's own difference there, 0.08 points, is smaller than the error of reading its chart (0.2), so it has no sign of its own. Most differences of a point or less cannot be seen here: the intervals reach one to two points to either side.

# %% [markdown]
# Are 20 passes too few to tell? One ladder of the paper was trained for all 160, with T = 5 (above: 10), the author's advice for another ladder, and three students of each kind. One GPU took 85 s for cnn-10 and 33 s for a student.

# %%
full = lab.accuracies(lab.collect(lab.full_arms, lab.FULL_SEEDS))
lab.length_table(lab.accuracies(cifar), full, takd)

# %% [markdown]
# With the assistant, each of the three students does better than with cnn-10 alone, by 1.4 to 2.8 points; their mean is the paper's number. But three students are too few for a verdict, and teacher and assistant are one run each. The rest is as after 20 passes. The student on its labels stays five points below the paper's, so that is not for want of passes (five passes with a one-cycle schedule give it 44.1 %: notebook 03). The paper's direct student is 1.6 points above ours: there the assistant adds 0.35 points, here 1.9. Our T = 5 may be part of that; after 20 passes it cost the direct student 1.8 points on validation images, against T = 10.

# %% [markdown]
# The second paper has all five networks on one ladder, cnn-10 → cnn-8 → cnn-6 → cnn-4 → cnn-2: as a chain, dense, and dense with sources left out at random.

# %%
five = lab.collect(lab.dense_arms, seeds)
dense = lab.right_answers(five, lab.TEST_LABELS)  # (five, 10000) each
dgkd = lab.paper_numbers("dgkd_2021")
drawn = lab.accuracies({name: cifar[name] for name in ("hard labels", "direct")} | five)
shown = lab.draw_ladders_on_cifar(drawn, dgkd), lab.verdict_table(dense, "chain", corrected=True)
word = lab.verdicts(dense, "chain")["dense"].word
asked = "CIFAR-100: the student of a dense ladder is, against that of a chain, …"
lab.guess_one(asked, ["BETTER", "NO CLEAR DIFFERENCE", "WORSE"], word, shown)

# %%
arms = ablation | {"stochastic": ablation["survival 0.75"]}
arms["cnn-4, which nobody taught"] = rivals["cnn-4"]
lab.claim_table(arms, answered | dense, dgkd, lab.DENSE_CLAIMS)

# %% [markdown]
# And the error avalanche? The share of errors in common, as above:

# %%
rungs = {way: [lab.rungs(seed, way, *lab.ALL) for seed in seeds] for way in ("chain", "dense")}
shared_errors = {way: lab.overlaps(r, lab.TEST_LABELS) for way, r in rungs.items()}
lab.display_figure(lab.draw_overlaps(shared_errors, [*lab.ALL, lab.STUDENT]))

# %% [markdown]
# The avalanche is here, too: of the images that the student or its cnn-4 gets wrong, both get 70 % wrong in the chain and 66 % in the dense ladder. With cnn-10 it is 59 % in both. Summaries of Son et al. report the same: fewer errors in common in a dense ladder, above all near the student. But a clearly better student it did not make.

# %% [markdown]
# The chain is worse than cnn-10 alone, by 1.2 points, though only just clearly; its networks were trained on another machine, too. The dense student is 0.9 points ahead of the chain's, and with the mean of the terms as much; only that difference is clear, and with Holm's correction for three comparisons neither is. Theirs is 3.8 points, after 160 passes and a search over λ, T and the seed. On clothes the dense ladder was clearly better than a lone cnn-4 that nobody taught; here no difference between these two is clear, and the chain is 1.5 points behind.

# %% [markdown]
# ## Exercise 1: who teaches whom
#
# Write a matrix with 1 where the network of the row teaches that of the column, and 0 elsewhere; the teacher comes first, the student last. `dense=False` is a chain.


# %% tags=["exercise"]
def my_teaching(rungs, dense):  # number of networks, True for a dense ladder → (rungs, rungs)
    # solution
    above = torch.ones(rungs, rungs).triu(diagonal=1)
    return above if dense else above - above.triu(diagonal=2)
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_teaching(my_teaching))

# %% [markdown]
# ## Exercise 2: the loss with sources left out
#
# `teach` says which of the M sources teach this mini-batch. The label counts $M(1-\lambda)$ whoever is left out.


# %% tags=["exercise"]
def my_stochastic_loss(student_logits, source_logits, teach, labels, T, weight):
    # (B, K), (M, B, K), (M,) bool, (B,) → scalar
    # solution
    soft = sum(kd_loss(student_logits, one, temperature=T) for one in source_logits[teach])
    label = lab.hard_loss(student_logits, labels)
    return len(source_logits) * (1 - weight) * label + weight * soft
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_dense_loss(my_stochastic_loss))

# %% [markdown]
# ## Exercise 3: overlap of errors
#
# Of the images that at least one of two networks gets wrong, compute the share that both get wrong.


# %% tags=["exercise"]
def my_overlap(first, second, labels):  # answered classes (N,), (N,), labels (N,) → 0..1
    # solution
    wrong = torch.stack([first != labels, second != labels])  # (2, N)
    return wrong.all(dim=0).sum() / wrong.any(dim=0).sum()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_overlap(my_overlap))

# %% [markdown]
# ## What we saw
#
# **For which gaps do assistants help here?** First ResNet-20 → cnn-2, where the assistants have all images. There are seven sets of assistants; each student is compared with the one that ResNet-20 taught alone.

# %% tags=["nbval-check-output"]
for way in lab.WAYS:
    found = lab.verdicts({name: row[way] for name, row in table.items()}, baseline="direct")
    words = [verdict.word for verdict in found.values()]
    print(f"{way}: " + ", ".join(f"{word} {words.count(word)}" for word in sorted(set(words))))

# %% tags=["nbval-check-output"]
arms = ablation | {"a lone cnn-4": rivals["cnn-4"], "the lone cnn-4 of part 1": scores["cnn-4"]}
arms |= {f"cnn-8 on top, {way}": values for way, values in plain.items()}
arms["dense, assistants with few images"] = shared["assistant with few images"]["dense"]
arms |= {f"1×N, {name}": values for name, values in right.items()}
pairs = [("dense", "chain"), ("dense, mean", "chain")]
pairs += [("dense", "a lone cnn-4"), ("dense", "the lone cnn-4 of part 1")]
pairs += [("cnn-8 on top, dense", "cnn-8 on top, direct")]
pairs += [("dense, assistants with few images", "direct")]
pairs += [("1×N, both branches, and the teacher", "1×N, direct")]
lab.pair_table(arms, pairs)

# %% [markdown] tags=["slide"]
# - A dense ladder helped under ResNet-20 and under cnn-8, a chain only in part; both needed assistants that had seen more images than the student.
# - Dense was better than chain, as Son et al. report. Part of the reason may be the longer step: with the mean in place of the sum, no difference to the chain was clear.
# - Much of the gain needs no ladder. A lone cnn-4 that learnt from labels taught better than ResNet-20; only the dense sum was clearly better than it, and against the cnn-4 of part 1, chosen on the test images, not even that.
# - The assistant with both kinds of filters made no clear difference. All this is one data set, small networks and short trainings.

# %%
lab.guess_tally()
