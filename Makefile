# Two commands do all there is to set up: `make run` (the main job) and `make test`.
PYTHON ?= python3
# A bare `torch` pulls gigabytes of CUDA packages on some indexes; override for a GPU build.
TORCH ?= torch==2.13.0
# Of `make gpu`: any Python that has torch with CUDA; by default .venv's, made with TORCH=torch.
GPU_PYTHON ?= .venv/bin/python
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# What is imported is compiled once and kept, also where the shell would have it otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run full gpu test test-all test-foreign test-slurm clean

run: .venv/installed ## check, validate, bench, publish, report: what is not fresh
	@$(BIN)/groundspeed run

full: .venv/installed ## the same with the large cases
	@$(BIN)/groundspeed run --full

gpu: $(if $(filter .venv/%,$(GPU_PYTHON)),.venv/installed) ## what runs on a GPU, where there is one
	@$(GPU_PYTHON) -m groundspeed gpu

test: .venv/installed ## lint and every test
	@echo "test: lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check . -q
	@echo "test: pytest (some minutes)"
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

test-all: .venv/installed ## every test, with every page of the docs and every control (opt-in, long)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "exhaustive or not exhaustive"

test-foreign: .venv/installed ## public codes from the package index, made baselines (opt-in, long)
	@TORCH="$(TORCH)" $(BIN)/python tests/foreign/foreign.py

test-slurm: .venv/installed ## a fleet of two nodes of a real Slurm on this machine (opt-in, minutes)
	@PYTHONPATH=tests $(BIN)/python tests/slurm/two_nodes.py

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "groundspeed needs Python 3.11 or newer, $(PYTHON) is older; say: make PYTHON=python3.11"; exit 1; }
	@echo "setup: virtual environment in .venv with $(TORCH) (a minute or two, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# what is imported is compiled when it first is; most of what comes along never is
	@$(BIN)/pip install -q --no-compile "$(TORCH)" -e ".[dev]" 2>.venv/pip.log || \
		{ tail -5 .venv/pip.log; exit 1; }
	@echo "setup: torch's compiler, which reads its headers once"
	@TORCHINDUCTOR_VEC_ISA_OK=1 $(BIN)/python -m groundspeed.validation.worker.preload.inductor
	@touch $@

clean:
	rm -rf .venv .foreign .asv reports/asv/html
