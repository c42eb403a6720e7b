# %% [markdown]
# # 07 · Reproducing the papers
#
# **Question: what did the papers measure, and what of it can be seen on a laptop?**
#
# The papers' numbers stand in `data/paper_tables`, each with its source and how sure it is. Ours come from the stored runs of the other notebooks: another data set, small networks, short trainings. So the numbers cannot agree; the *differences* between methods might.
#
# Time: about 25 seconds on two processor cores. Needed: notebooks 02 to 06, or curiosity.

# %%
from collections import Counter

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from kd_course import nb07_papers as lab

# %%
lab.exercise_progress(lab.check_best_of_nothing, lab.check_seeds_needed)

# %%
seeds = lab.SEEDS
found = {}  # name → its lines


def look(name):
    reproduction = lab.find(name, "laptop")
    found[name] = lab.lines_of(reproduction, seeds)
    return reproduction, found[name]


def show(name):
    reproduction, lines = look(name)
    table = lab.markdown(reproduction, lines)
    return Markdown(f"**{reproduction.title}.** {reproduction.differs}\n\n{table}")


def draw(name):
    lab.display_figure(*lab.difference_figure(found[name]))


# %% [markdown]
# How sure are the papers' numbers? "Read" in the paper or the authors' own page, "quoted" by others, "derived" from such, or "not found":

# %% tags=["nbval-check-output"]
numbers = {table: lab.paper_numbers(table) for table in lab.tables()}
sure = {table: Counter(n.certainty for n in of_table) for table, of_table in numbers.items()}
pd.DataFrame(sure).T.fillna(0).astype(int)

# %% [markdown]
# ## Hinton, Vinyals and Dean 2015
#
# With 3 % of the data, soft targets brought the paper's network nearly to where all data bring it. Here the student has 600 of 12,000 labels, 5 %.

# %%
reproduction, lines = look("hinton-regulariser")
few, soft, _, everything = (line.mean for line in lines)
theirs = [line.row.paper[0].value for line in lines if any(line.row.paper)]  # few, soft, all
closed = 100 * (theirs[1] - theirs[0]) / (theirs[2] - theirs[0])
asked = (
    f"In the paper, soft targets closed {closed:.0f} % of the gap between few labels and all labels. "
    "How much of it do they close here?"
)
table = HTML(lab.html_table(reproduction, lines))
shown = lab.difference_figure(lines)[0], reproduction.differs, table
lab.guess_number(asked, 100 * (soft - few) / (everything - few), 15, "%", shown)

# %%
show("hinton-missing-class")

# %%
show("hinton-ensemble")

# %% [markdown]
# The famous result without 3s comes back in part only: soft targets let the student find some images of a class that it has not seen, labels none.
#
# ## The project's plan, and the thesis' three claims
#
# Navarrete Parra asks for accuracy, precision, recall, F1 and speed of the same student with and without a teacher. D'Amicantonio's abstract names three claims.

# %%
show("navarrete")

# %%
show("damicantonio")

# %% [markdown]
# With all labels the teacher does not help this student (notebook 02 asks why). Of the three claims one is seen here: without the small entries the student is worse. What was meant with confident answers and with corrections, the abstract does not say; of our attempts none is better.
#
# ## Several teachers, and pictures of other things

# %%
show("fukuda")

# %%
show("uste")

# %%
show("mismatched")

# %% [markdown]
# Digits and noise say little about clothes: the student of digits is better than chance, and far from useful. Which way several teachers speak matters little here; that there is one at all matters much.
#
# ## Assistants
#
# Two papers, each with its own ladders. Of every row that a paper compares as we do: has its difference the same sign here?

# %%
shown, words = (), []
for name in ("takd", "dgkd"):
    reproduction, lines = look(name)
    figure = lab.difference_figure(lines)[0]
    table = HTML(lab.html_table(reproduction, lines))
    shown += (reproduction.title, figure, reproduction.differs, table)
    words += lab.agreements(lines).values()
asked = f"How many of the {len(words)} differences have the same sign, and are clear, here?"
lab.guess_number(asked, words.count("same sign"), 1, answer=shown)

# %% [markdown]
# ## On the papers' own images
#
# CIFAR-100, the papers' plain networks and settings, 20 passes in place of 160. In the chart both stand on the same data.

# %%
on_cifar = lab.find("takd", "cifar")
lines = lab.lines_of(on_cifar, seeds)
Markdown(f"**{on_cifar.title}.** {on_cifar.differs}\n\n{lab.markdown(on_cifar, lines)}")

# %%
lab.display_figure(*lab.difference_figure(lines))

# %% [markdown]
# Within 1.4 points of the paper are the networks on labels, but for the student, and the students of networks that nobody taught. cnn-2 on its labels is 5.8 points lower here, so the teacher's gain is twice the paper's; the students of assistants are lower by 0.8 to 2.4, that of cnn-10 by 1.8 (by nothing against the paper's figure 2). The assistants' gain is not seen. The paper's numbers are the best of a search over λ, T and the seed, after 160 passes; ours have five seeds, one setting and 20 passes.

# %% [markdown]
# ## The benchmark of losses, and 1×N filters

# %%
show("benchmark")

# %%
draw("benchmark")

# %%
show("rows")

# %% [markdown]
# In the paper, plain KD was worse than no teacher for a student of 1×N filters. Here it is better: there is no loss that an assistant could mend.
#
# ## The newest losses
#
# Of each pair of networks, papers print a number a method, often to a hundredth of a point. A reader of DKD's code trained one pair five times over.
#
# And the methods: how many of them lie outside of those five runs by more than half a point?

# %% tags=["nbval-check-output"]
values, runs = lab.published(), lab.repetitions()
spread = max(runs) - min(runs)
far = {
    name: value for name, value in values.items() if not -0.5 <= value - min(runs) <= spread + 0.5
}

# %%
told = f"Five runs of DKD: {min(runs):.2f} to {max(runs):.2f} %, published {values['DKD']:.2f} %."
methods = [name for name in values if name not in ("labels only", "KD")]
count = sum(name in far for name in methods)
asked = f"How many of the {len(methods)} methods lie more than half a point outside of five runs of DKD?"
shown = lab.draw_published()[0], told, "More than half a point outside: " + ", ".join(far)
lab.guess_number(asked, count, 0, answer=shown)

# %% [markdown]
# Six of them (TTM, WTTM, DIST, DKD, WKD-L, KD with standardised logits) lie within 0.6 points, not much further apart than five repetitions of one, 0.4. All are far from plain KD and from the labels; which of them is the best, this table cannot say. Each was tuned by its own authors, the common codes report the best epoch on the test images, and we found no interval of paired runs. Notebook 03 has most of them with equal budgets, on other images.
#
# ## Which differences agree?
#
# For every row that the paper compares as we do: the sign of the paper's difference (where its settings agree among themselves), and our verdict.

# %%
agreed = {}
for name, lines in found.items():
    for row, word in lab.agreements(lines).items():
        agreed.setdefault(word, []).append(f"{name}, {row}")
for word, rows in agreed.items():
    print(f"{word}: {len(rows)}\n  " + "\n  ".join(rows))

# %% [markdown]
# ## At the papers' scale
#
# The same names with the papers' data, networks and settings. Before it trains, the command says how many multiply-adds and about how many hours that is on your device, and asks. It goes on where it was cut off, and writes one HTML page and one CSV file.
#
# ```
# kd reproduce dgkd --scale paper
# kd reproduce benchmark --scale paper --seeds 5 --yes --dask tcp://host:8786
# ```

# %% tags=["nbval-check-output"]
print("\n".join(lab.names()))

# %% [markdown]
# ## Exercise 1: the best of nothing
#
# A method with 29 settings is tried once each, and its best is compared with one run of the baseline (such a table exists: `data/paper_tables/haitongli.csv`). If no setting does anything, scores are normal around the baseline's, with standard deviation `spread`. How many points does the best one seem to gain, on average? Simulate, or integrate.


# %% tags=["exercise"]
def my_best_of_nothing(settings, spread):  # → points
    # solution
    drawn = np.random.default_rng(0).normal(0, spread, size=(20_000, settings))
    return drawn.max(axis=1).mean()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_best_of_nothing(my_best_of_nothing))

# %% [markdown]
# ## Exercise 2: how many seeds?
#
# TAKD's residual networks gain 0.33 points on CIFAR-10. If paired differences scatter by `spread` points (standard deviation), how many seeds are needed before the 95 % interval of their mean leaves out 0? `scipy.stats.t.ppf(0.975, n - 1)` is Student's t.


# %% tags=["exercise"]
def my_seeds_needed(spread, difference):  # → a whole number, at least 2
    # solution
    from scipy.stats import t

    n = 2
    while t.ppf(0.975, n - 1) * spread / n**0.5 >= difference:
        n += 1
    return n
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_seeds_needed(my_seeds_needed))

# %% [markdown]
# ## What we saw
#
# How much do accuracies and paired differences scatter here?

# %%
arms = lab.accuracies(lab.collect(lab.treatment_arms, seeds))
spreads = {name: np.std(np.subtract(values, arms["KD"]), ddof=1) for name, values in arms.items()}
print(f"accuracy of plain KD: {np.std(arms['KD'], ddof=1):.2f} points")
del spreads["KD"]
print(f"differences to it: {min(spreads.values()):.2f} to {max(spreads.values()):.2f} points")

# %% tags=["nbval-check-output"]
Markdown("\n".join(f"- {word}: {len(rows)}" for word, rows in agreed.items()))

# %% [markdown]
# The basic ideas come back with their sign: soft targets with few labels, an ensemble, KD over labels, every larger network over a chain. Size alone does not decide: standardised logits gained on all seven pairs of the papers, and nothing is clear here. One sign is the other way round: decoupled KD, with the β of other networks. Both were tuned for each pair there.
#
# Many published cells are the best of a search, or of all steps on the test images. Exercise 1 says what that is worth.

# %%
lab.guess_tally()
