package secevent

import (
	"encoding/json"

	"github.com/tidegate/tidegate/internal/wire"
)

// subject is a subject identifier (RFC 9493).
type subject struct {
	Format string `json:"format"`
	ID     string `json:"id"`  // of opaque
	Issuer string `json:"iss"` // of iss_sub
	Sub    string `json:"sub"` // of iss_sub
}

// readUser is the name of the user that a subject identifier means: an opaque
// id, the sub of an iss_sub of the token's own issuer, or either as the user,
// and nothing else, of a complex subject.
func readUser(raw json.RawMessage, issuer string) (string, *Error) {
	var s subject
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", Refuse(InvalidRequest, "the subject is missing or damaged; send a sub_id (RFC 9493)")
	}
	if s.Format == "complex" {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return "", Refuse(InvalidRequest, "the subject is damaged")
		}
		for name := range members {
			if name != "format" && name != "user" {
				return "", Refuse(InvalidRequest, "a subject narrowed by %.64q is not carried here; send the user alone", name)
			}
		}
		s = subject{}
		if err := json.Unmarshal(members["user"], &s); err != nil {
			return "", Refuse(InvalidRequest, "the complex subject has no user")
		}
	}
	name := ""
	switch s.Format {
	case "opaque":
		name = s.ID
	case "iss_sub":
		if s.Issuer != issuer {
			return "", Refuse(InvalidRequest, "the subject is of another issuer than the token")
		}
		name = s.Sub
	default:
		return "", Refuse(InvalidRequest, "a subject of format %.64q is not carried here; send opaque or iss_sub with the user's name", s.Format)
	}
	if err := wire.CheckID(name); err != nil {
		return "", Refuse(InvalidRequest, "the subject is no user's name: %v", err)
	}
	return name, nil
}
