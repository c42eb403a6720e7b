# The course's commands. Each can be used alone: it installs what it needs first, into .venv.
#   make PYTHON=python3.12     use this Python
#   make lab CONSTRAINTS=      install the newest versions, not the tested ones

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
READY := .venv/.installed
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 300 --nbval-sanitize-with tests/nbval_sanitize.cfg

# JupyterLab asks for this flag in containers, where one often is root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Threads that wait spin for a moment, then sleep. By default they spin for long, and another busy
# program makes PyTorch several times slower. (GNU's OpenMP, on Linux; elsewhere it changes nothing.)
lab course test notebooks app: export GOMP_SPINCOUNT ?= 3000

.PHONY: lab course test runs bench notebooks app site handout lint

lab: $(READY)  ## read the course in JupyterLab
	$(BIN)/jupyter-lab $(AS_ROOT) notebooks/00_start_here.ipynb

course: $(READY)  ## run every notebook, report on each, keep the figures in out/
	$(BIN)/python tools/run_course.py

test: $(READY)  ## check the code's style, the package, the notebooks, the widgets in a browser
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python -m pytest tests notebooks $(NBVAL)

runs: $(READY)  ## train every stored run again
	$(BIN)/kd runs --retrain

bench: $(READY)  ## measure the engine and what a reader waits for; leave the machine alone meanwhile
	$(BIN)/kd bench && $(BIN)/python benchmarks/first_hour.py

notebooks: $(READY)  ## build the notebooks from notebooks/src
	$(BIN)/python tools/build_notebooks.py

app: $(READY)  ## the playground without its code, on this machine only, behind a token
	$(BIN)/voila --token --Voila.ip=127.0.0.1 notebooks/09_playground.ipynb

site: $(READY)  ## the notebooks as pages that open from a file, offline: out/site/index.html
	$(BIN)/python tools/build_site.py

handout: $(READY)  ## the course without its answers, for students: a folder and a zip in out/
	$(BIN)/python tools/hand_out.py

lint: $(READY)  ## format the code and mend what can be mended
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and "$(PYTHON) is Python %d.%d, but the course needs 3.10 or newer: name one, as in make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e ".[lab,test]"
	touch $@
