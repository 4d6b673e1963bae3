package lang

import "golang.org/x/sys/windows"

// preferred are the user's languages, the first most of all.
func preferred() []string {
	tags, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil {
		return nil
	}
	return tags
}
