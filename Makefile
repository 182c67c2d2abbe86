# Everything starts here: `make` lists the targets. Each target sets up what it needs and can be run again.
#
#   PYTHON   the Python to build the virtual environments with: 3.11 or newer
#   SPARK    3.5, 4.0 or 4.3: which environment a target runs in (.venv-spark35, .venv-spark40, .venv-spark43)
#   ARGS     more arguments for the command or for pytest
#   SEEDS    of sim: FIRST-LAST; by default fresh ones
#   BROWSER  the browser of test-browser

SPARK  ?= 3.5
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
ARGS   ?=
SEEDS  ?=
BROWSER ?= chromium

SPARK_35 := 3.5.9
SPARK_40 := 4.0.5
SPARK_43 := 4.3.0

SERIES := $(subst .,,$(SPARK))
VENV   := .venv-spark$(SERIES)
LOCK   := requirements/dev-spark$(SERIES).txt
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --quiet --quiet --disable-pip-version-check --no-input
LOCKED := install --require-hashes --no-build-isolation --requirement
PYTEST := $(PY) -m pytest

ifeq ($(SPARK_$(SERIES)),)
$(error SPARK=$(SPARK): is none of 3.5, 4.0 and 4.3)
endif

# Two workers, a whole file to one of them: a Spark session is made once a file and not once a test.
IN_PARALLEL := -n 2 --dist loadfile

# Tests of whole clusters and of killed processes take minutes: `make test-processes` has them. `MARKS=` lets the targets
# for the other server and the other Spark take them as well.
MARKS ?= not processes

# `$(call on,SERVER)`: a test may be skipped for what the server lacks by tests/servers/capabilities.py, whose entries
# are tested themselves, and for nothing else.
LACKS := from tests.servers.capabilities import FLAGS, TABLE; import sys; name = sys.argv[1]; \
	print(*(f'--allow-skip={name}:{flag}' for flag in FLAGS if not getattr(TABLE[name], flag)))
on = --server $(1) --forbid-skips $$($(PY) -c "$(LACKS)" $(1))

QUEUE_TESTS := $(addprefix tests/contract/test_,queues.py queue_troubles.py executor.py retry.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-unit test-processes test-radosgw contract-localstack test-failures test-browser test-spark40 test-spark43 sim sim-long sim-mutants bench bench-smoke lint format lock audit dist clean

help: ## This list
	@echo "make TARGET [SPARK=3.5|4.0|4.3] [PYTHON=python3.11] [ARGS=...]"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## A whole migration on this machine, with a server of its own; about two minutes
	@$(VENV)/bin/s3sync demo $(ARGS)

test: $(VENV)/.installed ## The default tests, on the embedded server; under ten minutes
	@$(PYTEST) -n 2 tests/unit --forbid-skips $(ARGS)
	@$(PYTEST) $(IN_PARALLEL) tests -m "$(MARKS)" --ignore=tests/unit --ignore=tests/browser $(call on,embedded) $(ARGS)

test-unit: $(VENV)/.installed ## Only the unit tests: no server, no Spark, seconds
	@$(PYTEST) -n 2 tests/unit --forbid-skips $(ARGS)

test-processes: $(VENV)/.installed ## Clusters, killed drivers and workers, a million keys listed, on the embedded server
	@$(PYTEST) $(IN_PARALLEL) tests/e2e -m processes $(call on,embedded) $(ARGS)

test-radosgw: $(VENV)/.installed ## The contract and e2e tests on a radosgw, which is started for them (Debian, Ubuntu)
	@$(PY) -m tests.servers.radosgw -- \
		$(PY) -m pytest $(IN_PARALLEL) tests/contract tests/e2e -m "$(MARKS)" $(call on,radosgw) $(ARGS)

contract-localstack: $(VENV)/.installed ## The tests of the queues on LocalStack, which is installed for them; needs Python 3.12 or later
	@$(PY) -m tests.servers.localstack -- \
		$(PY) -m pytest $(IN_PARALLEL) $(QUEUE_TESTS) $(call on,localstack) $(ARGS)

test-failures: $(VENV)/.installed ## 20,000 failures through the queues and back, workers killed, SQS failing; on two servers, half an hour
	@S3SYNC_TEST_FAILURES=20000 $(PYTEST) tests/e2e/test_failures.py -rP $(call on,embedded) $(ARGS)
	@S3SYNC_TEST_FAILURES=20000 $(PY) -m tests.servers.localstack -- \
		$(PY) -m pytest tests/e2e/test_failures.py -rP $(call on,localstack) $(ARGS)

test-browser: $(VENV)/.installed ## The report in a headless browser: apt-get install chromium, or BROWSER=PROGRAM
	@$(PYTEST) tests/browser --browser $(BROWSER) --forbid-skips $(ARGS)

test-spark40: ## The spark and e2e tests on Spark 4.0, on the embedded server
	@$(MAKE) --no-print-directory SPARK=4.0 test-on-spark

test-spark43: ## The same on Spark 4.3, the newest; needs a Java 17 of the machine's own
	@$(MAKE) --no-print-directory SPARK=4.3 test-on-spark

.PHONY: test-on-spark
test-on-spark: $(VENV)/.installed
	@$(PYTEST) $(IN_PARALLEL) tests/spark tests/e2e -m "$(MARKS)" $(call on,embedded) $(ARGS)
	@$(PYTEST) tests/e2e/test_cluster.py $(call on,embedded) $(ARGS)

sim: $(VENV)/.installed ## The data path under schedules on the model of S3: SEEDS=FIRST-LAST, or 100,000 fresh ones
	@$(PY) -m tests.sim $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

sim-long: $(VENV)/.installed ## Ten million schedules, an hour on one core
	@$(PY) -m tests.sim --count 10000000 $(ARGS)

sim-mutants: $(VENV)/.installed ## Faults planted one by one: how many schedules it takes to find each
	@$(PY) -m tests.sim.mutants $(ARGS)

bench: $(VENV)/.benches ## All benchmarks, beside other tools, into docs/performance.md; half an hour on two idle cores
	@$(PY) -m benchmarks.run --fresh $(ARGS)
	@$(PY) -m benchmarks.run copy latency --transport boto3 --client "s3sync (boto3)" $(ARGS)

bench-smoke: $(VENV)/.benches ## Each benchmark once in the small: what was copied is checked, times are not; two minutes
	@$(PY) -m benchmarks.smoke $(ARGS)

lint: $(VENV)/.installed ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/.installed ## Mend what ruff can mend
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

lock: build/tools/.lock ## Render all locks (exact versions, with hashes) from requirements/*.in and setup.py
	@rm -f requirements/*.txt conf/requirements.txt
	@$(MAKE) --no-print-directory SPARK=3.5 requirements-of-spark
	@$(MAKE) --no-print-directory SPARK=4.0 requirements-of-spark
	@$(MAKE) --no-print-directory SPARK=4.3 requirements-of-spark
	@$(COMPILE) --constraint requirements/dev-spark35.txt --output-file requirements/build.txt requirements/build.in
	@$(COMPILE) --constraint requirements/dev-spark35.txt --output-file conf/requirements.txt setup.py
	@$(COMPILE) --output-file requirements/bench.txt requirements/bench.in

.PHONY: requirements-of-spark
requirements-of-spark:
	@echo "pyspark==$(SPARK_$(SERIES))" | $(COMPILE) --output-file $(LOCK) - requirements/dev.in requirements/build.in

audit: build/tools/.audit ## Known vulnerabilities of the locked versions; asks the package index
	@build/tools/audit/bin/pip-audit --strict --disable-pip --require-hashes -r conf/requirements.txt
	@build/tools/audit/bin/pip-audit --strict --disable-pip --require-hashes -r $(LOCK)

dist: build/tools/.dist ## Wheel, source archive and bill of materials (CycloneDX) in dist/
	@rm -rf dist && build/tools/dist/bin/python -m build --quiet --outdir dist .
	@build/tools/dist/bin/cyclonedx-py requirements conf/requirements.txt --of JSON -o dist/s3sync-spark.cdx.json
	@ls -1 dist

# Tools that are no part of the tests, each with an environment of its own.
TOOLS_lock  := pip-tools
TOOLS_audit := pip-audit
TOOLS_dist  := build cyclonedx-bom
build/tools/.%:
	@$(PYTHON) -m venv --clear build/tools/$*
	@build/tools/$*/bin/python -m pip --quiet --quiet install $(TOOLS_$*)
	@touch $@

# Nothing about where packages come from is written down.
COMPILE := build/tools/lock/bin/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# The tools that the benchmarks compare with.
$(VENV)/.benches: $(VENV)/.installed requirements/bench.txt
	@$(PIP) $(LOCKED) requirements/bench.txt
	@touch $@

clean: ## Remove what the other targets made
	rm -rf .venv-spark35 .venv-spark40 .venv-spark43 build dist *.egg-info demo-work .mypy_cache .ruff_cache .hypothesis
	find s3sync tests jobs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The environment is made anew when its lock changes. The stamp comes last, so one that was cut short is made again.
$(VENV)/.locked: requirements/build.txt $(LOCK)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("make: Python 3.11 or newer is needed: PYTHON=...")'
	@echo "$(VENV): installing $(LOCK), about a minute"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) $(LOCKED) requirements/build.txt
	@$(PIP) $(LOCKED) $(LOCK)
	@touch $@

$(VENV)/.installed: $(VENV)/.locked setup.py
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
