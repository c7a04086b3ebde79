module github.com/obdcr/obdcr/examples/keycloak

go 1.26.0

replace github.com/obdcr/obdcr => ../..

require github.com/obdcr/obdcr v0.0.0-00010101000000-000000000000
