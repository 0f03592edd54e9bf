# make run: one whole decision run on embedded defaults.  make test: all tests.  make check: everything CI checks.
# TORCH_INDEX=<url of a CPU wheel index> keeps torch small where the default would be the CUDA build.
V := .venv
PY := $(V)/bin/python

$(V)/.ok: pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv $(V)
	$(V)/bin/pip install -q --disable-pip-version-check torch==2.13.0 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(V)/bin/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(PY) -c 'import quant.vanilla.kernel, quant.svi.kernel, quant.heston.kernel'
	touch $@

.PHONY: run test check format bench
run: $(V)/.ok
	$(V)/bin/parley run --demo

test: $(V)/.ok
	$(PY) -m pytest -q -n auto --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=90

check: $(V)/.ok
	PATH="$(CURDIR)/$(V)/bin:$$PATH" sh scripts/check

format: $(V)/.ok
	$(V)/bin/ruff check -q --fix . ; $(V)/bin/ruff format -q .

bench: $(V)/.ok
	$(PY) benchmarks/decision_run.py --json
	$(PY) benchmarks/market.py --json
	$(PY) benchmarks/simulator.py --json
	$(PY) benchmarks/implied_vol.py --json
	$(PY) benchmarks/svi.py --json
	$(PY) benchmarks/heston_price.py --json
	$(PY) benchmarks/heston_calibration.py --json
