//go:build !unix

package program

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Supported returns an error where programs cannot be run: without process groups, what they
// started could not be killed.
func Supported() error {
	return fmt.Errorf("programs need process groups, which %s does not have", runtime.GOOS)
}

func runGroup(*exec.Cmd) error { return Supported() }
