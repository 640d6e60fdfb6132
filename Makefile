BIN := .venv/bin

.venv/ready: pyproject.toml constraints.txt
	python3 -m venv .venv && $(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,docs]"
	touch $@

.PHONY: setup demo test check fix docs

setup: .venv/ready

demo: setup
	$(BIN)/fimbria demo

test: setup
	$(BIN)/pytest -n 2

check: setup test docs
	$(BIN)/ruff format --check && $(BIN)/ruff check
	$(BIN)/mypy && $(BIN)/lint-imports

fix: setup
	$(BIN)/ruff format && $(BIN)/ruff check --fix

docs: setup
	$(BIN)/python docs/reference.py --check
	$(BIN)/zensical build --clean
