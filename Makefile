# The course's commands. Each can be used alone: it installs what it needs first, into .venv.
#   make PYTHON=python3.12     use this Python
#   make lab CONSTRAINTS=      install the newest versions, not the tested ones

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
READY := .venv/.installed
# Two workers of one thread each: most tests are too small for more. A file stays with one worker,
# and the files are taken in their order, the browser's (the longest) first.
# A test that hangs, on a machine that stalled say, is run once more; one that fails is not.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
	--reruns 1 --only-rerun 'Timeout \(>'
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 300 --nbval-sanitize-with tests/nbval_sanitize.cfg
QUICK := $(addprefix tests/,data methods models teachers widgets/test_explorers.py widgets/test_drawings.py \
         repository/test_layers.py) $(addprefix --ignore=tests/teachers/test_,named.py own_teacher_page.py)

# JupyterLab asks for this flag in containers, where one often is root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Threads that wait spin for a moment, then sleep. By default they spin for long, and another busy
# program makes PyTorch several times slower. (GNU's OpenMP, on Linux; elsewhere it changes nothing.)
lab course test quick test-all notebooks app grade: export GOMP_SPINCOUNT ?= 3000
test quick test-all mutants: export OMP_NUM_THREADS ?= 1

.PHONY: lab course test quick test-all mutants runs bench notebooks app site slides handout grade lint style

lab: $(READY)  ## read the course in JupyterLab
	$(BIN)/jupyter-lab $(AS_ROOT) notebooks/00_start_here.ipynb

course: $(READY)  ## run every notebook, report on each, keep the figures in out/
	$(BIN)/python tools/run_course.py

test: style  ## check style, types, packages, the solved notebooks, the widgets in a browser
	$(PYTEST) tests notebooks/solutions $(NBVAL)

quick: style  ## what takes a minute at most, to be run while writing: no notebook, no browser
	$(PYTEST) $(QUICK)

test-all: style  ## what a release needs: the slow tests too, and the exercises as readers get them
	$(PYTEST) -m "slow or not slow" tests notebooks $(NBVAL)

style: $(READY)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

mutants: $(READY)  ## break 200 lines of the core, one at a time: how many do the tests notice?
	$(BIN)/python tools/mutants.py

runs: $(READY)  ## train every stored run again
	$(BIN)/kd runs --retrain
	$(BIN)/python -m kd_course.nb12_sequences.experiments --retrain
	$(BIN)/python -m kd_course.nb11_low_precision.afterwards

bench: $(READY)  ## measure the engine and what a reader waits for; leave the machine alone meanwhile
	$(BIN)/kd bench && $(BIN)/python benchmarks/first_hour.py

notebooks: $(READY)  ## build the notebooks from notebooks/src
	$(BIN)/python tools/build_notebooks.py

app: $(READY)  ## the playground without its code, on this machine only, behind a token
	$(BIN)/voila --token --Voila.ip=127.0.0.1 notebooks/09_playground.ipynb

site: $(READY)  ## the notebooks as pages that open from a file, offline: out/site/index.html
	$(BIN)/python tools/build_site.py

slides: $(READY)  ## decks of the notebooks' tagged cells that open from a file: out/slides/index.html
	$(BIN)/python tools/build_slides.py

handout: $(READY)  ## the course without its answers, for students: a folder and a zip in out/
	$(BIN)/python tools/hand_out.py

grade: $(READY)  ## grade students' notebooks: make grade FOLDER=handed-in writes out/grades.csv
	$(BIN)/python tools/grade.py $(FOLDER)

lint: $(READY)  ## format the code and mend what can be mended
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and "$(PYTHON) is Python %d.%d, but the course needs 3.10 or newer: name one, as in make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e ".[lab,test]"
	touch $@
