# %% [markdown]
# # 09 · Playground
#
# **Question: your data, your student, your teacher: would distillation help, and by how much?**
#
# All controls of the course on one page. What is stored answers at once; anything else is trained here, and stored for the next time. `make app` shows this page alone, without code.
#
# Time: about 10 seconds on two processor cores, and as long as you like. Needed: notebook 02; for some controls 03, 04 and 06.

# %%
from kd_course import nb09_playground as lab

# %% [markdown]
# ## The page
#
# Beside the accuracy stands always that of the same student without a teacher: same images, starting weights and steps; and a verdict over the five seeds of the course.
#
# *Steps × batch* is the student's training: 600x64 of notebooks 03 to 06, the others of notebook 02. Teachers have 54,000 images and 600 steps, unless their name says otherwise; so have assistants.
#
# In the right picture nobody beats the blue networks in both size and accuracy; "2 k" has 2,000 images, "long" 6,000 steps.

# %%
page = lab.build_playground()
words = lab.in_words(page.setting, lab.scores_of(page.setting))
lab.display_live(page, page.still(f"The first setting. {words}"))

# %% [markdown]
# ## Try this
#
# Copy a line into the field *this setting* and press Enter. Guess before you look.
#
# 1. `kd1;images=600;schedule=600x128;T=16`: with a third of the images, does the teacher help more or less?
# 2. `kd1;teacher=cnn-4`: a worse teacher. Is its student worse too?
# 3. `kd1;assistants=cnn-8+cnn-6+cnn-4;way=dense`: show the errors. Whose does the student share, and did it without a teacher?
# 4. `kd1;teacher=cnn-4-noisy`: half of its labels were random. Does `;treatment=swap` help?

# %% [markdown]
# Two more, for which you have to wait or to measure:
#
# 5. `kd1;student=cnn-4-1xn;teacher=cnn-4`: change *size as*. It has a third of the multiply-adds of cnn-4. Does it take a third of the time?
# 6. `kd1;T=3`: not stored. Train it: is it between T = 2 and T = 4?
#
# The lines of "Copy as code" make the same runs in a notebook of your own.

# %% [markdown]
# ## What we saw

# %%
SETTINGS = (
    "kd1",
    "kd1;images=600;schedule=600x128;T=16",
    "kd1;teacher=cnn-4",
    "kd1;assistants=cnn-8+cnn-6+cnn-4;way=dense",
    "kd1;teacher=cnn-4-noisy",
    "kd1;teacher=cnn-4-noisy;treatment=swap",
    "kd1;student=cnn-4-1xn;teacher=cnn-4",
)

# %% tags=["nbval-check-output"]
lab.setting_table(SETTINGS)

# %% [markdown]
# Each line compares with the same student without a teacher. The page answers for its own images and networks only: with another data set, train again. `kd sweep` does that for whole grids.
