# mtb_eval: `make report` and `make test` set up everything they need.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
STUDY  ?= data/synthetic
PLAN   ?=
OUT    ?= build/report
JOBS   ?= 2
INTERNAL ?=

export SOURCE_DATE_EPOCH ?= 1577836800
# One thread per process: sums then agree to the last bit whatever the number of cores.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1
# The same last digits on every x86-64 processor.
ifeq ($(shell uname -m),x86_64)
export OPENBLAS_CORETYPE ?= Haswell
export NPY_DISABLE_CPU_FEATURES ?= X86_V4 AVX512_ICL AVX512_SPR
endif
export PYTHONHASHSEED := 0
export MPLBACKEND := agg
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Else every run compiles the libraries again: 6.6 s instead of 1.8 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev report test test-full browser-test check synthetic verify reference bench lock clean
help:            ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

# $(call install,LOCK): hash-locked packages into the environment, by uv, else by pip.
define install
	@if "$(UV)" pip install -q --no-config --python "$(PY)" --only-binary :all: --require-hashes -r $(1) 2>>"$(VENV)/setup.log"; then :; else \
	    echo "uv did not work (see $(VENV)/setup.log); using pip"; \
	    "$(PY)" -m pip install -q --only-binary :all: --require-hashes -r $(1) || \
	    { echo "error: packages could not be installed; is a package index reachable?" >&2; exit 2; }; fi
endef

setup: $(VENV)/.run      ## create .venv from the hash-locked requirements
setup-dev: $(VENV)/.dev  ## the same with what tests and checks need

$(VENV)/.run: requirements/run.txt requirements/uv.txt
	@command -v "$(PYTHON)" >/dev/null || { echo "error: '$(PYTHON)' not found; install Python 3.11+ or use: make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3,11) or sys.exit("error: Python 3.11+ needed, found %s; use: make PYTHON=/path/to/python3" % sys.version.split()[0])'
	@rm -rf "$(VENV)"; "$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; echo "error: cannot create a virtual environment (Debian/Ubuntu: apt-get install python3-venv)" >&2; exit 2; }
	@echo "installing locked packages into $(VENV) (once) ..."
	@"$(PY)" -m pip install -q --only-binary :all: --require-hashes -r requirements/uv.txt 2>"$(VENV)/setup.log" || true
	$(call install,requirements/run.txt)
	@"$(PY)" -m pip install -q --no-deps --no-build-isolation --no-index -e . 2>>"$(VENV)/setup.log" || { echo "error: the package itself could not be installed, see $(VENV)/setup.log" >&2; exit 2; }
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "installing what the tests need (once) ..."
	$(call install,requirements/dev.txt)
	@touch $@

$(VENV)/.browser: $(VENV)/.dev requirements/browser.txt
	@echo "installing what the browser tests need (once) ..."
	$(call install,requirements/browser.txt)
	@touch $@

report: $(VENV)/.run     ## study files -> build/report/ (STUDY=folder PLAN=folder OUT=folder INTERNAL=1)
	@"$(VENV)/bin/mtb-eval" report "$(STUDY)" $(if $(PLAN),--plan "$(PLAN)") $(if $(INTERNAL),--internal) --out "$(OUT)"

test: $(VENV)/.dev       ## run the tests
	@"$(PY)" -m pytest -n "$(JOBS)" --dist loadfile

test-full: $(VENV)/.dev  ## the tests with the simulations at full length
	@MTB_EVAL_FULL=1 "$(PY)" -m pytest -n "$(JOBS)" --dist loadfile

browser-test: $(VENV)/.browser  ## test the report in a headless Chromium: the system's, else Debian's is installed
	@.ci/chromium
	@"$(PY)" -m pytest -n "$(JOBS)" --dist loadfile tests/browser

check: $(VENV)/.dev      ## linter, formatter, types, import directions
	@"$(VENV)/bin/ruff" check src tests notebooks
	@"$(VENV)/bin/ruff" format --check src tests
	@"$(VENV)/bin/mypy"
	@"$(VENV)/bin/lint-imports" --no-cache

synthetic: $(VENV)/.run  ## make data/synthetic/ again from the declarations and its seed
	@"$(VENV)/bin/mtb-eval" synth --out data/synthetic

verify: $(VENV)/.run     ## re-run the effect tables and compare them with the committed reference
	@"$(VENV)/bin/mtb-eval" effects data/synthetic --out build/verify/effects.csv
	@"$(VENV)/bin/mtb-eval" compare tests/reference/effects.csv build/verify/effects.csv

reference:               ## make the R reference numbers again (needs R with the packages named in tests/reference/README.md)
	@command -v Rscript >/dev/null || { echo "error: Rscript not found; the tests do not need it, only this target does" >&2; exit 2; }
	@cd tests/reference && for f in *.R; do echo "$$f"; Rscript --vanilla "$$f"; done

bench: $(VENV)/.run      ## time the inference core beside its peers, into build/bench.json and build/bench.md
	@"$(PY)" -m venv .venv-bench
	@for f in run bench; do \
	    "$(UV)" pip install -q --no-config --python .venv-bench/bin/python --only-binary :all: --require-hashes -r requirements/$$f.txt 2>>"$(VENV)/setup.log" || \
	    .venv-bench/bin/python -m pip install -q --only-binary :all: --require-hashes -r requirements/$$f.txt || \
	    { echo "error: packages could not be installed; is a package index reachable?" >&2; exit 2; }; done
	@mkdir -p build; PYTHONPATH=src .venv-bench/bin/python tests/bench/bench.py build/bench.json

lock: $(VENV)/.run       ## refresh the lock files (needs a package index)
	@for f in uv run dev bench browser; do "$(UV)" pip compile -q --no-config --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements/$$f.in -o requirements/$$f.txt; done
	@! grep -nE '://|index-url|find-links' requirements/*.txt

clean:                   ## remove .venv and build
	rm -rf "$(VENV)" .venv-bench build
