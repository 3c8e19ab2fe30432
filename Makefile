# Every target makes and reuses its own environment: Python (with venv), g++ and make are all that must be there.
PYTHON ?= python3
VENV := .venv
ONEDL := .venv-onedl
RUN := OMP_NUM_THREADS=1 $(VENV)/bin/python
RUN_ONEDL := OMP_NUM_THREADS=1 $(ONEDL)/bin/python
# -qq: what pip says is shown only when it is an error.
PIP := -m pip --disable-pip-version-check -qq install
PYTEST_ARGS ?=
BENCH_ARGS ?=
# Two processes; each has the tests of a file one after another, so that what those share is made once.
PYTEST := -m pytest -n 2 --dist worksteal

ONEDL_TESTS := tests/engine tests/configs/test_video.py tests/tools/test_train.py

.DEFAULT_GOAL := help
CHECKS := check-format check-lint check-types check-imports check-words check-dependencies check-docs check-cpp check-docker
.PHONY: help install demo test check $(CHECKS) format docs test-onedl cuda-check gpu-check bench soak dist dist-check clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## Make .venv with the package (editable), the OpenMMLab stack and the developer's tools

demo: $(VENV)/.installed  ## Judge photographs and altered copies of them, match a stereo pair, follow people; see demo-output/
	$(RUN) tools/forgery_demo.py
	$(RUN) tools/stereo_demo.py --output demo-output/stereo
	$(RUN) tools/video_demo.py --output demo-output/video

test: $(VENV)/.installed  ## Run the tests (PYTEST_ARGS="-k words" to choose)
	$(RUN) $(PYTEST) tests $(PYTEST_ARGS)

check: $(CHECKS)  ## Format, lint, types, imports, spelling, dependencies, links of the docs; changes nothing

check-format: $(VENV)/.installed
	$(VENV)/bin/ruff format --check .

check-lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .

check-types: $(VENV)/.installed
	$(VENV)/bin/mypy

# Layers, and that no task imports another: .importlinter says which.
check-imports: $(VENV)/.installed
	$(VENV)/bin/lint-imports --no-logo --no-cache

# American spelling; setup.cfg says what is left out.
check-words: $(VENV)/.installed
	$(VENV)/bin/codespell

# What is imported is declared and what is declared is imported. deptry reads no setup.cfg, so it gets lists.
check-dependencies: $(VENV)/.installed
	@mkdir -p $(VENV)/requirements
	@$(VENV)/bin/python -c "$$LIST_REQUIREMENTS" install_requires openmmlab natten onnx serve video heif provenance ray docs dist > $(VENV)/requirements/run.txt
	@$(VENV)/bin/python -c "$$LIST_REQUIREMENTS" test > $(VENV)/requirements/dev.txt
	$(VENV)/bin/deptry vision backbones heads tools benchmarks \
		--requirements-files $(VENV)/requirements/run.txt --requirements-files-dev $(VENV)/requirements/dev.txt

# Links, anchors, paths and names in the documents.
check-docs: $(VENV)/.installed
	$(RUN) -m pytest -q -p no:cacheprovider tests/test_doc_links.py

CPP = $(shell find csrc tests tools benchmarks -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' 2>/dev/null)
check-cpp: $(VENV)/.installed
	$(if $(CPP),$(VENV)/bin/clang-format --dry-run --Werror $(CPP),@echo "clang-format: no C++ files yet")

check-docker: $(VENV)/.installed
	$(VENV)/bin/hadolint $(wildcard tools/docker/*/Dockerfile)

format: $(VENV)/.installed  ## Format the sources in place
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	$(if $(CPP),$(VENV)/bin/clang-format -i $(CPP))

# Broken links, anchors and references are errors. The variable silences an advertisement of the theme's next generation.
docs: $(VENV)/.installed  ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --clean

test-onedl: $(ONEDL)/.installed  ## Smoke run on the OneDL fork of OpenMMLab, in .venv-onedl
	$(RUN_ONEDL) $(PYTEST) $(ONEDL_TESTS) $(PYTEST_ARGS)

# CUDA_ARCHITECTURES="80 90" compiles for these alone, and writes no page.
cuda-check: $(VENV)/.installed  ## Compile the CUDA kernels (needs nvcc, no GPU), write what they need to docs/cuda-resources.md
	$(RUN) tools/cuda_resources.py $(if $(CUDA_ARCHITECTURES),--architectures $(CUDA_ARCHITECTURES),--output docs/cuda-resources.md)

gpu-check: $(VENV)/.installed  ## Check and time everything on the GPU at hand, in 8 minutes; see gpu-check/report.md
	PYTHON=$(VENV)/bin/python tools/gpu_check.sh

bench: $(VENV)/.installed  ## Run all benchmarks, each beside its peers; tables and plots in docs/benchmarks.md
	OMP_NUM_THREADS=2 $(VENV)/bin/python benchmarks/page.py $(BENCH_ARGS)

soak: $(VENV)/.installed  ## Load on `vision serve`: twice its capacity, 2,000 requests and the memory, 10,000 damaged ones
	$(RUN) benchmarks/serve_load.py
	$(RUN) benchmarks/serve_load.py --requests 2000
	$(RUN) benchmarks/serve_fuzz.py

# The tree of the last commit, built twice to compare; DIST_ARGS=--cuda builds neighborhood-vision-cuda, too, --once once.
dist: $(VENV)/.installed  ## Build the sdist and the wheels into dist/, check them (DIST_ARGS=--cuda: the CUDA kernels, too)
	$(RUN) -m tools.dist $(DIST_ARGS)

dist-check: $(VENV)/.installed  ## Install the wheels of dist/ beside the oldest and the newest torch, and try each command
	$(RUN) -m tools.dist.check $(DIST_CHECK_ARGS)

clean:  ## Remove both environments and what runs left behind
	rm -rf $(VENV) $(ONEDL) build dist demo-output gpu-check site work_dirs *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Without build isolation mmcv-lite finds the pinned setuptools, and this package's extension the installed torch.
$(VENV)/.installed: setup.cfg setup.py pyproject.toml
	@echo "Installing into $(VENV); this takes a few minutes the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python $(PIP) --upgrade pip
	@$(VENV)/bin/python $(PIP) "setuptools<81" wheel
	@$(VENV)/bin/python $(PIP) torch torchvision
	@$(VENV)/bin/python $(PIP) --no-build-isolation -e ".[openmmlab,dev]"
	@touch $@

# Prints the requirements of the extras named, `install_requires` among them, without the extras that they take in.
define LIST_REQUIREMENTS
import sys
from configparser import ConfigParser
config = ConfigParser()
config.read("setup.cfg")
extras = {"install_requires": config["options"]["install_requires"], **config["options.extras_require"]}
lines = (line for name in sys.argv[1:] for line in extras[name].splitlines())
print(*(line for line in lines if not line.startswith("neighborhood-vision[")), sep="\n")
endef
export LIST_REQUIREMENTS

# With build isolation onedl-mmcv sees no torch and leaves its own compiled ops out, which do not build against current torch.
$(ONEDL)/.installed: setup.cfg setup.py pyproject.toml
	@echo "Installing into $(ONEDL); this takes a few minutes the first time."
	@$(PYTHON) -m venv $(ONEDL)
	@$(ONEDL)/bin/python $(PIP) --upgrade pip
	@$(ONEDL)/bin/python $(PIP) "setuptools<81" wheel
	@$(ONEDL)/bin/python $(PIP) torch torchvision
	@$(ONEDL)/bin/python -c "$$LIST_REQUIREMENTS" onedl test > $(ONEDL)/requirements.txt
	@$(ONEDL)/bin/python $(PIP) -r $(ONEDL)/requirements.txt
	@$(ONEDL)/bin/python $(PIP) --no-build-isolation -e .
	@touch $@
