# %% [markdown]
# # 12 · Sequences
#
# **Question: some networks answer with a sequence, one piece after another. What should a student learn from: each piece, or the whole?**
#
# Kim and Rush (2016) applied [distillation](glossary.md#distillation) to translators. Our task is smaller, from English spelling to phonemes: *thought* → TH AO T. Both take an encoder, a decoder and attention, so everything they tried can be tried here.
#
# Time: about 20 seconds on two processor cores. Needed: notebook 02.

# %%
import numpy as np
import torch
from torch.nn import functional as F

from kd_course import nb12_sequences as lab

# %%
lab.exercise_progress(
    lab.check_token_loss, lab.check_phoneme_error_rate, lab.check_nearest_hypothesis
)

# %% [markdown]
# ## The task
#
# The words come from the CMU Pronouncing Dictionary: 3 to 10 letters, 39 phonemes, stress left out. Some words have two pronunciations; either counts as right.
#
# Words that are held out must be *new*. If *hopping* were in training and *hopped* in test, the network could simply look it up. So words are kept in families: all that share a stem go to the same [split](glossary.md#split).

# %%
words = lab.splits()
print({part: len(some) for part, some in words.items()})
for word in words["test"][:8]:
    print(word, lab.dictionary()[word])

# %% [markdown]
# ## The teacher
#
# One LSTM reads the letters in both directions, a second one says the phonemes, and attention lets it look back at the letters. The teacher learnt all training words; the students will get 20,000 of them.

# %%
teacher = lab.teacher()
results = {"teacher": [lab.load_or_train("teacher", lab.TEACHER)], **lab.collect_results(lab.SEEDS)}
right = 1000 - 10 * results["teacher"][0].word_error_rate("greedy")
asked = "Of a thousand new words, how many does it get wholly right?"
lab.guess_number(asked, right, 80, "words", lab.rate_table({"teacher": results["teacher"]}))

# %% [markdown]
# Is that good? The authors of g2p-seq2seq, a tool for this task, [report](https://github.com/cmusphinx/g2p-seq2seq) for the newest dictionary without stress 33.9 % wrong words with a weighted transducer (Phonetisaurus) and about 31 % with a transformer of 256 units. Rao et al. (2015) report 25.8 % for an LSTM, on an older and easier edition. Our splits differ from theirs: we have short words only, and no inflections of training words. So the numbers show the same order of magnitude and cannot be compared to the point.
#
# ## A beam
#
# The network gives the probability of the *next* phoneme. Taking the most likely one each time is called greedy. [Beam search](glossary.md#beam-search) keeps the five best beginnings and continues all of them.


# %%
def my_beam(next_probabilities, width, places):
    kept = [((), 1.0, False)]  # beginning, its probability, is it over
    for _ in range(places):
        grown = [one for one in kept if one[2]]
        for said, p, over in kept:
            if not over:
                for token, q in enumerate(next_probabilities(said)):
                    end = token == lab.END
                    grown.append((said if end else (*said, token), p * q, end))
        kept = sorted(grown, key=lambda one: -one[1])[:width]
    return kept


# %%
letters = lab.letters_of(["thought"])
read, memory = teacher.read(letters.long())


def next_probabilities(said):
    before = torch.tensor([[lab.START, *said]])
    with torch.no_grad():
        return teacher.say(before, read, memory)[0][0, -1].softmax(dim=0).tolist()


mine = my_beam(next_probabilities, 5, lab.PLACES)
beam = lab.spell(teacher, letters, 5)

# %% tags=["nbval-check-output"]
same = [list(said) == beam.phonemes(0, i) for i, (said, _, _) in enumerate(mine)]
print("the same five hypotheses as the helper's:", all(same))

# %%
for i, (said, p, _) in enumerate(mine):
    print(f"{p:.3f}  {beam.scores[0, i].exp():.3f}  {' '.join(lab.names(said))}")

# %% [markdown]
# ## Lesson 1: each phoneme
#
# At each place, teacher and student have seen the same phonemes so far, those of the dictionary. So each place is an example like those of notebook 02, with 40 classes: 39 phonemes and the end.
#
# $$L_\text{word} = (1-\alpha)\,\mathrm{CE} + \alpha\,T^2\,\frac1n\sum_{\text{places}} \mathrm{KL}\big(p_T(\cdot \mid \text{so far}) \,\|\, q_T(\cdot \mid \text{so far})\big)$$
#
# Kim and Rush call this *word level*, since in translation the pieces are words. It needs no new method and no new loop: `PerToken` splits a batch into its places and leaves out those after the end.

# %%
some = lab.encode(["cat", "thought"], [("K", "AE", "T"), ("TH", "AO", "T")])
inputs = some.images.long()  # (2, 2, 11): letters, and the phonemes before each place
told = teacher(inputs)  # (2, 11 · 40)
torch.manual_seed(0)
student = torch.randn(told.shape).requires_grad_()
method = lab.PerToken(lab.SOFT)  # HintonKD at T = 1, α = 0.9
print({name: round(value.item(), 3) for name, value in method(student, told, some.labels).items()})

# %% [markdown]
# ## Lesson 2: the whole sequence
#
# The teacher's distribution over *all* pronunciations has most of its mass on a few of them. At [sequence level](glossary.md#sequence-level), Kim and Rush put all of it on one, the best of the teacher's beam. The student then learns by cross-entropy, with the teacher's answer in place of the dictionary's. Only the data change. But then some targets are wrong: what could a student gain from those?

# %%
shown = words["train"][:500]
beams = lab.spell(teacher, lab.letters_of(shown), lab.WIDTH)
other = lab.disagreements(shown, beams)
asked = f"On how many of {len(shown)} training words does the teacher say something else than the dictionary?"
lab.guess_number(asked, len(other), 40, "words", other.head(8))

# %% [markdown]
# Some of these are mistakes. Many follow the rule where the dictionary has an exception, a foreign name or a slip. The teacher's pronunciations are more regular, and that may suit a small network.
#
# ## Lesson 3: between both
#
# The *interpolated* target is, of the five hypotheses, the one closest to the dictionary: something the teacher would say, and no further from the truth than it must be. (The paper fine-tunes with it; here it is a lesson of its own, as long as the others.)

# %%
for i in range(500):
    truth = lab.dictionary()[shown[i]][0]
    place = lab.nearest(beams, i, truth)
    if place > 1:
        told = [" ".join(lab.names(beams.phonemes(i, p))) for p in (0, place)]
        print(f"{shown[i]}: {' '.join(truth)} | best {told[0]} | nearest {told[1]}")
        break

# %% [markdown]
# ## Five lessons
#
# The student has a tenth of the teacher's weights. It learns from labels, from lesson 1, 2 or 3, or from 1 and 2 together: word level on the teacher's sequences. All have the same words, starting weights and number of steps. Smoothed labels (ε = 0.1, see [label smoothing](glossary.md#label-smoothing)) stand beside them: is softness all that lesson 1 has to give?

# %%
rates = {
    way: {arm: [r.phoneme_error_rate(way) for r in of] for arm, of in results.items()}
    for way in ("greedy", "beam")
}
at_teacher = {way: of.pop("teacher")[0] for way, of in rates.items()}
best = {way: min(of, key=lambda arm: sum(of[arm])) for way, of in rates.items()}
table = lab.rate_table(results)
lessons = list(rates["greedy"])

# %%
asked = "Which lesson has the lowest error rate in phonemes, greedily?"
lab.guess_one(asked, lessons, best["greedy"], table[["phonemes, greedy", "words, greedy"]])

# %%
shown = lab.draw_rates(rates, at_teacher), table
lab.guess_one("And by a beam of five?", lessons, best["beam"], shown)

# %% [markdown]
# The verdicts are about the share of right phonemes, 100 % minus the error rate, so that more is better, as everywhere in the course.

# %%
right = {
    way: {arm: [100 - rate for rate in values] for arm, values in of.items()}
    for way, of in rates.items()
}
lab.verdict_table(right["greedy"], baseline="labels")

# %% [markdown]
# Next come the words that are right as a whole. Here the luck of the test words is counted too, like that of the images in other chapters: the last column is the interval over seeds and words.

# %%
students = {arm: of for arm, of in results.items() if arm != "teacher"}
whole = {arm: np.stack([r.right("greedy") for r in of]) for arm, of in students.items()}
told = lab.verdict_table(whole, baseline="labels")
told.rename(columns={"over images too": "over words too"})

# %% [markdown]
# ## Does the student still need a beam?
#
# A student of sequences was shown what a beam finds. Kim and Rush saw that it hardly needs a beam of its own: distillation gained 4.2 BLEU greedily (14.7 to 18.9) and 1.7 with a beam (to 19.3). This is what a beam adds here, lesson by lesson:

# %%
both = {f"{arm}, {way}": right[way][arm] for arm in students for way in ("greedy", "beam")}
lab.pair_table(both, [(f"{arm}, beam", f"{arm}, greedy") for arm in students])

# %% [markdown]
# And this is the time that a student saves, for 250 words at a time; compare the ratios:

# %%
spellers = {"teacher": teacher}
for arm, lesson in lab.arms(0).items():
    spellers[f"student, {arm}"] = lab.speller_of(lesson, lab.load_or_train(arm, lesson))
pair = {name: spellers[name] for name in ("teacher", "student, sequence")}
lab.seconds_per_thousand(pair, words["test"][:250], lab.WIDTH)

# %% [markdown]
# ## Type a word
#
# A pronunciation that the dictionary has is orange.

# %%
explorer = lab.build_spelling_explorer(spellers, "student, sequence")
lab.display_live(explorer, explorer.still("“thought”: beams of teacher and students, attention"))

# %% [markdown]
# ## Exercise 1: word level by hand
#
# Compute T² times the KL divergence at each place, as a mean over the real places; those after the end have the label -100.


# %% tags=["exercise"]
def my_token_loss(student, teacher, labels, T):  # (B, P, K), (B, P, K), (B, P) → scalar
    # solution
    there = labels != -100
    q = F.log_softmax(student[there] / T, dim=-1)  # (places, K)
    p = F.softmax(teacher[there] / T, dim=-1)
    return T * T * F.kl_div(q, p, reduction="batchmean")
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_token_loss(my_token_loss))

# %% [markdown]
# ## Exercise 2: phoneme error rate
#
# Compute it in percent: the edits of all words, divided by the number of right phonemes of all words. `lab.edit_distance(said, true)` counts the edits of one word.


# %% tags=["exercise"]
def my_phoneme_error_rate(said, true):  # two lists of lists of phonemes → percent
    # solution
    edits = sum(lab.edit_distance(a, b) for a, b in zip(said, true))
    return 100 * edits / sum(len(b) for b in true)
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_phoneme_error_rate(my_phoneme_error_rate))

# %% [markdown]
# ## Exercise 3: the nearest hypothesis
#
# Find its place in the beam; of equally near hypotheses take the more probable one, which comes first.


# %% tags=["exercise"]
def my_nearest(hypotheses, truth):  # lists of phonemes, best first → place
    # solution
    edits = [lab.edit_distance(one, truth) for one in hypotheses]
    return edits.index(min(edits))
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_nearest_hypothesis(my_nearest))

# %% [markdown]
# ## What we saw

# %% tags=["nbval-check-output"]
pairs = [("sequence", "labels"), ("word", "smoothed labels"), ("sequence", "smoothed labels")]
pairs += [("sequence", "word"), ("interpolated", "smoothed labels")]
pairs = [(f"{arm}, greedy", f"{other}, greedy") for arm, other in pairs]
lab.pair_table(both, [*pairs, ("sequence, greedy", "labels, beam")])

# %% [markdown]
# - Every lesson beats labels, and so do smoothed labels. Word and sequence level beat these too; neither is clearly ahead of the other.
# - The interpolated target is the weakest: it is mostly the dictionary's own. A small network may gain more from the teacher's regular answers than from the right ones.
# - A beam still adds something to every student. But greedily the student of sequences is better than the student of labels with a beam, and faster.
# - This is one task, one teacher and short trainings, with settings chosen on one seed.

# %%
lab.guess_tally()
