# Everyday commands, each one line of Go or of .ci/run: see docs/development.md.
# A test holds that help lists every target.
.DEFAULT_GOAL := help
# What `make image` writes into, and the CAs of the public web that it puts there, in PEM.
# The path is that of Debian, Ubuntu and Alpine.
IMAGE = dist/image
# What `make site` writes into.
SITE = dist/site
CAS = /etc/ssl/certs/ca-certificates.crt
.PHONY: help test short race fuzz lint bench scale failover docs screenshots site api ci sandbox image man completions

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

test: ## run all tests, as a laptop can: in two to three minutes
	go test ./...

short: ## run all tests with few repetitions, for the inner loop
	go test -short ./...

race: ## run all tests under the race detector
	go test -race ./...

fuzz: ## run every fuzz target for a moment; OBDCR_FUZZTIME=1m for longer
	.ci/run fuzz

lint: ## check format, vet, golangci-lint and known vulnerabilities
	OBDCR_CI_PARTIAL=1 .ci/run format vet golangci govulncheck

bench: ## run the benchmarks
	.ci/run benchmarks

scale: ## measure a million clients, OBDCR_SCALE for others; an hour, 15 GB
	OBDCR_SCALE=$${OBDCR_SCALE:-1000000} go test -run '^TestScale$$' -v -timeout 6h ./internal/bench

failover: ## kill primaries under Patroni and etcd, ten rounds of each kind: see docs/failover.md
	OBDCR_FAILOVER=1 go test ./internal/nodes -count=1 -timeout 30m -v -run PatroniFailsOver

docs: ## render the documents again that are made from the code
	go test ./validate -run 'TestRulesDoc|TestPolicyDoc|TestDeviationsDoc|TestEachRuleIDIsExported' -update
	go test ./validate/dialect -run 'TestThePageIsRendered|TestTheSchemaIsRendered' -update
	go test ./dcr/roles -run TestRolesDoc -update
	go generate ./dcr/vectors/signed
	go test ./internal/archtest -run TestDocumentsShowTheExamples -update
	go test ./cmd/obdcr/internal/service -run 'TestTheSchemaIsRendered|TestThePageIsRendered' -update

screenshots: ## draw the pictures of the portal's pages, of the page to lint in and of reports again, by Chromium
	OBDCR_SERVERS=1 OBDCR_SCREENSHOTS=1 go test ./dcr/portal ./dcr/tpp/lintpage ./dcr/conform -count=1 -timeout 30m -run '^TestBrowser'

site: ## build the page to lint in as static files, in dist/site: see docs/lint-page.md
	mkdir -p '$(SITE)'
	folder="$$(cd '$(SITE)' && pwd)" && go -C internal/site run . "$$folder"

api: ## print what changed in the public API and record it anew
	.ci/api record

ci: ## run everything that a change has to pass
	.ci/run

sandbox: ## start a directory and a bank on loopback
	go run ./cmd/obdcr sandbox

image: ## make what a container image holds, in dist/image: see Dockerfile
	@test -s '$(CAS)' || { echo 'make image: there is no $(CAS), where Debian has the CAs of the public web: name such a file, CAS=FILE; Fedora has /etc/pki/tls/certs/ca-bundle.crt, macOS /etc/ssl/cert.pem' >&2; exit 1; }
	mkdir -p $(IMAGE)/obdcr-sandbox
	CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=auto -ldflags='-s -w' -o $(IMAGE)/obdcr ./cmd/obdcr
	cp '$(CAS)' $(IMAGE)/ca-certificates.crt

man: ## write the manual pages into dist/man
	go run ./cmd/obdcr man dist/man

completions: ## write the completions of four shells into dist/completions
	mkdir -p dist/completions
	for shell in bash zsh fish powershell; do go run ./cmd/obdcr completion $$shell > dist/completions/obdcr.$$shell || exit 1; done
