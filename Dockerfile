# obdcr in a container that holds one static program, the CAs of the public web, and
# nothing else. README.md, "In a container", says how to use it.
#
#   docker build -t obdcr .                    compiles it; needs the image golang
#   make image && docker build --target prebuilt -t obdcr .
#                                              takes what is in dist/image; needs no other image

FROM scratch AS base
# A user that has no name here, and may write into the folder of the sandbox alone.
USER 65532:65532
WORKDIR /
COPY LICENSE /
EXPOSE 8443 8444 8445
ENTRYPOINT ["/obdcr"]
# The sandbox as the machine sees it that runs the container and publishes the two ports.
# Between containers it needs the name by which they find it: --expose NAME.
CMD ["sandbox", "--expose", "localhost", "--listen", ":8443", "--portal", ":8444", "--directory", ":8445"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/obdcr", "health", "https://127.0.0.1:8443/readyz", "--ca", "/obdcr-sandbox/ca.pem"]

FROM base AS prebuilt
COPY dist/image/obdcr /obdcr
COPY dist/image/ca-certificates.crt /etc/ssl/certs/
COPY --chown=65532:65532 dist/image/obdcr-sandbox /obdcr-sandbox
VOLUME /obdcr-sandbox

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make image

FROM base
COPY --from=build /src/dist/image/obdcr /obdcr
COPY --from=build /src/dist/image/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /src/dist/image/obdcr-sandbox /obdcr-sandbox
VOLUME /obdcr-sandbox
