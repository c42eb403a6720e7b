# %% [markdown]
# # 09 · Playground
#
# **Question: which teacher, method and setting helps a small student, and by how much?**
#
# All controls of the course on one page. What is stored answers at once, the rest is trained here. The images are Fashion-MNIST; notebook 10 distils on **your own pictures**, and its runs then appear here under *data set*. About 10 seconds on two cores. Needed: notebook 02; for some controls 03, 04 and 06.

# %%
from kd_course import nb09_playground as lab

page = lab.build_playground()
words = lab.in_words(page.setting, lab.scores_of(page.setting))
lab.display_live(page, page.still(f"The first setting. {words}"))

# %% [markdown]
# ## How to read it
#
# The verdict compares with the same student without a teacher: same images, starting weights and steps, five seeds. Where seeds are missing, the page says how long they would take, trains them, and then gives it. The axes stay where they are.
#
# Teachers and assistants learnt from 54,000 images in 600 steps, unless their name says otherwise. In the right picture "2 k" means 2,000 images, "long" 6,000 steps.
#
# *This setting as a line and as code*, below, makes the same runs in a notebook of your own. `make app` shows the page alone, without code.

# %% [markdown]
# ## Try this
#
# The list *Try this* has eight questions. Guess before you choose one. Three of them want more than a look:
#
# - *Three assistants*: tick *show who shares whose errors*. Whose does the student share, and did it without a teacher?
# - *A third of the multiply-adds*: change *compare networks by*. Does it take a third of the time?
# - *T = 3* is not stored. Train the missing seeds: is it between T = 2 and T = 4?

# %% [markdown]
# ## What we saw

# %% tags=["nbval-check-output"]
lab.example_table()

# %% [markdown]
# Each line compares with the same student without a teacher. The answers are those of these images and networks. For others, `kd sweep` trains whole grids, and notebook 10 goes through it with a folder of pictures.
