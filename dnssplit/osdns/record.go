package osdns

import "strings"

// record is what one writer wants.
type record struct {
	name, text string
	conf       conf
}

// parseRecords reads what both programs list.
func parseRecords(out []byte) []record {
	var all []record
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "# resolv.conf from "); ok {
			all = append(all, record{name: strings.TrimSpace(name)})
		} else if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	for i := range all {
		all[i].conf = parseConf([]byte(all[i].text))
	}
	return all
}
