# Needs make and Python >= 3.11; everything else is installed into .venv, and anew
# whenever pyproject.toml or constraints.txt changes.

PYTHON ?= python3
PIP := .venv/bin/pip install -qq --disable-pip-version-check -c constraints.txt
PINS := pyproject.toml constraints.txt
# A file of tests stays in one process, which keeps what it has compiled.
PARALLEL := -n auto --dist loadfile
CACHES := .pytest_cache .hypothesis .ruff_cache .import_linter_cache

# pyright asks a server whether there is a newer version of it unless told not to
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help demo test test-torch test-toolkits lint docs docs-output notebooks bench clean
.NOTPARALLEL:

help:
	@echo "make demo        measure the embedded model and write a report to runs/demo"
	@echo "make test        run the tests"
	@echo "make test-torch  run those that compare with transformers on torch"
	@echo "make test-toolkits  read exported plans by the toolkits that they are for"
	@echo "make lint        check style, types and imports"
	@echo "make docs        build the documentation into site/"
	@echo "make docs-output make the outputs shown in it anew (SLOW=--slow: all of them)"
	@echo "make notebooks   execute the notebooks, and keep them with their figures"
	@echo "make bench       run every benchmark"
	@echo "make clean       remove .venv, runs/demo and caches"

demo: .venv/.core
	.venv/bin/jaxdisp run --hypotheses T-002,T-003,T-005 --no-causes \
		--no-claims --output runs/demo --overwrite
	@echo "The report is runs/demo/report.html"

test: .venv/.test
	.venv/bin/pytest $(PARALLEL)

test-torch: .venv/.torch
	.venv/bin/pytest $(PARALLEL) -m torch

test-toolkits: .venv/.test .venv-toolkits/.made
	JAXDISP_TOOLKITS=$(CURDIR)/.venv-toolkits/bin/python \
		.venv/bin/pytest -n0 tests/report/plans/test_toolkits.py

lint: .venv/.test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports

# Nothing is fetched, and any warning is an error.
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo "The documentation is site/index.html"

docs-output: .venv/.test
	.venv/bin/python -m tests.documented_commands $(SLOW)

notebooks: .venv/.test
	.venv/bin/python notebooks/_execute.py

bench: .venv/.core .venv-peers/.made
	@set -e; for script in benchmarks/*.py; do \
		echo "== $$script"; .venv/bin/python "$$script"; \
	done

clean:
	rm -rf .venv .venv-peers .venv-toolkits runs/demo dist site $(CACHES)
	find jaxdisp tests analyses notebooks benchmarks -name __pycache__ -prune \
		-exec rm -rf {} +

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "jaxdisp needs Python >= 3.11; '$(PYTHON)' is not one:" \
			"say make PYTHON=..." >&2; \
		exit 1; \
	}
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.core: .venv/.made $(PINS)
	$(PIP) -e '.[bayes]'
	@touch $@

# Other samplers of the same posterior, which pin other versions: for the benchmark.
.venv-peers/.made:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install -qq --disable-pip-version-check \
		pymc nutpie numba arviz
	@touch $@

# Other toolkits' parsers, which pin other versions; GPTQModel wants a newer torch.
.venv-toolkits/.made:
	$(PYTHON) -m venv .venv-toolkits
	.venv-toolkits/bin/pip install -qq torch==2.13.0
	.venv-toolkits/bin/pip install -qq "setuptools>=80" wheel packaging qwix==0.1.8 \
		llmcompressor==0.14.0.1 compressed-tensors==0.19.0 transformers==5.17.0
	.venv-toolkits/bin/pip install -qq --no-deps auto-round==0.16.1 gguf==0.19.0 \
		torchao==0.18.0 bitsandbytes==0.50.2
	.venv-toolkits/bin/pip install -qq --no-deps --no-build-isolation gptqmodel==7.7.0 \
		pypcre==0.6.4 logbar==0.4.15 tokenicer==0.0.14 device-smi==0.5.7 \
		defuser==0.0.28 threadpoolctl==3.8.0
	@touch $@

.venv/.test: .venv/.made $(PINS)
	$(PIP) -e '.[dev,docs,notebooks]'
	@touch $@

.venv/.docs: .venv/.made $(PINS)
	$(PIP) -e '.[docs]' ruff
	@touch $@

.venv/.torch: .venv/.test
	$(PIP) torch==2.13.0
	$(PIP) -e '.[dev,docs,notebooks,torch]'
	@touch $@
