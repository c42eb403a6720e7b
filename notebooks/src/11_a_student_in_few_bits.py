# %% [markdown]
# # 11 · A student in few bits
#
# **Question: a student has to become small. How few bits can its weights have, and does a teacher help then?**
#
# One way to fewer bytes is a smaller network. Another is fewer bits for each weight. Mishra and Marr (*Apprentice*, ICLR 2018) combine the second with distillation: a teacher in full precision, and a student whose weights have 4 bits, or only three values. We could not read their tables, so we try their three schemes on networks of our own.
#
# Time: about a minute on two processor cores. Needed: notebooks 02 and 10.

# %%
import pandas as pd
import torch

from kd_course import nb11_low_precision as lab
from kd_helpers import load_dataset

data = load_dataset("fashion-mnist")
labels = data.test.labels  # (10000,)

# %%
lab.exercise_progress(lab.check_levels, lab.check_ternary, lab.check_straight_through)

# %% [markdown]
# ## Levels
#
# Eight bits can tell 256 numbers apart, four bits 16. So with [quantisation](glossary.md#quantisation), each weight becomes the nearest of a few **levels**: a whole number times a **scale**. We take whole numbers from $-n$ to $n$ with $n = 2^{b-1} - 1$, and give each output channel the scale that just reaches its largest weight:
#
# $$s = \frac{\max |w|}{n}, \qquad \hat w = s \cdot \mathrm{round}(w / s)$$
#
# Here are four weights with 8 bits, with 4 and with 3:

# %% tags=["nbval-check-output"]
rows = {}
w = torch.tensor([[0.1, -0.2, 0.9, -1.2]])  # (channels, weights)
for bits in (8, 4, 3):
    n = 2 ** (bits - 1) - 1
    s = w.abs().amax(dim=1, keepdim=True) / n  # (channels, 1)
    mine = s * (w / s).round()
    assert torch.allclose(mine, lab.rounded(w, bits))  # the helper's
    rows[f"{bits} bits"] = [f"{x:.3f}" for x in mine[0].tolist()]
table = pd.DataFrame(rows, index=w[0].tolist()).T.rename_axis("weight")
asked = "The channel has the weights 0.1, −0.2, 0.9 and −1.2. What is left of the 0.1 with 3 bits?"
lab.guess_number(asked, mine[0, 0].item(), 0.05, answer=table)

# %% [markdown]
# With two bits there are three levels, and the largest weight alone should not decide where they lie. For [ternary weights](glossary.md#ternary-weights), Li, Zhang and Liu (2016) set a weight to 0 if its size is below 0.7 times the mean $|w|$ of its channel. The others become $\pm a$, where $a$ is the mean $|w|$ of those that are left.

# %% tags=["nbval-check-output"]
print("ternary:", *(f"{x:6.3f}" for x in lab.ternary(w)[0].tolist()))

# %% [markdown]
# Activations are rounded too, here always to 8 bits, from 0 to the largest value that is usual at that place. What remains of a layer is whole numbers times whole numbers, added up, and one scale at the end. A test of this course compares our layers with exactly that arithmetic.
#
# **How can a network learn through a staircase?** The derivative of rounding is 0 almost everywhere. So training keeps the unrounded weights, computes the answer with the rounded ones, and passes the gradient on as if nothing had been rounded. This is called **[straight through](glossary.md#straight-through)**; you will write it in exercise 3.
#
# In `kd_helpers` such a network has a name: `"cnn-2-int8"`, `"cnn-2-int4"`, `"cnn-2-ternary"`. It has the starting weights of `"cnn-2"`.

# %% [markdown]
# ## What do few bits cost?
#
# The student is that of notebooks 03 and 04, a cnn-2 with 2,000 labelled images, here trained for 300 steps of 64. All its layers get few bits, even the first and the last. The arms use [paired seeds](glossary.md#paired-seeds): the same images, starting weights and batches. First, we train on labels alone.

# %% tags=["nbval-check-output"]
floats = lab.collect(lab.float_arms, lab.SEEDS)
few = lab.collect(lab.low_arms, lab.SEEDS)
whole = lab.right_answers(floats, labels)  # arm → (five, 10000)
low = lab.right_answers(few, labels)  # (width, arm) → the same
alone = {lab.FLOAT: whole[lab.LABELS]} | {w: low[w, lab.LABELS] for w in lab.WIDTHS}
lost = -lab.verdicts(alone, lab.FLOAT)["ternary"].mean
asked = "How many points does the ternary student lose against float32?"
lab.guess_number(asked, lost, 1, "points", lab.verdict_table(alone, baseline=lab.FLOAT))

# %% [markdown]
# ## A teacher for few bits
#
# Apprentice has three schemes:
#
# - **A**: teacher and student start together and learn side by side.
# - **B**: the teacher is trained already; the student starts from scratch, in few bits.
# - **C**: the student is first trained in full precision, then rounded to few bits, then trained further with the teacher.
#
# We try B ("distilled" below) and C ("distilled, lowered, tuned") with the course's ResNet-20, T = 4 and α = 0.9. Budgets are equal: the student of C takes 200 steps in float32 and 100 in few bits.

# %% tags=["nbval-check-output"]
arms = (lab.LABELS, lab.TAUGHT, lab.TUNED)
schemes = {lab.FLOAT: whole} | {w: {arm: low[w, arm] for arm in arms} for w in lab.WIDTHS}
gain = {w: lab.paired_verdict(of[lab.TAUGHT], of[lab.LABELS]).mean for w, of in schemes.items()}
shown = lab.verdict_tables(schemes, baseline=lab.LABELS)
asked = "At which width does the teacher (scheme B) add most?"
lab.guess_one(asked, list(gain), max(gain, key=gain.get), shown)

# %% tags=["nbval-check-output"]
tuned = {w: lab.paired_verdict(low[w, lab.TUNED], low[w, lab.TAUGHT]) for w in lab.WIDTHS}
count = sum(verdict.word == "BETTER" for verdict in tuned.values())
asked = "At how many of the three widths is C clearly better than B?"
lab.guess_number(asked, count, 0, answer=tuple(f"{w}: {verdict}" for w, verdict in tuned.items()))

# %% [markdown]
# What makes the idea attractive is this comparison: a *taught* student in few bits against one in float32 that was *not* taught.

# %% tags=["nbval-check-output"]
for w in lab.WIDTHS:
    print(w, "B against float32:", lab.paired_verdict(low[w, lab.TAUGHT], whole[lab.LABELS]))

# %% [markdown]
# ### Scheme A
#
# A ResNet-20 that learns beside every student would take hours here. So in A the ternary student has its own **float32 twin** beside it: cnn-2 with the same starting weights and batches. The twin minimises its cross-entropy with the labels, and the student takes its answers as constants. At the end the twin is exactly the float32 network of the first table. The control is scheme B with that network, trained *before* it teaches.

# %% tags=["nbval-check-output"]
together = lab.right_answers(lab.collect(lab.together_arms, lab.SEEDS), labels)
together |= {arm: low["ternary", arm] for arm in (lab.LABELS, lab.TAUGHT)}
print("A against labels:", lab.paired_verdict(together[lab.BESIDE], together[lab.LABELS]))
words = {"BETTER": "the twin that learns beside it", "WORSE": "the twin that has finished"}
found = lab.verdicts(together, lab.BEFORE)[lab.BESIDE].word
right = words.get(found, "no clear difference")
shown = lab.verdict_table(together, baseline=lab.BEFORE)
asked = "Who is the better teacher of the ternary student?"
lab.guess_one(asked, (*words.values(), "no clear difference"), right, shown)

# %% [markdown]
# ## Rounded afterwards
#
# Most people train in float32 and round at the end. The ranges of the activations are read off on 512 training images; no weight is trained further. The figure shows this beside training in few bits and scheme C.

# %%
after = lab.all_afterwards(floats, data)  # (width, arm) → right answers (five, 10000)
pairs = {
    f"{w}, {arm}": {"afterwards": after[w, arm], "while training": low[w, arm]}
    for w in lab.WIDTHS
    for arm in (lab.LABELS, lab.TAUGHT)
}

# %%
words = {
    key: lab.verdicts(pair, "afterwards")["while training"].word for key, pair in pairs.items()
}
good = [w for w in lab.WIDTHS if "BETTER" not in [words[f"{w}, {arm}"] for arm in arms[:2]]]
figure = lab.draw_widths(lab.lines_of(whole, low, after), (lab.FLOAT, *lab.WIDTHS))
asked = "Down to which width is rounding afterwards not clearly worse than training in few bits?"
shown = figure, lab.verdict_tables(pairs, baseline="afterwards")
lab.guess_one(asked, lab.WIDTHS, good[-1], shown)

# %% [markdown]
# ## Does int8 cost a distilled network more?
#
# A fair question: the student was fitted to soft targets, and perhaps what it learnt from them sits in the last bits. So we take what rounding afterwards *costs* a network, and compare the costs of the taught and the untaught one, paired by seed and by image. WORSE would mean that the distilled network loses more.

# %%
costs = {key: lab.cost(after[key], whole[key[1]]) for key in after}  # -1, 0 or 1 an image
lab.display_figure(lab.draw_costs(costs))

# %%
cost_verdicts = {
    w: lab.paired_verdict(costs[w, lab.TAUGHT], costs[w, lab.LABELS]) for w in lab.WIDTHS
}
for w, verdict in cost_verdicts.items():
    print(w, verdict)

# %% [markdown]
# ## Bytes and milliseconds
#
# Now to the files. `export` writes ONNX; with `int8=True` onnxruntime finds the ranges of the activations by itself, from training images. No runtime here has a convolution with fewer than 8 bits. So the 4-bit and the ternary network are int8 files with few different numbers in them, and the saving shows only when the file is compressed, here by gzip.

# %%
taught = {lab.FLOAT: floats[lab.TAUGHT][0]} | {w: few[w, lab.TAUGHT][0] for w in lab.WIDTHS}
files = lab.write_files(taught, data)
table = lab.file_table(files, taught, data)
share = table.astype(float).loc["int8"] / table.astype(float).loc[lab.FLOAT]

# %%
asked = "int8 has a quarter of the bits. How large is its file, in percent of the float32 file?"
lab.guess_number(asked, 100 * share["file, kB"], 8, "%", table.iloc[:, :4])

# %%
options = ("about a quarter", "less, but more than a quarter", "as much, or more")
slow = share["256 images, ms"]
asked = "And how much of the time does 256 images take, on this machine?"
lab.guess_one(asked, options, options[int(slow > 0.35) + int(slow > 0.95)], table.iloc[:, 4:])

# %% [markdown]
# "As the network" is the share of test images with the same answer from the file and from the network of this notebook. The two differ a little: onnxruntime finds its own ranges, and uses 7 of the 8 bits for weights, so that sums do not overflow on older processors.
#
# Some kilobytes of each file are the graph, not the weights. And the time depends on the processor: without instructions for int8, and for a network this small, rounding can take more time than it saves. Measure on the machine where the student is to run.

# %% [markdown]
# ## Explore
#
# **Try it:** move from float32 to ternary. The left picture shows accuracy (mean of five seeds) against the size of the compressed file; no other network beats one on the dashed line in both. The right picture shows the 784 weights into the output "Shirt".

# %%
first = {(lab.FLOAT, arm): runs[0] for arm, runs in floats.items()}
first |= {key: runs[0] for key, runs in few.items()}  # of seed 0
points = lab.points_of(whole, low, after, lab.kilobytes(files))
explorer = lab.build_width_explorer(points, lab.output_weights(first, 6), "Shirt")
alt = "Accuracy against kilobytes with the frontier, and a histogram of weights."
lab.display_live(explorer, explorer.still(alt, width="int4"))

# %% [markdown]
# ## Exercise 1: levels
#
# Round each row to $2^b - 1$ levels, with one scale for each row.


# %% tags=["exercise"]
def my_levels(weight, bits):  # (C, M), b → (C, M)
    # solution
    largest = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(dim=1, keepdim=True) / largest
    return scale * (weight / scale).round()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_levels(my_levels))

# %% [markdown]
# ## Exercise 2: three levels
#
# The threshold is 0.7 times the mean $|w|$ of the row; the level is the mean $|w|$ of the weights above it.


# %% tags=["exercise"]
def my_ternary(weight):  # (C, M) → (C, M)
    # solution
    size = weight.abs()
    large = size > 0.7 * size.mean(dim=1, keepdim=True)
    level = (size * large).sum(dim=1, keepdim=True) / large.sum(dim=1, keepdim=True)
    return level * large * weight.sign()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_ternary(my_ternary))

# %% [markdown]
# ## Exercise 3: straight through
#
# `levels` are the rounded weights, without a gradient. Return a tensor that has their values and whose gradient reaches `weight` unchanged. One line with `.detach()` is enough.


# %% tags=["exercise"]
def my_straight_through(weight, levels):  # (C, M), (C, M) → (C, M)
    # solution
    return weight + (levels - weight).detach()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_straight_through(my_straight_through))

# %% [markdown]
# ## What we saw

# %%
print("int8 costs the distilled network, against the plain one:", cost_verdicts["int8"])
lab.summary(whole, low, after, files)

# %% [markdown]
# - **int8 does not cost a distilled network more.** With eight bits neither network loses anything that five seeds can show; with four bits the same holds, less surely. Three values are another matter: rounded afterwards the network loses many points, and training with the rounding wins most of them back.
# - **The teacher helps at every width**, and a taught ternary student beats an untaught one in float32: Apprentice's idea holds. None of its other schemes beat B; A was worse than no teacher.
# - **The file** shrinks by less than the bits do, and on this processor int8 was slower. Ten classes, 28 pixels and a short training are a mild test: measure your own.

# %%
lab.guess_tally()
