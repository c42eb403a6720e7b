# %% [markdown]
# # 10 · Your own pictures
#
# **Question: a folder of pictures and a teacher that somebody trained: does distillation help there, and how does the student get out of the notebook?**
#
# From the folder to a file that runs without this course: look, mend, fit a teacher, distil, read the report, export. Then change one line, `FOLDER`, and do it with your own.
#
# Time: one to two minutes on two processor cores, most of it for 27 short trainings; what is stored is not trained again. No GPU. Needed: notebook 02.

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
# It has five kinds of clothes, in `train/CLASS/` and `test/CLASS/`. We made it from Fashion-MNIST's test images, which the teacher has never seen, and put in what real folders have.
#
# **To use your own:** write its path, such as `"~/pictures"`, a folder with a folder for each class. Larger pictures want a larger `SIZE`, 64 or 96, and more time.

# %%
FOLDER = lab.make_folder()
SIZE = 28  # of the student's pictures, in pixels

# %% [markdown]
# ## Look first
#
# **Question:** what would you look for before you train? Write it down, then compare.
#
# `kd data look FOLDER` prints this, too.

# %%
lab.show_folder(FOLDER, size=SIZE)

# %% [markdown]
# Unequal classes are no fault, but a reason to read the numbers of each class. A mixture of grey and coloured files, or of sizes, is one only if it goes along with the class: then the network may learn that.
#
# The others must be mended. A file is broken; without `skip_problems=True` nothing is read, and all broken files are named. A picture is in `train/` and in `test/`. And nobody will know how good the student is on dresses.
#
# ## Mend
#
# Your decision, not the computer's. Here: the copy leaves `train/`, and every fifth dress moves to `test/`. This is done in a copy of the folder.

# %%
MENDED = lab.mended(FOLDER)
data = image_folder(MENDED, size=SIZE, channels=3, skip_problems=True)

# %% [markdown]
# There is no `val/`, so a fifth of each class is held out of `train/`. All choices below are made on these; the test pictures are looked at once for each network.
#
# ## Somebody's teacher
#
# A checkpoint as one finds them: a ResNet-20 for the ten classes of Fashion-MNIST, grey, 28 pixels, saved from several GPUs. `adapted` says how it wants its pictures; the student's stay as they are.

# %%
CHECKPOINT = lab.save_checkpoint()
network = make_model("resnet-20", num_classes=10, in_channels=1, image_size=28)
names = load_dataset("fashion-mnist").classes
teacher = adapted(network, size=28, channels=1, classes=names)
told = lab.load_weights(teacher, CHECKPOINT)

# %% [markdown]
# For networks of torchvision, timm and open_clip there is one line instead: `teacher_named("torchvision:resnet18", weights="mine.pth")` (`docs/own-teacher.md`).

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
# It cannot: the first line asked for its outputs by name, the second put it in front of the pictures. This folder's shirts are T-shirts too, and its shoes are of three kinds.
#
# What the teacher *sees* is still worth having. `fit_head` keeps the network and fits a new last layer to the training pictures, by logistic regression on its features: a **linear probe**. How strongly it is held back is chosen on validation.

# %%
teacher = lab.fit_head(teacher, data)

# %% [markdown]
# ## Distil
#
# One call. The student, a cnn-2, some thirty times smaller than the teacher, is trained on the labels alone, on smoothed labels, and with the teacher: three seeds each, the same starting weights and batches. Before that, short trainings choose the learning rate, T and α on validation, and the teacher is examined once more.

# %%
result = distill("cnn-2", teacher, data, seeds=3)

# %%
asked = "How many points does the teacher add to the labels alone, as the mean of three seeds?"
lab.guess_number(asked, result.verdict().mean, 1.5, "points", str(result))

# %% [markdown]
# The word comes from the interval of the three paired differences, not from the mean. If it is NO CLEAR DIFFERENCE, that is an answer: ask with more seeds, or with more test pictures. If it is BETTER than labels alone but not than smoothed labels, the teacher may have done no more than smoothing.
#
# ## Read the report
#
# One page that needs nothing else; scroll in it. Which class gained, which lost? Which pictures does only the distilled student get right?

# %%
lab.show_report(result, lab.place() / "report.html")

# %% [markdown]
# ## Out of the door
#
# The best student, chosen on validation, as an ONNX file. It is read back by onnxruntime and asked about all test pictures; a file that answers otherwise is an error.

# %%
exported = export(result.best, lab.place() / "student.onnx", data=data)
exported.table

# %% [markdown]
# Now as those will use it who have neither this course nor PyTorch: the file, and a picture. Class names and size travel inside; so does the division by 255.

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
# - `FOLDER`: your own. Every cell above works with it.
# - `"cnn-4"` for `"cnn-2"`: a larger student. Does it still need the teacher?
# - `lab.fit_head(teacher, data, steps=200)`: fine-tune the whole teacher.
# - `distill(..., balanced=True)`: all classes count alike. What happens to dresses, and to the whole?
#
# On the command line: `kd distill pictures --teacher … --student cnn-2 --seeds 3`.
#
# ## Exercise: why is this gain not real?
#
# A colleague delivers new training pictures for the folder. The student is trained anew, on labels alone; the test pictures are the same.

# %%
before, after = (image_folder(path, size=SIZE) for path in lab.make_delivery())
runs = lab.delivery_runs(before, after)
lab.verdicts_of(runs)

# %% [markdown]
# `image_folder` found no picture in two splits, "pixel by pixel". But a copy that was resized, or saved as JPEG, has other pixels.
#
# Write how far each of some images is from the nearest of others: the mean absolute difference of their pixels. `torch.cdist(x, y, p=1)` takes (N, D) and (M, D) and gives the *sums* of absolute differences, (N, M).


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
# The course's own answer, on the test pictures, against the training pictures before and after:

# %%
far = [lab.nearest(some.test.images, some.train.images) for some in (before, after)]  # (N,) each
lab.display_figure(lab.draw_distances(*far, lab.LIMIT))
lab.display_figure(lab.draw_pairs(after))

# %% [markdown]
# There is a hump that was not there before, left of the dotted line. In the pictures: above test pictures, below what the training set has of them, and the distance.
#
# How much is gained on the test pictures that have no copy among the training pictures?

# %%
near = far[1] < lab.LIMIT
table = lab.copy_table(runs, after.test.labels, near)
gains = table.astype(float).diff(axis=1).iloc[:, 1]  # in points: with a copy, without
asked = f"With a copy, test pictures gain {gains.iloc[0]:.1f} points. How many without one?"
lab.guess_number(asked, gains.iloc[1], 2, "points", table)

# %% [markdown]
# Mend it: leave out of `train` what is near a test picture, and train again. The rest of the delivery is new pictures. Is *that* gain real?

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
# Most of the work was before the training: broken files, a class that nobody could test, a picture on both sides, a teacher whose classes are others. Each was found by a line that looks, and none by the loss.
#
# A gain is worth as much as the test pictures are apart from the training pictures. Copies that were changed a little are not found by comparing bytes or pixels for equality; look for the nearest.

# %%
lab.guess_tally()
