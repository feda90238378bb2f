package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processors is what has been done on the machine since it started, in time of processors. It is nothing where that cannot be found
// out.
type processors struct{ all, busy, ours time.Duration }

func lookAtProcessors() (p processors) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	const idle, wait, last = 4, 5, 8 // of: cpu user nice system idle iowait irq softirq steal, and guests, which are counted before
	for i, field := range strings.Fields(line) {
		if i == 0 || i > last {
			continue
		}
		n, _ := strconv.Atoi(field)
		p.all += time.Duration(n) * tick
		if i != idle && i != wait {
			p.busy += time.Duration(n) * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} { // servers are among these once they have ended
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			p.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return p
}

// others is the part of the processors that other programs have had since before.
func (p processors) others(before processors) float64 {
	all, busy, ours := p.all-before.all, p.busy-before.busy, p.ours-before.ours
	if all <= 0 {
		return 0
	}
	return max(0, (busy-ours).Seconds()/all.Seconds())
}
