package section_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnreadableSecrets: a secret that cannot be read stops the start. The server does not go on
// without a user, nor with one whose password is the empty text.
func TestUnreadableSecrets(t *testing.T) {
	for name, test := range map[string]struct{ secret, want string }{
		"a file that is not there": {
			`password_file: "@DIR@/none"`,
			"password_file: none: no such file or directory",
		},
		"a folder": {
			`password_file: "@DIR@/folder"`,
			"password_file: folder: is a directory",
		},
		"a file that is empty": {
			`password_file: "@DIR@/empty"`,
			`the user "alice": the password hash is empty`,
		},
		"a file with white space": {
			`password_file: "@DIR@/blank"`,
			`the user "alice": the password hash is empty`,
		},
		"no name of a file": {`password_file: ""`, "password_file: "},
		"a variable that is not set": {
			`password_env: NONE`,
			`the environment variable "NONE" is not set`,
		},
		"a variable that is empty": {
			`password_env: BLANK`,
			`the environment variable "BLANK" is not set`,
		},
		"a file for a user who may not": {
			`disabled: true, password_file: "@DIR@/none"`,
			"password_file: none: no such file or directory",
		},
		"a variable in place of a value": {
			`password: "${HASH}"`,
			`the user "alice": unacceptable password hash: not bcrypt or argon2id`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, head+"users:\n  alice: {"+test.secret+"}\nacl: []\n")
			f.file("empty", "").file("blank", " \n")
			if err := os.Mkdir(filepath.Join(f.folder, "folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			f.env["BLANK"], f.env["HASH"] = " ", f.hash
			if _, err := f.load(); err == nil || !strings.Contains(f.relative(err.Error()), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}
