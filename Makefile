# `make run` sets up everything and runs the daemon; `make test` sets up everything and runs the
# tests. Nothing else is needed first, no variable must be set. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
# release or dev: what `build` builds and `install` installs.
PROFILE ?= release
# What `run` runs with.
CONFIG ?= config/earmark.toml
# What the tests of mail, web server, kills and unit drive.
TEST_PACKAGES ?= strace nginx-light exim4-daemon-light dovecot-imapd openssl systemd

# What `e2e` runs servers from; nothing among it starts a service of the system's.
E2E_PACKAGES ?= wordpress mariadb-server-core mariadb-client-core php-cli php-mysql php-xml php-mbstring nginx-light \
  redis-tools libfaketime $(if $(shell command -v npm),,npm)

# What `peer` scores, and a Python with torch and transformers: the one the model is trained with.
PEER_FILE ?= ../shared/data/train/tweeteval_sentiment_val.jsonl.gz
PEER_PYTHON ?= $(or $(wildcard $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/earmark/train/env/bin/python),python3)

# What `peer-feeds` reads, how often, and where its Python is kept.
FEEDS ?=
ROUNDS ?=
FEEDPARSER := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/earmark/peer-feeds/env

BUILT := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(BUILT)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/earmark
# Where cargo looks for libtorch as well: .cargo/config.toml points at the same link.
TORCH := $(or $(LIBTORCH),.libtorch)

BIN := $(DESTDIR)$(PREFIX)/bin
LIBRARIES := $(DESTDIR)$(PREFIX)/lib/earmark
SHARE := $(DESTDIR)$(PREFIX)/share/earmark
UNITS := $(DESTDIR)$(PREFIX)/lib/systemd/system
ETC := $(DESTDIR)/etc/earmark

say = echo "earmark: $(1)"

# Which part of `e2e` runs; none: all of them.
PART ?=

# Which fuzz target `fuzz` runs, and for how long; none: each of them.
TARGET ?=
SECONDS ?= 120

# Where training keeps its environment and its runs; both go on where they were cut off.
TRAIN := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/earmark/train
DATA ?= ../shared/data
# The weights that training begins with: those of 2026.1.
START ?= ../shared/model
THREADS ?= 2
# Small products on a CPU: passive waiting, and room for every shape that was compiled.
TRAINER := OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0 ONEDNN_PRIMITIVE_CACHE_CAPACITY=16384 \
  $(TRAIN)/env/bin/python -u models/train --data $(DATA)

.PHONY: run test build setup tools test-packages e2e check bench fuzz peer peer-feeds torture model model-env eval install uninstall clean help

# As the tests are built, so that `make run` and `make test` build the dependencies once for both.
run: setup ## set up everything, build, run the daemon on the sample configuration
	@$(call say,building: the first time takes a while)
	@cargo build --locked --bin earmark --test it
	@exec "$(BUILT)/debug/earmark" run --config "$(CONFIG)"

test: setup test-packages ## set up everything, run all tests
	@cargo test --locked

build: setup ## build the daemon (PROFILE=release or dev)
	@$(call say,building ($(PROFILE)): the first time takes a while)
	@cargo build --locked --profile "$(PROFILE)" --bin earmark

setup: tools ## put libtorch into the per-user cache, once, and link it here
	@python3 models/libtorch.py >/dev/null

tools:
	@need() { command -v "$$1" >/dev/null || { echo "earmark: $$1 is missing: $$2" >&2; missing=1; }; }; \
	missing=0; \
	need cargo "it builds everything; install Rust 1.95 or newer, https://rustup.rs shows how"; \
	need c++ "libtorch's bindings are C++; on Debian: apt-get install g++"; \
	need cc "Rust links with it; on Debian: apt-get install gcc"; \
	need python3 "it fetches libtorch; on Debian: apt-get install python3 python3-pip"; \
	if [ -z "$${LIBTORCH:-}" ] && ! python3 models/libtorch.py --print >/dev/null 2>&1 \
	    && command -v python3 >/dev/null && ! python3 -m pip --version >/dev/null 2>&1; then \
	  echo "earmark: pip is missing: it fetches libtorch; on Debian: apt-get install python3-pip" >&2; missing=1; \
	fi; \
	exit $$missing

test-packages: ## offer the Debian packages some tests want; without them those tests are skipped
	@command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0; \
	missing=; \
	for package in $(TEST_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if command -v sendmail >/dev/null; then missing=$$(echo "$$missing " | sed 's/ exim4-daemon-light / /'); fi; \
	missing=$$(echo $$missing); \
	[ -n "$$missing" ] || exit 0; \
	root=; \
	if [ "$$(id -u)" != 0 ]; then \
	  if ! [ -t 0 ] || ! command -v sudo >/dev/null; then \
	    echo "earmark: not installed: $$missing; the tests that want them will say that they are skipped"; exit 0; \
	  fi; \
	  read -r -p "earmark: some tests want the Debian packages: $$missing. Install them with sudo? [y/N] " answer; \
	  case "$$answer" in [yY]*) root=sudo;; *) echo "earmark: those tests will be skipped"; exit 0;; esac; \
	fi; \
	echo "earmark: installing $$missing"; \
	log=$$(mktemp); \
	{ $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends $$missing; } >"$$log" 2>&1 </dev/null \
	  || { tail -n 5 "$$log"; echo "earmark: that failed; the tests that want them will be skipped"; }; \
	rm -f "$$log"

e2e: TEST_PACKAGES = $(E2E_PACKAGES)
e2e: setup test-packages ## the daemon against WordPress, NodeBB and a Bluesky PDS (PART=nodebb for one of them)
	@cargo build --locked --bin earmark
	@EARMARK="$(BUILT)/debug/earmark" e2e/run $(PART)

check: setup ## formatting, lints, licences and sources of the dependencies
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || { \
	  echo "earmark: cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	@cargo deny --locked --log-level error check bans licenses sources

bench: setup ## rates of matching, scoring, storing, reading (BENCH=scoring for one of them)
	@cargo bench --locked $(if $(BENCH),--bench $(BENCH),--benches)

fuzz: tools ## made-up bytes for whatever reads foreign ones (TARGET=feed for one, SECONDS=120 each)
	@FOUND="$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/earmark/fuzz" fuzz/run $(SECONDS) $(TARGET)

peer: build ## posts a second beside a Hugging Face pipeline with the same weights (PEER_FILE, PROFILE)
	@[ -e "$(PEER_FILE)" ] || { echo "earmark: $(PEER_FILE) is missing: name texts with PEER_FILE=" >&2; exit 1; }
	@"$(PEER_PYTHON)" models/train/peer.py models/sentiment "$(PEER_FILE)" --daemon "$(BINARY)"

peer-feeds: setup ## feeds a second beside Python's feedparser on the same documents (FEEDS=FOLDER, ROUNDS, PROFILE)
	@[ -x "$(FEEDPARSER)/bin/python" ] || python3 -m venv "$(FEEDPARSER)"
	@cmp -s benches/feed_peer.txt "$(FEEDPARSER)/requirements.txt" || { \
	  "$(FEEDPARSER)/bin/pip" install -q -r benches/feed_peer.txt \
	  && cp benches/feed_peer.txt "$(FEEDPARSER)/requirements.txt"; }
	@FEEDS="$(FEEDS)" ROUNDS="$(ROUNDS)" EARMARK_PEER_PYTHON="$(FEEDPARSER)/bin/python" \
	  cargo bench --locked $(if $(filter dev,$(PROFILE)),--profile dev --config profile.dev.package.earmark.opt-level=3) \
	  --bench feed_peer

torture: setup test-packages ## the long tests: kills at every call and at random instants
	@cargo test --locked --test it torture::everything -- --ignored --exact --nocapture

model: model-env ## train the model anew on DATA (hours on two cores; a cut-off run is gone on with)
	@[ -d "$(START)" ] || { echo "earmark: $(START) is missing: START=FOLDER names the model to begin with" >&2; exit 1; }
	@fit() { $(TRAINER) fit "$(TRAIN)/$$1" --threads $(THREADS) "$${@:2}"; }; \
	fit unseen --from "$(START)" --epochs 1 --peak 1e-4 --seed 2 --leave-out-unseen; \
	fit final --from "$(START)" --epochs 2 --peak 1e-4 --seed 1; \
	fit final-polish --from "$(TRAIN)/final" --stage polish --epochs 1 --peak 6e-5 --seed 3; \
	fit brands --from "$(TRAIN)/unseen" --stage brands --earlier "$(START)" --earlier "$(TRAIN)/unseen" \
	  --epochs 2 --peak 8e-5 --seed 5 --leave-out-unseen; \
	fit together --from "$(TRAIN)/final-polish" --from "$(TRAIN)/brands" --stage together --earlier "$(START)" \
	  --earlier "$(TRAIN)/brands" --epochs 1 --peak 6e-5 --seed 9
	@$(TRAINER) finish "$(TRAIN)/unseen" "$(TRAIN)/unseen/model"
	@$(TRAINER) finish "$(TRAIN)/together" models/sentiment
	@$(TRAINER) parity models/sentiment tests/fixtures/sentiment/parity.jsonl.gz
	@$(MAKE) eval

eval: model-env build ## measure models/sentiment on DATA, print the tables, write them into the card
	@$(TRAINER) eval models/sentiment --daemon "$(BINARY)" --json models/sentiment-report.json --card models/README.md \
	  $$([ -d "$(TRAIN)/unseen/model" ] && echo --without "$(TRAIN)/unseen/model")

model-env:
	@[ -d "$(DATA)" ] || { echo "earmark: $(DATA) is missing: DATA=FOLDER names the labelled texts" >&2; exit 1; }
	@[ -x "$(TRAIN)/env/bin/python" ] || python3 -m venv "$(TRAIN)/env"
	@cmp -s models/train/requirements.txt "$(TRAIN)/env/requirements.txt" || { \
	  $(call say,fetching what training runs with: about 3 GB); \
	  "$(TRAIN)/env/bin/pip" install -q --no-cache-dir -r models/train/requirements.txt \
	  && cp models/train/requirements.txt "$(TRAIN)/env/"; }

# Nothing is built for a BINARY that was named, nor as root by way of sudo: the caller built it, and
# root has another cache. Both ends of the binary's rpath and of its model's path are below PREFIX, so
# the tree may be staged anywhere.
install: ## install below PREFIX (DESTDIR, PROFILE=release or dev, BINARY=FILE for one that is built)
	@[ -n "$${SUDO_USER:-}$(findstring command,$(origin BINARY))" ] || $(MAKE) build
	@[ -x "$(BINARY)" ] || { echo "earmark: $(BINARY) is missing: run 'make build' first" >&2; exit 1; }
	@[ -d "$(TORCH)/lib" ] || { echo "earmark: $(TORCH)/lib is missing: run 'make setup' first" >&2; exit 1; }
	@install -d "$(BIN)" "$(LIBRARIES)" "$(SHARE)/models/sentiment" "$(SHARE)/config/sample" "$(UNITS)" "$(ETC)"
	@install -m 755 "$(BINARY)" "$(BIN)/earmark"
	@for library in "$(TORCH)"/lib/*.so*; do install -m 644 "$$library" "$(LIBRARIES)/"; done
	@install -m 644 models/sentiment/* "$(SHARE)/models/sentiment/"
	@install -m 644 models/README.md "$(SHARE)/models/"
	@install -m 644 LICENSE "$(SHARE)/"
	@install -m 644 config/*.toml "$(SHARE)/config/"
	@install -m 644 config/sample/* "$(SHARE)/config/sample/"
	@sed 's|/usr/local/|$(PREFIX)/|g' systemd/earmark.service >"$(UNITS)/earmark.service"
	@chmod 644 "$(UNITS)/earmark.service"
	@if [ -e "$(ETC)/earmark.toml" ]; then $(call say,$(ETC)/earmark.toml is kept as it is); \
	else install -m 644 config/starter.toml "$(ETC)/earmark.toml"; \
	  printf '\n# Where the unit keeps the store; named here so that commands look there too.\n[store]\npath = "/var/lib/earmark"\n' \
	    >>"$(ETC)/earmark.toml"; fi
	@$(call say,installed $(BIN)/earmark; next: edit $(ETC)/earmark.toml and systemctl enable --now earmark)

uninstall: ## remove what install put there; the configuration and the store stay
	@rm -f "$(BIN)/earmark" "$(UNITS)/earmark.service"
	@rm -rf "$(LIBRARIES)" "$(SHARE)"
	@$(call say,removed; $(ETC) and the store are kept)

clean: ## remove what was built here; the cache of libtorch stays
	@cargo clean --quiet
	@rm -f .libtorch

help: ## show this
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | while IFS= read -r line; do \
	  printf '  make %-14s %s\n' "$${line%%:*}" "$${line##*## }"; done
