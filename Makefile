# Every target does its own set-up. VENV=elsewhere puts the virtual environment elsewhere.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=

.PHONY: help demo scan peers test check measure bench fuzz licences lock wheel clean system system-test

help:
	@echo "make demo      sweep a virtual estate and show the result (about a minute after installation)"
	@echo "make scan      sweep the attached private networks; ARGS='10.0.0.0/24 --site hq' for more"
	@echo "make test      check, then all tests (installs the servers that the tests talk to)"
	@echo "make check     ruff, mypy, import contract, content and policy checks"
	@echo "make measure   how right the catalog is on the devices that it was not written from"
	@echo "make bench     measurements against peers      make fuzz   long random input"
	@echo "make licences  every dependency with its licence"

system:
	@.ci/system-packages ip=iproute2 unshare=util-linux

system-test: system
	@.ci/system-packages nft=nftables tcpdump=tcpdump tshark=tshark softflowd=softflowd pmacctd=pmacct nfcapd=nfdump avahi-daemon=avahi-daemon lighttpd=lighttpd wsdd=wsdd wsdd2=wsdd2 nmap=nmap nginx=nginx-light snmpd=snmpd sshd=openssh-server pure-ftpd=pure-ftpd minidlnad=minidlna rtsp-server-perl=rtsp-server-perl openssl=openssl arp-scan=arp-scan
	@.ci/system-packages nmap=nmap masscan=masscan dumpcap=wireshark-common dnsmasq=dnsmasq-base kea-dhcp4=kea-dhcp4-server \
		dhcpd=isc-dhcp-server dhclient=isc-dhcp-client lldpd=lldpd snmpd=snmpd npm=npm
	@.ci/system-packages 'rsyslogd=rsyslog rsyslog-gnutls' lognormalizer=liblognorm-utils systemd-analyze=systemd
	@.ci/unpacked-package syslog-ng-core $(VENV)/syslog-ng

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found"; echo "  help: apt-get install python3 python3-venv"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/system-packages --missing python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: system $(VENV)/.ready
	@$(BIN)/netcam demo --format table --fail-on advisory $(ARGS); code=$$?; echo "exit code $$code (10: findings at or above --fail-on)"; test $$code -eq 0 -o $$code -eq 10

scan: system $(VENV)/.ready
	@$(BIN)/netcam scan $(ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/netcam catalog check
	$(BIN)/netcam policy check

$(VENV)/peers/.ready: $(VENV)/.ready tests/peers/requirements.txt tests/peers/fetch.sh | system-test
	tests/peers/fetch.sh $(BIN)/python $(abspath $(VENV))/peers

peers: $(VENV)/peers/.ready

test: system-test check peers
	.ci/tests $(BIN)/pytest $(ARGS)

HELD_BACK = tests/corpus/heldback $(foreach set,third fifth seventh,$(foreach part,named others,tests/corpus/$(set)-heldback/$(part).observations.jsonl))

measure: $(VENV)/.ready
	@$(BIN)/netcam catalog measure $(HELD_BACK) $(ARGS)

bench: system-test $(VENV)/.ready
	@for b in tests/bench/*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

fuzz: $(VENV)/.ready
	$(BIN)/pytest --hypothesis-profile=search -m 'fuzz or hypothesis' tests $(ARGS)

licences: $(VENV)/.ready
	$(BIN)/pip-licenses --from=mixed --order=license --with-urls

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra all --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o docker/requirements.lock

wheel: $(VENV)/.ready
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
