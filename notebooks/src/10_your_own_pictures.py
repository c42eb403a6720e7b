# %% [markdown]
# # 10 · Your own pictures
#
# **Question: you have a folder of pictures, and a teacher that somebody else trained. Does distillation help there, and how does the student get out of the notebook?**
#
# We go from a folder to a file that runs without this course: look, mend, fit a teacher, distil, read the report, export. Then you change one line, `FOLDER`, and do it with your own pictures.
#
# Time: one to two minutes on two processor cores, most of it for 27 short trainings; their results are kept and not trained again. No GPU is needed. Needed: notebook 02.

# %%
import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageOps

from kd_course import nb10_own_pictures as lab
from kd_helpers import distill, image_folder, load_dataset, make_model
from kd_helpers.export import export
from kd_helpers.teachers import adapted

# %%
lab.exercise_progress(lab.check_nearest)

# %% [markdown]
# ## The folder
#
# The folder has five kinds of clothes, in `train/CLASS/` and `test/CLASS/`. We made it from Fashion-MNIST's test images, which the teacher has never seen, and added the kinds of trouble that real folders have.
#
# **To use your own:** write the path of a folder that has a subfolder for each class, such as `"~/pictures"`. Larger pictures need a larger `SIZE`, 64 or 96, and more time.

# %%
FOLDER = lab.make_folder()
SIZE = 28  # of the student's pictures, in pixels

# %% [markdown]
# ## Look first
#
# **Question:** what would you look for before you train? Write it down, then compare with the list below. (`kd data look FOLDER` prints the same list.)

# %%
lab.show_folder(FOLDER, size=SIZE)

# %% [markdown]
# Classes of unequal size are not a fault, but a reason to look at the result of each class. A mixture of grey and coloured files, or of sizes, is a fault only if it goes along with the class: then the network may learn that instead.
#
# The other findings must be mended. One file is broken; without `skip_problems=True` nothing is read, and all broken files are named. One picture is both in `train/` and in `test/`. And there are no dresses to test with, so nobody would know how good the student is on them.
#
# ## Mend
#
# What to do is your decision, not the computer's. Here the copy leaves `train/`, and every fifth dress moves to `test/`. All this is done in a copy of the folder.

# %%
MENDED = lab.mended(FOLDER)
data = image_folder(MENDED, size=SIZE, channels=3, skip_problems=True)

# %% [markdown]
# There is no `val/`, so a fifth of each class is held out of `train/` for validation (see [split](glossary.md#split)). All choices below are made on these pictures; the test pictures are used once for each network.
#
# ## Somebody's teacher
#
# Here is a checkpoint as you might find one: a ResNet-20 for the ten classes of Fashion-MNIST, grey, 28 pixels, saved from a training on several GPUs. `adapted` says how this network wants its pictures; those of the student stay as they are.

# %%
CHECKPOINT = lab.save_checkpoint()
network = make_model("resnet-20", num_classes=10, in_channels=1, image_size=28)
names = load_dataset("fashion-mnist").classes
teacher = adapted(network, size=28, channels=1, classes=names)
told = lab.load_weights(teacher, CHECKPOINT)

# %% [markdown]
# For networks of torchvision, timm and open_clip, one line does the same: `teacher_named("torchvision:resnet18", weights="mine.pth")` (`docs/own-teacher.md`).

# %%
problems = []
for attempt in (lambda: teacher.for_classes(data.classes), lambda: lab.examine(teacher, data)):
    try:
        attempt()
    except ValueError as problem:
        problems.append(str(problem))
asked = "It knows coats, shirts and dresses. Can it teach as it is?"
lab.guess_one(asked, ("yes", "no"), "no" if problems else "yes", tuple(problems))

# %% [markdown]
# It cannot. The first complaint came when we asked for its outputs by name, the second when we showed it the pictures. This folder counts T-shirts as shirts, and its shoes are of three kinds.
#
# What the teacher *sees* is still worth having. `fit_head` keeps the network and fits a new last layer to the training pictures, by logistic regression on its features. This is called a **[linear probe](glossary.md#linear-probe)**. The strength of its regularisation is chosen on validation.

# %%
teacher = lab.fit_head(teacher, data)

# %% [markdown]
# ## Distil
#
# This takes one call. The student is a cnn-2, some thirty times smaller than the teacher. It is trained on labels alone, on [smoothed labels](glossary.md#label-smoothing), and with the teacher, with three [paired seeds](glossary.md#paired-seeds) each. Before that, short trainings choose the learning rate, T and α on validation, and the teacher is examined once more.

# %%
result = distill("cnn-2", teacher, data, seeds=3)

# %%
asked = "How many points does the teacher add to the labels alone, as the mean of three seeds?"
lab.guess_number(asked, result.verdict().mean, 1.5, "points", str(result))

# %% [markdown]
# The [verdict](glossary.md#verdict) comes from the interval of the three paired differences, not from their mean. NO CLEAR DIFFERENCE is an answer, too; to know more, take more seeds, or more test pictures. If the student is BETTER than with labels alone but not than with smoothed labels, the teacher may have done no more than smoothing.
#
# ## Read the report
#
# The report is one page that needs no other file; scroll in it. Which class gained, which lost? Which pictures does only the distilled student get right?

# %%
lab.show_report(result, lab.place() / "report.html")

# %% [markdown]
# ## Out of the door
#
# `export` writes the best student, chosen on validation, to an ONNX file. Then onnxruntime reads it back and answers all test pictures; if the file's answers differ, that is an error.

# %%
exported = export(result.best, lab.place() / "student.onnx", data=data)
exported.table

# %% [markdown]
# Now use it as somebody would who has neither this course nor PyTorch, only the file and a picture. The class names and the size are inside the file, and so is the division by 255.

# %%
session = onnxruntime.InferenceSession(exported.path)
about = session.get_modelmeta().custom_metadata_map
file = lab.some_picture(MENDED)
picture = ImageOps.fit(Image.open(file).convert(about["mode"]), (SIZE, SIZE))
pixels = np.asarray(picture).reshape(SIZE, SIZE, -1).transpose(2, 0, 1)  # (C, H, W) uint8
(logits,) = session.run(None, {"images": pixels[None]})
print(file.relative_to(MENDED), "→", data.classes[logits[0].argmax()])
print("in the file:", about["classes"], about["image_shape"])

# %% [markdown]
# `docs/deploy.md` has the same as a script of twenty lines, other formats, and int8.
#
# ## Vary it
#
# - `FOLDER`: use your own. Every cell above works with it.
# - `"cnn-4"` for `"cnn-2"`: a larger student. Does it still need the teacher?
# - `lab.fit_head(teacher, data, steps=200)`: fine-tune the whole teacher.
# - `distill(..., balanced=True)`: all classes count the same. What happens to dresses, and to the accuracy over all?
#
# On the command line: `kd distill pictures --teacher … --student cnn-2 --seeds 3`.
#
# ## Exercise: why is this gain not real?
#
# A colleague delivers new training pictures for the folder. The student is trained again, on labels alone; the test pictures stay the same.

# %%
before, after = (image_folder(path, size=SIZE) for path in lab.make_delivery())
runs = lab.delivery_runs(before, after)
lab.verdicts_of(runs)

# %% [markdown]
# `image_folder` found no picture that is in two splits, "pixel by pixel". But a copy that was resized, or saved as a JPEG, has other pixels.
#
# Write a function that says how far each of `images` is from the nearest of `others`: the mean absolute difference of their pixels. `torch.cdist(x, y, p=1)` takes (N, D) and (M, D) and gives the *sums* of absolute differences, (N, M).


# %% tags=["exercise"]
def my_nearest(images, others):  # (N, C, H, W) and (M, C, H, W) uint8 → (N,)
    # solution
    x, y = images.flatten(1).float(), others.flatten(1).float()  # (N, D), (M, D)
    return torch.cdist(x, y, p=1).min(dim=1).values / x.shape[1]
    # end solution
    # stub: return ...  # your code here


# %%
print(lab.check_nearest(my_nearest))

# %% [markdown]
# Here is the course's own function, applied to the test pictures: how far is each from the training pictures, before the delivery and after?

# %%
far = [lab.nearest(some.test.images, some.train.images) for some in (before, after)]  # (N,) each
lab.display_figure(lab.draw_distances(*far, lab.LIMIT))
lab.display_figure(lab.draw_pairs(after))

# %% [markdown]
# Left of the dotted line there is a hump that was not there before. The second figure has test pictures above, and below each of them its copy in the training set, with the distance.
#
# How much do the test pictures gain that have no copy among the training pictures?

# %%
near = far[1] < lab.LIMIT
table = lab.copy_table(runs, after.test.labels, near)
gains = table.astype(float).diff(axis=1).iloc[:, 1]  # in points: with a copy, without
asked = f"With a copy, test pictures gain {gains.iloc[0]:.1f} points. How many without one?"
lab.guess_number(asked, gains.iloc[1], 2, "points", table)

# %% [markdown]
# To mend this, leave out of `train` whatever is close to a test picture, and train again. The rest of the delivery is new pictures. Is *that* gain real?

# %%
clean = lab.without_copies(after)
print(len(after.train), "training pictures with the delivery,", len(clean.train), "without copies")
runs = lab.delivery_runs(before, after, clean)
lab.verdicts_of(runs)

# %% [markdown]
# ## What we saw

# %%
scores = {name: sum(told) / len(told) for name, told in result.accuracies.items()}
print(f"teacher {result.teacher_accuracy:.1f} %,", *(f"{k} {v:.1f} %," for k, v in scores.items()))
print("distilled against labels alone:", result.verdict())
print(f"test pictures with a copy in the delivery: {near.sum()} of {len(near)}")
print(f"largest difference of a logit after export: {exported.rows[-1].difference:.0e}")

# %% [markdown]
# Most of the work came before the training: a broken file, a class that nobody could test, a picture on both sides, a teacher with other classes. A line that looks found each of them; the loss would have found none.
#
# A gain is worth something only if the test pictures are really separate from the training pictures. Slightly changed copies are not found by asking whether bytes or pixels are equal; look for the nearest picture.

# %%
lab.guess_tally()
