//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package refreshfile

import (
	"errors"
	"os"
)

// lock fails: without one, two processes would damage the file.
func lock(*os.File) error { return errors.ErrUnsupported }
