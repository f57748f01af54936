# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin

# uv installs in seconds what pip installs in a minute; pip is the fallback if uv cannot reach the index.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) \
       || $(BIN)/python -m pip install --quiet --require-hashes -r $(1)

# The icon set whose hash catalog/logos.py checks.
ICONS      = @lobehub/icons-static-svg@1.95.1
ICONS_FILE = lobehub-icons-static-svg-1.95.1.tgz

# The tests that `make prove` runs in full, and `make test` as a sample.
PROVEN = tests/faults tests/catalog/identity tests/catalog/publication/test_parts.py \
         tests/catalog/memory/test_index.py tests/catalog/parameters/test_filters.py tests/catalog/memory/test_search.py \
         tests/catalog/api/test_changes.py tests/catalog/api/test_history.py tests/catalog/api/test_hostile_input.py \
         tests/catalog/api/test_made_up_requests.py tests/clients tests/routing

# Other people's programs, each with pins of its own: those that pip installs, and those that npm installs.
CLIENTS      = $(patsubst %/requirements.in,%,$(wildcard tests/clients/*/requirements.in benchmarks/contenders/*/requirements.in))
NODE_CLIENTS = $(patsubst %/package.json,%,$(wildcard tests/clients/*/package.json benchmarks/contenders/*/package.json))

.PHONY: help run demo test test-code test-web chromium screenshots coverage prove ledger ledger-record ledger-requests bench bench-reads bench-sync bench-availability bench-routing bench-routing-failures docs logos env lint format types architecture admin lock
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 20

run: $(VENV)/runtime.stamp .env  ## set everything up, sync, and serve on http://localhost:8000 (PORT= changes it)
	@$(BIN)/python -m gatewayz.run.supervisor

demo: $(VENV)/runtime.stamp  ## try out requests to models without any key: two made-up gateways, one of them down (PORT=)
	@$(BIN)/python -m gatewayz.run.demo

test: test-code test-web  ## both of the following, one after the other

test-code: $(VENV)/dev.stamp  ## lint, types, architecture, and the tests on SQLite, PostgreSQL and Redis
	@$(MAKE) --no-print-directory --jobs=3 lint types architecture
	@$(BIN)/python -m tests.suite

test-web: $(VENV)/dev.stamp  ## the tests of the pages in Chromium, which is installed if that is possible
	@$(MAKE) --no-print-directory chromium
	@$(BIN)/python -m tests.web

# Without a browser the tests of the pages say what was not run, so a failure here stops nothing.
chromium:  ## install Chromium, if it is missing and we are root on Debian or Ubuntu
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium > /dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	    echo "Installing Chromium for the tests of the pages ..."; \
	    { apt-get update && apt-get install --yes --no-install-recommends chromium; } > /dev/null \
	        || echo "Chromium cannot be installed."; \
	fi

screenshots: $(VENV)/dev.stamp  ## take the pictures of the README again
	@$(MAKE) --no-print-directory chromium
	@$(BIN)/python -m tests.web.screenshots docs/images

coverage: $(VENV)/dev.stamp  ## the same tests, and which lines they do not reach
	@COVERAGE=1 $(BIN)/python -m tests.suite

prove: $(VENV)/dev.stamp  ## what `make test` only samples: every fault, new examples, all tests at other times
	@PROVE=1 HYPOTHESIS_PROFILE=prove $(BIN)/python -m tests.prove $(PROVEN) $(PROVE_OPTIONS)
	@PROVE=1 $(BIN)/python -m tests.web
	@HYPOTHESIS_PROFILE=explore TEST_CLOCK=2027-03-01T00:30 $(BIN)/python -m tests.suite
	@HYPOTHESIS_PROFILE=explore TEST_CLOCK=2031-12-31T23:58 $(BIN)/python -m tests.suite
	@HYPOTHESIS_PROFILE=explore TEST_CLOCK= TZ=Pacific/Auckland $(BIN)/python -m tests.suite

ledger: $(VENV)/dev.stamp  ## compare thousands of answers with the recorded ones, on SQLite and PostgreSQL
	@$(BIN)/python -m tests.ledger compare

ledger-record: $(VENV)/dev.stamp  ## record the answers to the same requests again
	@$(BIN)/python -m tests.ledger record

ledger-requests: $(VENV)/dev.stamp  ## make the list of requests again, from the endpoints of today, and record it
	@$(BIN)/python -m tests.ledger generate

bench: bench-reads bench-sync  ## both benchmarks, one after the other

bench-reads: $(VENV)/dev.stamp $(VENV)/bench.stamp  ## how fast reads are, against nginx and others (needs wrk, nginx; BASE=<commit>)
	@$(BIN)/python -m benchmarks.reads $(if $(BASE),--base $(BASE)) $(BENCH_OPTIONS)

bench-sync: $(VENV)/dev.stamp  ## how long a sync takes, as ratios within one run (DATABASE_URL= for PostgreSQL)
	@$(BIN)/python -m benchmarks.sync $(BENCH_OPTIONS)

bench-availability: $(VENV)/dev.stamp  ## what a day of observed availability stores and publishes (DATABASE_URL= for PostgreSQL)
	@$(BIN)/python -m benchmarks.availability $(BENCH_OPTIONS)

bench-routing: $(VENV)/dev.stamp  ## what the router costs, against LiteLLM, Portkey and nginx (needs wrk, nginx, node)
	@$(BIN)/python -m benchmarks.routing $(BENCH_OPTIONS)

bench-routing-failures: $(VENV)/dev.stamp  ## what the router, LiteLLM and Portkey do when gateways fail (needs node)
	@$(BIN)/python -m benchmarks.routing_failures $(BENCH_OPTIONS)

env: $(VENV)/dev.stamp .env  ## the virtual environment with everything a developer needs

docs: $(VENV)/runtime.stamp .env  ## write the generated parts of the documents
	@$(BIN)/python manage.py docs

logos: $(VENV)/runtime.stamp .env  ## write fixtures/logos/ again from the icon set (needs npm)
	@mkdir -p var
	@npm pack --silent --pack-destination var $(ICONS) > /dev/null
	@$(BIN)/python manage.py logos var/$(ICONS_FILE)

admin: $(VENV)/runtime.stamp .env  ## create a superuser for /admin/
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py createsuperuser $(if $(DJANGO_SUPERUSER_PASSWORD),--noinput)

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/dev.stamp  ## put the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

architecture: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

# With extras: pip, which is used where uv fails, refuses `coverage[toml]` if only `coverage` is pinned with hashes.
lock: $(VENV)/dev.stamp  ## pin the requirements of pyproject.toml again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-strip-extras --custom-compile-command "make lock" --group dev pyproject.toml -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --custom-compile-command "make lock" --constraint requirements.txt --group bench -o requirements-bench.txt
	@for client in $(CLIENTS); do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	        --custom-compile-command "make lock" $$client/requirements.in -o $$client/requirements.txt || exit; \
	done
	@for client in $(NODE_CLIENTS); do npm install --silent --package-lock-only --prefix $$client || exit; done

.env:
	@umask 077 && $(PYTHON) -c 'import secrets; print("# Made by make; .env.example explains every setting.\nSECRET_KEY=" + secrets.token_urlsafe(64))' > $@

$(VENV)/uv.stamp: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gatewayz needs Python 3.11 or newer; set PYTHON=")'
	@echo "Making the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/runtime.stamp: requirements.txt $(VENV)/uv.stamp
	@echo "Installing what Gatewayz needs ..."
	@$(call INSTALL,requirements.txt)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/uv.stamp
	@echo "Installing what the tests need ..."
	@$(call INSTALL,requirements-dev.txt)
	@touch $@

$(VENV)/bench.stamp: requirements-bench.txt $(VENV)/runtime.stamp
	@echo "Installing what reads are compared with ..."
	@$(call INSTALL,requirements-bench.txt)
	@touch $@
