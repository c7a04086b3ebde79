// Package service is obdcr serve: a bank as one YAML file describes it.
//
// [Load] reads the file, strictly. [Config.Print] writes all of it, the defaults too.
// [OpenStore] opens the store that the file names, for other commands. [Run] serves.
// docs/serve.md has each member with an example, docs/serve.schema.json the JSON Schema.
package service
