# %% [markdown]
# # 09 · Playground
#
# **Question: which teacher, method and setting helps a small student, and by how much?**
#
# Here are all controls of the course on one page. Settings that are stored answer at once; any other is trained here. The images are Fashion-MNIST; if you distil on **your own pictures** in notebook 10, its runs appear here too, under *data set*. [Distillation](glossary.md#distillation) is explained in notebook 02, and some controls in 03, 04 and 06. Time: about 10 seconds on two cores.

# %%
from kd_course import nb09_playground as lab

page = lab.build_playground()
words = lab.in_words(page.setting, lab.scores_of(page.setting))
lab.display_live(page, page.still(f"The first setting. {words}"))

# %% [markdown]
# ## How to read it
#
# The [verdict](glossary.md#verdict) compares the student with the same student without a teacher: same images, starting weights and steps, five [seeds](glossary.md#seed). If seeds are missing, the page says how long they would take; press *Train the missing seeds*, and it gives the verdict when they are done. The axes stay the same for all settings, so positions can be compared.
#
# Teachers and assistants learnt from 54,000 images in 600 steps, unless their name says otherwise. In the picture on the right, "2 k" means 2,000 images, and "long" 6,000 steps.
#
# *This setting as a line and as code*, below the pictures, gives you what you need to make the same runs in a notebook of your own. `make app` shows this page by itself, without code.

# %% [markdown]
# ## Try this
#
# The list *Try this* has eight questions. Guess before you choose one. Three of them take more than a look:
#
# - *Three assistants* (see [teacher assistant](glossary.md#teacher-assistant)): tick *show who shares whose errors*. With whom does the student share errors, and did it do so before anybody taught it?
# - *A third of the multiply-adds*: change *compare networks by*. Does it take a third of the time?
# - *T = 3* is not stored. Train the missing seeds: does its gain lie between those of T = 2 and T = 4?

# %% [markdown]
# ## What we saw

# %% tags=["nbval-check-output"]
lab.example_table()

# %% [markdown]
# Each line compares a student with the same student without a teacher. The answers hold for these images and networks. For others, `kd sweep` trains whole grids, and notebook 10 takes you through it with a folder of pictures.
