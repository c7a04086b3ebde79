package report

import "github.com/obdcr/obdcr/validate"

// The parts of SARIF 2.1.0 (OASIS, 2020) that a report needs.
type (
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifRule struct {
		ID                   string       `json:"id"`
		ShortDescription     *sarifText   `json:"shortDescription,omitempty"`
		FullDescription      *sarifText   `json:"fullDescription,omitempty"`
		HelpURI              string       `json:"helpUri,omitempty"`
		Help                 *sarifText   `json:"help,omitempty"`
		DefaultConfiguration sarifConfig  `json:"defaultConfiguration"`
		Properties           sarifRuleBag `json:"properties"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifRuleBag struct {
		Document validate.Document `json:"document"`
		Basis    validate.Basis    `json:"basis"`
		Code     validate.Code     `json:"code"`
		Citation string            `json:"citation,omitempty"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Properties          sarifResultBag    `json:"properties"`
	}
	sarifResultBag struct {
		Document validate.Document `json:"document"`
		Pointer  string            `json:"pointer"`
		Line     int               `json:"line,omitempty"`   // of the text that lineOf names
		LineOf   string            `json:"lineOf,omitempty"` // "file", or a part of a token, pretty-printed
		Code     validate.Code     `json:"code"`
		Citation string            `json:"citation,omitempty"`
		Got      string            `json:"got,omitempty"`
		Want     string            `json:"want,omitempty"`
		Fix      string            `json:"fix,omitempty"`
		Command  string            `json:"command,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
		Message          *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
		Region           *sarifRegion          `json:"region,omitempty"`
	}
	sarifArtifactLocation struct {
		URI   string `json:"uri"`
		Index int    `json:"index"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		DecoratedName      string `json:"decoratedName,omitempty"` // such as "payload, line 7"
		Kind               string `json:"kind"`
	}
	sarifArtifact struct {
		Location   sarifArtifactName `json:"location"`
		Properties sarifFileBag      `json:"properties"`
	}
	sarifArtifactName struct {
		URI string `json:"uri"`
	}
	// sarifFileBag is what a report says of a file beside its results.
	sarifFileBag struct {
		Profile       validate.Profile `json:"profile"`
		Valid         bool             `json:"valid"`
		Verdict       string           `json:"verdict"`
		Wire          *jsonWire        `json:"wire"`
		More          int              `json:"more"`
		Passed        int              `json:"passed"`
		NotApplicable int              `json:"notApplicable"`
		Checks        jsonChecks       `json:"checks"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string             `json:"level"`
		Message   sarifText          `json:"message"`
		Locations []sarifNotedInFile `json:"locations,omitempty"`
	}
	sarifNotedInFile struct {
		PhysicalLocation sarifPhysical `json:"physicalLocation"`
	}
)
