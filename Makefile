PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz bench lock docs site screenshots clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing and start the demo on http://127.0.0.1:8080.
	@$(PYTHON) -m tools.run demo

test: ## Install what is missing and run every check and test; takes about 14 minutes on two cores.
	@$(PYTHON) -m tools.test

check: ## The quick half of `make test`: lint, types, imports, all tests but the long stories.
	@$(PYTHON) -m tools.test --quick

fuzz: ## Make requests of every endpoint from the OpenAPI document, for an hour or so; EXAMPLES=n for another length.
	@$(PYTHON) -m tools.run --with-tests -- python -m tests.openapi $(if $(EXAMPLES),--examples $(EXAMPLES))

bench: ## Measure against the ceilings of this machine; writes benchmarks/results/latest.json.
	@$(PYTHON) -m tools.run --with-tests -- python -m benchmarks

docs: ## Write the documents that are generated from the code.
	@$(PYTHON) -m tools.run --with-tests -- python -m tools.docs

site: docs ## Build the documentation site into site/; fails on links that lead nowhere.
	@$(PYTHON) -m tools.run --with-tests -- mkdocs build --quiet

screenshots: ## Take a picture of every page, wide and narrow, light and dark, into var/screenshots/.
	@$(PYTHON) -m tools.run --with-tests -- python -m tools.screenshots

lock: ## Resolve the dependencies into requirements/*.lock; UPGRADE=1 takes the newest of each.
	@$(PYTHON) -m tools.run --with-tests -- python -m tools.lock $(if $(UPGRADE),--upgrade)

clean: ## Remove the virtual environment and what tools left behind; keeps var/.
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
