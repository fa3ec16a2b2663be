# Everything a newcomer, a developer or CI runs. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := tests/requirements.txt
STAMP  := $(VENV)/.installed
CORE   := $(addprefix tests/unit/,actions api core)
TOOLS  := $(addprefix tests/unit/,chaos fake_cloud local_stack scale)
FAULTS := $(addprefix tests/integration/,cloud core hostile kube_faults)
SCALE  := tests/scale/requirements.txt
BENCH  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/serveractions/bench-$(firstword $(shell cksum $(SCALE)))

export PYTHONPATH := operator:deploy/local
# Compiled files make the second run of the tests half as long; some machines switch them off.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help venv build demo test lint types layers unit core edges tools contract integration faults cluster e2e gitops chaos bench rules picture chart crds pages clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): $(LOCK)
	@echo "installing the pinned Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

venv: $(STAMP)  ## the pinned Python environment

build: venv  ## build and cache the local Kubernetes and OpenStack (once per machine)
	@$(BIN)/python -m local_stack build

demo: venv  ## every action, end to end, on a real Kubernetes and a real Nova (KEEP=1 leaves it up)
	@$(BIN)/python -m demo $(if $(KEEP),--keep)

# Most of these tests wait for other programs; what measures time has the machine for itself.
test: lint types layers unit tools build  ## everything that CI runs
	@echo "contract and integration, side by side: what they print comes when they end"
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target SELECT='-m "not timed"' contract faults cluster
	@$(BIN)/python -m pytest -m timed tests/integration
	@$(MAKE) --no-print-directory e2e

lint: venv  ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: venv  ## mypy, strict
	@$(BIN)/mypy

layers: venv  ## import-linter: imports point one way
	@$(BIN)/lint-imports --no-cache

unit: venv  ## the quick tests: no network, no stack
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target core edges

core: venv  ## the unit tests of what is pure, and of the repository itself
	@$(BIN)/python -m pytest -q tests/test_repository.py $(CORE)

edges: venv  ## the unit tests of all else
	@$(BIN)/python -m pytest -q $(filter-out $(CORE) $(TOOLS) %.py %__pycache__,$(wildcard tests/unit/*)) $(wildcard tests/unit/test_*.py)

tools: venv  ## the unit tests of what the tests themselves run on: the fake cloud, the local stack
	@$(BIN)/python -m pytest -q $(TOOLS)

contract: venv  ## one suite on the fake cloud and on the real Nova: they have to be alike
	@$(BIN)/python -m pytest tests/contract

integration: faults cluster  ## the assembled operator on a real kube-apiserver

faults: venv  ## that half of it in which something breaks
	@$(BIN)/python -m pytest $(SELECT) $(FAULTS)

cluster: venv  ## the other half
	@$(BIN)/python -m pytest $(SELECT) tests/integration $(addprefix --ignore=,$(FAULTS))

e2e: venv  ## each action on a real kube-apiserver and a real Nova
	@$(BIN)/python -m pytest tests/e2e

gitops: venv build  ## actions from Git, by a real Flux and a real Argo CD (built once, 15 minutes; needs redis-server)
	@$(BIN)/python -m local_stack tool kustomize-controller
	@$(BIN)/python -m local_stack tool argocd
	@$(BIN)/python -m pytest --durations=0 tests/gitops

chaos: venv build  ## long runs with faults: what breaks, dies and comes back, on real servers
	@$(BIN)/python -m pytest -s tests/chaos
	@PROPERTIES=thorough $(BIN)/python -m pytest tests/integration/hostile

$(BENCH)/.installed: $(SCALE)
	@echo "installing the packages of the benchmark, once"
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --require-hashes -r $(SCALE)
	@touch $@

bench: $(BENCH)/.installed  ## what the operator costs, beside what people use today (BENCH_SIZES=1,10 for less)
	@PYTHONPATH=$(PYTHONPATH):tests $(BENCH)/bin/python -m scale

rules: venv  ## promtool's own check of the alerts and of when they fire (PROMTOOL names another one)
	@PROMTOOL="$(or $(PROMTOOL),$$($(BIN)/python -m local_stack tool promtool))" $(BIN)/python -m pytest tests/rules

picture: $(BENCH)/.installed  ## draw what the dashboard shows of a real run of three minutes
	@PYTHONPATH=$(PYTHONPATH):tests $(BENCH)/bin/python -m panels

chart: venv build  ## the Helm chart with a real helm and kubeconform: what kustomize renders, and an operator that runs under it
	@HELM=$$($(BIN)/python -m local_stack tool helm) && KUBECONFORM=$$($(BIN)/python -m local_stack tool kubeconform) \
		&& export HELM KUBECONFORM && $(BIN)/python -m pytest tests/chart

crds: venv  ## render crds/ from the Python types
	@$(BIN)/python -m serveractions.api.crd

pages: venv  ## render deploy/kinds/, a page for each kind, from the Python types
	@$(BIN)/python -m serveractions.manual.pages

clean:  ## remove the environment and caches in the checkout (built tools stay cached)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
