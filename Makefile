# Everything runs in .venv, made here from Python 3.11 or newer with the versions of constraints.txt.
# `make PYTHON=/path/to/python` chooses the interpreter; otherwise the first of these that is new enough is taken.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PORT ?= 8000

VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PIP_INSTALL := -m pip install -qq --no-input --disable-pip-version-check --retries 10
# Three processes keep two cores busy: tests of commands and of the browser wait for other processes.
PARALLEL := -n 3 --dist worksteal --benchmark-disable
MKDOCS := NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs

export PIP_ROOT_USER_ACTION := ignore
# The next process loads the bytecode of the first, also where the environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install site build serve test validate bench lock clean distclean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv and install the package with its locked dependencies

$(INSTALLED): pyproject.toml constraints.txt src/dluxshera/_version.py
	@set -e; \
	if ! $(RUN) -m pip --version >/dev/null 2>&1; then \
	    if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Python 3.11 or newer is needed$(if $(PYTHON),; $(PYTHON) is not that,)." \
	             "Choose one: make PYTHON=/path/to/python3.13" >&2; \
	        exit 1; \
	    fi; \
	    echo "Making $(VENV) with $$("$(PYTHON)" --version)"; \
	    "$(PYTHON)" -m venv --clear $(VENV) || { \
	        echo "$(PYTHON) cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; exit 1; }; \
	fi; \
	echo "Installing the locked dependencies (once, and again when they change)"; \
	$(RUN) $(PIP_INSTALL) -c constraints.txt -e '.[crosscheck,dev,docs,sampling,spreadsheet,test]'; \
	touch $@

site: $(INSTALLED)  ## run the code of every page and build the site
	@echo "Schemas, error budget and reference pages"
	@$(VENV)/bin/dluxshera schema export
	@$(VENV)/bin/dluxshera budget report --output docs/reference/data/error-budget-report.json
	@$(RUN) -m dluxshera.reference
	@echo "Code of the pages"
	@$(RUN) -m pytest -q $(PARALLEL) tests/docs
	@$(MAKE) --no-print-directory build
	@echo "The site is built. Open $(CURDIR)/site/index.html, or run: make serve"

# The figures come from the run of the pages' code, so this stands apart only for those who have just done that.
build: $(INSTALLED)
	@$(RUN) -m dluxshera.reference --schemas
	@$(MKDOCS) build --strict

serve: $(INSTALLED)  ## show the site at http://localhost:8000 and follow changes (PORT=...)
	@test -f site/index.html || $(MAKE) --no-print-directory site
	@$(MKDOCS) serve --dev-addr 127.0.0.1:$(PORT)

# Nothing committed is written here: tests compare the schemas and the reference pages with what they are made from.
# The pages' code draws the figures of the site that the other tests look at; when it fails, they still run and report.
test: $(INSTALLED)  ## run everything that guards a change
	@failed=; \
	$(RUN) -m pytest -q $(PARALLEL) tests/docs || failed="$$failed tests/docs"; \
	$(MAKE) --no-print-directory build || failed="$$failed site"; \
	$(RUN) -m pytest -q $(PARALLEL) --ignore=tests/docs --durations=10 --durations-min=5 || failed="$$failed tests"; \
	test -z "$$failed" || { echo "Failed, see above:$$failed" >&2; exit 1; }

validate: $(INSTALLED)  ## gather the long evidence again
	@$(RUN) -m pytest -m validation tests/validation

# Without the checks of types at run time, which tests have and users do not.
bench: $(INSTALLED)  ## measure speed and memory against the baseline
	@$(RUN) -m pytest -m bench --jaxtyping-packages= tests/benchmarks

# Made on the oldest Python; the newest has to accept the same versions.
lock: LOCK := .cache/lock
lock: PYTHONS ?= python3.11 python3.13
lock:  ## choose the newest versions again, and try them on the oldest and the newest Python
	@set -e; \
	for python in $(PYTHONS); do \
	    command -v $$python >/dev/null || { echo "make lock needs $$python: set PYTHONS='oldest newest'" >&2; exit 1; }; \
	done; \
	oldest=$(firstword $(PYTHONS)); \
	echo "Resolving with $$($$oldest --version)"; \
	$$oldest -m venv --clear $(LOCK); \
	$(LOCK)/bin/python $(PIP_INSTALL) '.[crosscheck,dev,docs,sampling,spreadsheet,test]'; \
	{ echo "# The versions that make installs, on Python 3.11 to 3.13. Written by make lock."; \
	  $(LOCK)/bin/python -m pip freeze --exclude dluxshera; } > $(LOCK)/constraints.txt; \
	for python in $(PYTHONS); do \
	    echo "Trying them with $$($$python --version)"; \
	    $$python -m venv --clear $(LOCK)/try; \
	    $(LOCK)/try/bin/python $(PIP_INSTALL) -c $(LOCK)/constraints.txt '.[crosscheck,dev,docs,sampling,spreadsheet,test]'; \
	    $(LOCK)/try/bin/python -m pip check; \
	done; \
	mv $(LOCK)/constraints.txt constraints.txt; \
	rm -rf $(LOCK)

clean:  ## remove the built site and the caches
	rm -rf site dist build .cache

distclean: clean  ## remove the environment too, to make it with another Python
	rm -rf $(VENV)
