# The two commands that matter: `make demo` shows it working, `make test` guards everything.
.DEFAULT_GOAL := help
CARGO ?= cargo

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

rust:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install Rust 1.95 or newer (rustup.rs), then run this again"; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing (for the allocator): install gcc or clang, then run this again"; exit 1; }

demo: rust ## build, then watch a simulated shop being served for less than a minute
	$(CARGO) run --release --quiet --package millrace -- demo

test: rust ## everything that guards the project
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --workspace --quiet
	$(CARGO) xtask tidy
	$(CARGO) xtask conformance cel
	$(CARGO) xtask determinism --decisions 500
	$(CARGO) xtask parity --events 2000
	$(CARGO) xtask backtest-parity --events 2000
	$(CARGO) xtask kill --rounds 5
	$(CARGO) xtask reload --changes 30
	$(CARGO) xtask gorse-compat
	$(CARGO) run --quiet --package xtask -- fuzz --seconds 10

bench: rust ## the figures of README, measured on this machine
	$(CARGO) xtask bench spine
	$(CARGO) xtask bench feed
	$(CARGO) xtask bench expr
	$(CARGO) xtask bench windows
	$(CARGO) xtask bench sketches
	$(CARGO) xtask bench rules

soak: rust ## seeds, crashes, recomputations and random expressions without end (Ctrl-C stops)
	$(CARGO) xtask soak

SECONDS ?= 600
SEED ?= $(shell date +%s)
fuzz: rust ## mutated inputs for every reader, for SECONDS (600); SEED repeats a run
	$(CARGO) run --quiet --package xtask -- fuzz --seconds $(SECONDS) --seed $(SEED)

.PHONY: help rust demo test bench soak fuzz
