# %% [markdown]
# # 00 · Start here
#
# **Question: is everything here, and how does this course work?**
#
# Knowledge [distillation](glossary.md#distillation) trains a small network, the [student](glossary.md#student), on the answers of a large one, the [teacher](glossary.md#teacher). In this course every picture is a real image, every network was really trained, and the controls show the answers of trained networks.
#
# Time: about one minute on two processor cores. No GPU and no network connection are needed. You should be able to read Python and know what a neural network classifier is.

# %%
import torch

from kd_course import nb01_targets as lab
from kd_course.checkup import check
from kd_helpers import load_dataset, pick_device
from kd_helpers.data.augment import ViewSet, make_views

# %% [markdown]
# ## Is everything here?
#
# Each line below says `[ok]`, or `[failed]` and what to do about it.

# %%
status = check()

# %% [markdown]
# ## Which device, and why
#
# The device is chosen once. The same notebooks run on a GPU when there is one. Training uses whichever number format is faster here. A processor that has bfloat16 instructions need not be fast at them, so both formats are timed.

# %%
device = pick_device()
dtype, reason = lab.pick_precision(device)
print(f"{device}, {dtype}: {reason}")

# %% [markdown]
# ## The images
#
# Fashion-MNIST: 28×28 grey pictures of ten kinds of clothes. The [splits](glossary.md#split) never change. Networks learn from the training images, choices (which temperature?) are made on the validation images, and each run is measured once on the test images, after its last step; they never decide anything.

# %% tags=["nbval-check-output"]
data = load_dataset("fashion-mnist")
for name in ("train", "val", "test"):
    split = getattr(data, name)
    print(name, tuple(split.images.shape), split.images.dtype, tuple(split.labels.shape))

# %%
images, labels = data.test.images[:20], data.test.labels[:20]  # (20, 1, 28, 28), (20,)
titles = [data.classes[label] for label in labels]
lab.display_figure(lab.draw_samples(images.numpy(), titles))

# %% [markdown]
# ## How controls work
#
# Below is the first one. Run the notebook (menu *Run*, *Run All Cells*) and you can move the controls; before that, and on a web page, you see a still picture.

# %% [markdown]
# During training, images are shifted and mirrored: [augmentation](glossary.md#augmentation). In this course each augmented version of an image has a number, its *view*, and view 0 is the plain image. So a teacher's answer can be stored under its image *and* its view, and is never given to another picture.

# %%
augmentation = ViewSet(flip=True, max_shift=2)
explorer = lab.build_view_explorer(images, augmentation)
numbers = torch.tensor([0, 1, 2, 10, 18, 49])  # (6,) six of the views of image 0
shown = make_views(images[:1].expand(6, -1, -1, -1), numbers, augmentation)  # (6, 1, 28, 28)
lab.display_live(explorer, lab.draw_views(shown.numpy(), numbers))

# %% tags=["nbval-check-output"]
asked = "How many views are there with shifts of up to 2 pixels each way, mirrored or not?"
counted = "5 shifts up or down × 5 to the left or right × mirrored or not."
lab.guess_number(asked, len(augmentation), 0, "views", counted)

# %% [markdown]
# ## How exercises work
#
# An exercise is a function with a gap. Fill it in, run the cell, then run the check below it. The check tells you what is wrong, not merely that something is. A gap left open does not stop *Run All*. The answers are in `notebooks/solutions/`; if you do not have that folder, your lecturer does.
#
# **Exercise.** A network gives each image ten numbers, its [logits](glossary.md#logit); its answer is the class with the largest one. Compute the share of right answers.


# %% tags=["exercise"]
def my_accuracy(logits, labels):  # (N, K), (N,) → a number from 0 to 1
    # solution
    return (logits.argmax(dim=1) == labels).float().mean()
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_accuracy(my_accuracy))

# %% [markdown]
# ## What we saw
#
# - Everything is here, and you know which device is used and why.
# - The images come in three fixed splits: one to learn from, one to choose by, one to look at once.
# - Controls show real images, and the check of an exercise names the mistake.
#
# Next: **01 · Soft and hard targets**.
