# Everything below needs only Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench reliability setup lint format lab pictures requirements clean

demo: setup  ## prepare, train, register, approve and deploy both models, on this machine
	$(BIN)/python -m runner run --all --target local

test: setup  ## run the tests
	$(BIN)/python -m pytest

bench: setup  ## measure, and write benchmarks/README.md
	$(BIN)/python -m benchmarks

reliability: setup  ## let everything go wrong once, and write docs/reliability.md
	RELIABILITY=all $(BIN)/python -m pytest tests/reliability

setup: .venv/ready  ## create .venv with every pinned dependency

.venv/ready: requirements.txt pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.txt)"
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps \
	  --editable . $(addprefix --editable ,$(wildcard packages/*))
	@touch $@

lint: setup  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## put code and notebooks in order, without outputs
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*.ipynb models/*/*.ipynb

lab: setup  ## open JupyterLab with the embedded AWS up
	JUPYTER_DEFAULT_PROVISIONER_NAME=forked-provisioner \
	  $(BIN)/python -m runner local -- $(BIN)/jupyter lab

pictures: setup  ## take the pictures of the review page in docs/
	$(BIN)/python tests/pictures.py

requirements: setup  ## pin requirements.in anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header \
	  --upgrade --output-file requirements.txt requirements.in

clean:  ## remove what the other targets made
	rm -rf .venv build
