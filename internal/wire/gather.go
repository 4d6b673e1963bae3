package wire

import "time"

// PathDevice is where a device reports its claims to the controller: PUT
// DeviceReport, answered 204. It renews no token (seed 003): the claims stand
// in the next one, and the gateways hear them from the device itself.
const PathDevice = "/v1/device"

// PathDataDevice is where a device reports its claims to a gateway: PUT
// DeviceReport on a data channel that has a session, answered 204.
const PathDataDevice = "/v1/device"

// DeviceReport is what a device says of itself now, whole. Its claims are what
// the device reports, not attested.
type DeviceReport struct {
	Claims DeviceClaims `json:"claims"`
}

// Gather is a device claim that the administrator declared: the device finds
// it out and reports it under Name.
type Gather struct {
	Name string     `json:"name"` // as criteria read it: device.NAME
	Kind GatherKind `json:"kind"`
	// Process is the name of a program, for GatherProcess.
	Process string `json:"process,omitempty"`
	// Path is a file's, absolute, for all other kinds; "~/" is the user's home.
	Path string `json:"path,omitempty"`
	// SHA256 is, for GatherScript, the digest in hex that the program at Path
	// must have, or it is not run.
	SHA256 string `json:"sha256,omitempty"`
	// Type is what a script prints: bool, int or string.
	Type string `json:"type,omitempty"`
	// Timeout bounds a script's run, to MaxGather at most.
	Timeout Duration `json:"timeout,omitempty"`
}

// MaxGather bounds the finding out of a claim: all are told together.
const MaxGather = 9 * time.Second

// GatherKind says how a declared device claim is found out.
type GatherKind string

// The kinds of declared device claims.
const (
	GatherProcess GatherKind = "process" // bool: a program of that name is running
	GatherFile    GatherKind = "file"    // bool: the file exists
	GatherDigest  GatherKind = "digest"  // string: the file's SHA-256 in hex; missing where there is none
	GatherScript  GatherKind = "script"  // what the program printed
)
