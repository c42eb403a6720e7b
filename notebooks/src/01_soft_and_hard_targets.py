# %% [markdown] tags=["slide"]
# # 01 · Soft and hard targets
#
# **Question: what does a trained network know that the label does not say?**
#
# A label names one class. A trained network gives every class a probability, and the wrong ones are not all equally wrong: a shirt is closer to a T-shirt than to a sandal. Hinton, Vinyals and Dean (2015) argue that these small probabilities, which Hinton calls [dark knowledge](glossary.md#dark-knowledge), show how the teacher generalises.
#
# Time: about one minute on two processor cores. Needed: notebook 00, and softmax.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

from kd_course import nb01_targets as lab
from kd_helpers import load_dataset, load_or_train
from kd_helpers.methods.targets import entropy_bits, soften

# %%
lab.exercise_progress(lab.check_soften, lab.check_smooth_labels, lab.check_most_similar)

# %% [markdown]
# ## The teacher
#
# A ResNet-20, trained on the 54,000 labelled training images, shifted and mirrored at random. Its weights and its answers ship with the course, so the next cell loads them. Without the stored files it would train, for about a quarter of an hour on two cores.

# %%
data = load_dataset("fashion-mnist")
teacher = load_or_train(lab.TEACHER)
logits, labels = teacher.logits("test"), data.test.labels  # (10000, 10), (10000,)

# %% [markdown] tags=["slide"]
# ## See it first
#
# Each corner is a class, each dot one of 2,000 test images. A label would put every dot into a corner. The teacher puts each dot where its ten probabilities pull it: close to a corner when it is sure, between corners when it is in doubt.
#
# Press **Raise T slowly**. What *T* means comes below; what it does, you see at once: the dots leave their corners, and not at random. **Which classes come to lie side by side? Who told the teacher that they belong there?** Then ask two students: one has learnt from labels alone, the other from this teacher.

# %% tags=["slide"]
minds = {name: load_or_train(recipe, quiet=True) for name, recipe in lab.minds().items()}
answers = {name: run.logits("test").numpy() for name, run in minds.items()}  # (10000, 10) each
lab.build_polygon(data.test, answers, data.classes)

# %% [markdown] tags=["slide"]
# ## Draw a garment
#
# Change a test image with pen and eraser, or draw your own. Three networks answer after every stroke; they are computed in this page. **Try this:** raise the shaft of the sneaker until it is an ankle boot. What does the teacher say just before it changes its mind? Then make it as unsure as you can.
#
# A ResNet-20 is too large for a page, so the teacher here is a smaller network, `cnn-4`, trained on the same images in the same way. The distilled student learnt from the ResNet-20.

# %% tags=["slide"]
drawers = {name: load_or_train(recipe, quiet=True) for name, recipe in lab.drawers().items()}
lab.build_drawing(data.test, drawers, data.classes)

# %% [markdown] tags=["slide"]
# ## Guess first
#
# Here are eight test images that the teacher finds hard, each below its label. Which other class would you name, if you were allowed a second answer? Your guess stays in this page; a tally at the end counts how many were right.

# %% tags=["slide"]
top_two = soften(logits, 1.0).topk(2, dim=1)  # values and classes (10000, 2)
hard = (top_two.values[:, 0] - top_two.values[:, 1]).argsort()[:8]  # (8,)
titles = [data.classes[label] for label in labels[hard]]
lab.display_figure(lab.draw_ambiguous(data.test.images[hard].numpy(), titles))

# %%
says = [[data.classes[k] for k in top_two.indices[row]] for row in hard]
says = pd.DataFrame(says, index=titles, columns=["the teacher says", "then"]).rename_axis("label")
other = next(name for name in says.iloc[4] if name != titles[4])
others = [name for name in data.classes if name != titles[4]]
asked = f"The fifth image is labelled {titles[4]}. Which other class does the teacher name?"
lab.guess_one(asked, others, other, says)

# %% [markdown]
# ## Run
#
# A network answers with [logits](glossary.md#logit), ten numbers without a unit. [Softmax](glossary.md#softmax) turns them into probabilities: take exponentials, then divide by their sum.

# %%
image = hard[0]
z = logits[image]  # (10,)
p = z.exp() / z.exp().sum()  # (10,)
answer = pd.DataFrame({"logit": z, "probability": p}, index=data.classes)
answer.round({"logit": 2, "probability": 3})

# %% [markdown] tags=["slide"]
# ## Look
#
# On the left is what the label says, on the right what the teacher says. The label is the [hard target](glossary.md#hard-target), the teacher's answer the [soft target](glossary.md#soft-target).

# %% tags=["slide"]
one_hot = torch.nn.functional.one_hot(labels[image], 10).float()  # (10,)
lab.display_figure(lab.draw_hard_and_soft(one_hot, p, data.classes, int(labels[image])))

# %% [markdown]
# ## How many answers look like labels?
#
# Those eight are the hardest of 10,000. Of how many of its answers is the teacher so sure that they hardly differ from a label?

# %%
top = soften(logits, 1.0).max(dim=1)  # values and classes (10000,)
right = top.indices == labels  # (10000,)
sure = 100 * (top.values > 0.99).float().mean().item()
told = f"{100 * right.float().mean():.2f} % of the answers are right; most are very sure."
asked = "On how many test images does the teacher's first answer have a probability above 0.99?"
lab.guess_number(asked, sure, 8, "%", (told, lab.draw_certainty(top.values, right)))

# %% [markdown]
# The logits tell more. Softmax presses the other nine classes down to almost 0, but within one image their logits still differ widely:

# %%
is_label = torch.nn.functional.one_hot(labels, 10).bool()  # (10000, 10)
lab.display_figure(lab.draw_logits(logits[is_label], logits[~is_label]))

# %%
others = logits[~is_label].reshape(-1, 9)  # (10000, 9)
spread = others.max(dim=1).values - others.min(dim=1).values  # (10000,)
print(f"largest minus smallest of the nine: {spread.median():.1f} (median over images)")

# %% [markdown] tags=["slide"]
# ## Name it: temperature
#
# To make the small differences visible, divide the logits by a [temperature](glossary.md#temperature) $T$ before softmax:
#
# $$p_i(T) = \frac{\exp(z_i / T)}{\sum_j \exp(z_j / T)}$$
#
# $T = 1$ is the network's own answer. A larger $T$ brings the probabilities closer together and leaves their order as it is. (Hinton et al. 2015, equation 1.)

# %% tags=["nbval-check-output"]
T = 4.0
by_hand = (z / T).exp() / (z / T).exp().sum()  # (10,)
print("same as the helper:", torch.allclose(by_hand, soften(z, T)))
print("same order of classes:", torch.equal(by_hand.argsort(), z.argsort()))

# %% [markdown] tags=["slide"]
# ## Vary it
#
# The explorer walks through the 10,000 test images. *Most ambiguous first* begins with the images whose two most likely classes are closest; the other filters show the teacher's mistakes, or images between two classes of your choice.

# %% [markdown]
# **Question:** at T = 4 you see that the first image has something of a third class. Lower T to 1: what is left of it? And how high must T be before the last image, the one that the teacher is surest of, shows a second class at all?
#
# <details><summary>An answer</summary>
#
# The first image is a shirt, or as likely a T-shirt. At T = 4 it has 14 % of a dress; of these, 3 % are left at T = 1. The last one is a bag: its second class passes 1 % only between T = 3 and T = 4, and even at T = 20 it stays below a tenth. Some images have little to tell beyond their label.
#
# </details>

# %% tags=["slide"]
pictures = data.test.images.numpy()  # (10000, 1, 28, 28)
explorer = lab.build_temperature_explorer(pictures, logits.numpy(), labels.numpy(), data.classes)
alt = (
    "The most ambiguous test image, like a T-shirt: its soft target at T = 4 and its label, shirt."
)
lab.display_live(explorer, explorer.still(alt))

# %% [markdown] tags=["slide"]
# ## Which classes are alike?
#
# One soft target describes one image. The mean soft target of all images of a class describes the class. Nobody told the teacher that a shirt is like a T-shirt: it learnt this from labels that name one class each.

# %% tags=["slide"]
similarity = lab.mean_soft_labels(soften(logits, 4.0), labels)  # (10, 10), row: true class
lab.display_figure(lab.draw_similarity(similarity, data.classes))

# %% [markdown]
# ## A smoothed label is not a soft label
#
# [Label smoothing](glossary.md#label-smoothing) softens the target too: it takes a share ε from the true class and gives ε/K to each of the K classes. So is a teacher just an expensive way of smoothing labels?
#
# [Entropy](glossary.md#entropy), $-\sum_i p_i \log_2 p_i$ in bits, says how uncertain a distribution is: 0 for a label, 3.32 for ten equal probabilities. Choose ε so that the smoothed label of our image has the same entropy as its soft target.

# %%
soft = soften(z, 4.0)  # (10,)
epsilon = torch.linspace(0, 1, 1001)[:, None]  # (1001, 1)
smoothed = (1 - epsilon) * one_hot + epsilon / 10  # (1001, 10)
same = (entropy_bits(smoothed) - entropy_bits(soft)).abs().argmin()
print(f"entropy of the soft target {entropy_bits(soft):.3f} bits")
print(f"smoothed with ε = {epsilon[same].item():.3f}: {entropy_bits(smoothed[same]):.3f} bits")

# %%
shown = smoothed[same], soft, data.classes, int(labels[image])
lab.display_figure(lab.draw_smoothed_and_soft(*shown))

# %% [markdown]
# A smoothed label is equally unsure of every image, and has no opinion about which wrong class is close. How unsure a soft target is depends on the image:

# %%
entropies = entropy_bits(soften(logits, 4.0))  # (10000,)
lab.display_figure(lab.draw_entropies(entropies, right))

# %% [markdown]
# ## Exercise 1: softmax with a temperature
#
# Write it for a whole batch of images.


# %% tags=["exercise"]
def my_soften(logits, temperature):  # (B, K), T → (B, K)
    # solution
    return torch.softmax(logits / temperature, dim=1)
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_soften(my_soften))

# %% [markdown]
# ## Exercise 2: a smoothed label
#
# The true class keeps 1 − ε, and every class, the true one too, gets ε/K.


# %% tags=["exercise"]
def my_smooth_labels(labels, num_classes, smoothing):  # (B,), K, ε → (B, K)
    # solution
    one_hot = torch.nn.functional.one_hot(labels, num_classes).float()
    return (1 - smoothing) * one_hot + smoothing / num_classes
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_smooth_labels(my_smooth_labels))

# %% [markdown]
# ## Exercise 3: the most similar pair
#
# From the matrix `similarity` (row: true class) find the two *different* classes that are most alike, where alike is the mean of both directions. Return their two numbers.


# %% tags=["exercise"]
def my_most_similar(similarity):  # (K, K) array → two class numbers
    # solution
    both = (similarity + similarity.T) / 2
    both[range(len(both)), range(len(both))] = 0
    return divmod(int(both.argmax()), len(both))
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_most_similar(my_most_similar, similarity))

# %% [markdown] tags=["slide"]
# ## What we saw

# %% tags=["nbval-check-output", "slide"]
Markdown(f"""
- The teacher is right on {teacher.accuracy:.2f} % of the test images, and
  {sure:.0f} % of its answers are surer than 0.99; at T = 1 those are almost
  labels.
- At T = 4 the mean entropy of its answers is {entropies.mean():.2f} bits,
  {entropies[right].mean():.2f} where it is right and {entropies[~right].mean():.2f} where it is
  wrong. A smoothed label has one entropy for all.
- A shirt's mean soft target at T = 4 gives {similarity[6, 0]:.3f} to T-shirt and
  {similarity[6, 5]:.3f} to sandal.
- These numbers come from one teacher, trained once. Whether its doubt *helps a student* is the
  question of notebook 02.
""")

# %%
lab.guess_tally()
