//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// Supported returns an error where programs cannot be run.
func Supported() error { return nil }

// runGroup runs a command in a process group of its own, and kills what is left of the group.
func runGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	if cmd.Process != nil {
		_ = cmd.Cancel() // it fails if nothing is left
	}
	return err
}
