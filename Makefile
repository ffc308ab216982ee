# Everything below needs only Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header
# requirements-dev.txt repeats no pin of requirements.txt but those for some systems only.
PINNED_EVERYWHERE = $$(sed -nE 's/^([^ ]+)==[^ ]+$$/--no-emit-package \1/p' requirements.txt)
# The git filter; a clone without .venv keeps notebooks as they are.
STRIP := if [ -x $(BIN)/nbstripout ]; then $(BIN)/nbstripout --keep-id; else cat; fi
# What Jupyter writes into a notebook beside outputs when it runs it.
EXECUTION_METADATA := cell.metadata.papermill metadata.papermill $(addprefix metadata.language_info.,\
  codemirror_mode file_extension mimetype nbconvert_exporter pygments_lexer version)

# In a container there is often no other user, and Jupyter wants to be told so.
LAB_OPTIONS := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: demo test bench reliability setup runtime hooks lint format lab pictures requirements upgrade clean

demo: setup  ## prepare, train, register, approve and deploy all models, on this machine
	@[ ! -e models/penguins/penguins.csv ] || \
	  $(BIN)/python -m runner upload penguins models/penguins/penguins.csv --target local
	$(BIN)/python -m runner run --all --target local

test: setup  ## run the tests
	$(BIN)/python -m pytest -n 3

bench: setup  ## measure, and write benchmarks/README.md
	$(BIN)/python -m benchmarks

reliability: setup  ## let everything go wrong once, and write docs/reliability.md
	RELIABILITY=all $(BIN)/python -m pytest tests/story/reliability

setup: .venv/ready .venv/images  ## create .venv with every pinned dependency
runtime: .venv/runtime  ## create .venv with what runs a model, and no more

# What the code of models runs in on the embedded AWS; it is outside the clone.
.venv/images: .venv/ready $(wildcard models/*/model.yaml models/*/features.py \
  packages/embedded-aws/src/embedded_aws/image_pins/*.txt)
	@$(BIN)/python -m runner local pull && touch $@ || \
	  echo "on the embedded AWS the code of these models cannot run: see above"

.venv/ready: REQUIREMENTS := requirements.txt requirements-dev.txt
.venv/ready: PACKAGES := . $(wildcard packages/*)
.venv/runtime: REQUIREMENTS := requirements.txt
.venv/runtime: PACKAGES := . packages/sagemaker-xgboost packages/forked-kernels packages/notebook-inputs packages/notebook-page packages/secret-scrubber

.venv/ready .venv/runtime: $(wildcard requirements*.txt pyproject.toml packages/*/pyproject.toml) Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements-dev.txt)"
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python $(REQUIREMENTS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
	  $(addprefix --editable ,$(PACKAGES))
	@mkdir -p .venv/etc/ipython && echo 'c.IPKernelApp.extensions = ["runner.cli.desk"]' \
	  >.venv/etc/ipython/ipython_kernel_config.py
	@! [ -e .git ] || ! command -v git >/dev/null || { \
	  git config --local filter.nbstripout.clean '$(STRIP)' && \
	  git config --local filter.nbstripout.extrakeys '$(EXECUTION_METADATA)'; } || \
	  echo "git strips no outputs of notebooks here: its filter could not be set"
	@rm -f .venv/ready .venv/runtime && touch $@

hooks: setup  ## check every commit as `make lint` does
	$(BIN)/pre-commit install

lint: setup  ## check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	SKIP=ruff-check,ruff-format $(BIN)/pre-commit run --all-files
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## put code and notebooks in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: setup  ## open JupyterLab with the embedded AWS up; MODEL=churn: for that model
	JUPYTER_DEFAULT_PROVISIONER_NAME=model-provisioner $(if $(MODEL),RUNNER_MODEL='$(MODEL)') \
	  $(BIN)/python -m runner local -- $(BIN)/jupyter lab $(LAB_OPTIONS)

pictures: setup  ## take the pictures of the review page in docs/
	PYTHONPATH=tests:packages/notebook-page/tests $(BIN)/python -m story.pictures

requirements: setup  ## pin what is new in requirements*.in, of models too; what is pinned stays
	$(COMPILE) --output-file requirements.txt requirements.in
	$(COMPILE) --output-file requirements-dev.txt requirements-dev.in \
	  --constraint requirements.txt $(PINNED_EVERYWHERE)
	$(BIN)/python -m runner environment --pin $(UPGRADE)

upgrade: UPGRADE := --upgrade
upgrade: COMPILE += --upgrade
upgrade: requirements  ## pin the newest versions of everything

clean:  ## remove what the other targets made, and what the embedded AWS keeps
	! [ -d .embedded-aws -a -x $(BIN)/python ] || $(BIN)/python -m runner local reset
	rm -rf .venv build .embedded-aws .environments
