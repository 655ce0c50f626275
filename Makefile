# Two commands set everything up by themselves: `make demo` and `make test`.
PYTHON ?= python3
EXTRAS ?= png,dev# all: exchange too, to test against transformers and CTranslate2
BIN := .venv/bin
SEQFORMER := $(BIN)/seqformer
STAMP = .venv/.installed-$(EXTRAS)

.PHONY: demo test check install bench docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $(STAMP)

demo: install
	$(SEQFORMER) prepare
	$(SEQFORMER) train --max-minutes 4
	$(SEQFORMER) translate "go ." "i lost ." "he's calm ." "i'm home ."
	$(SEQFORMER) evaluate --bleu
	$(SEQFORMER) attention "i'm home ." --average --figure attention.png

# two at a time, a thread each
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install
	$(BIN)/python bench/run.py $(BENCH)

docs: install
	$(BIN)/python docs/run.py

clean:
	rm -rf .venv prepared runs .pytest_cache .mypy_cache .ruff_cache
