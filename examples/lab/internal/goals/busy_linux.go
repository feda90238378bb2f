package goals

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processorsNow reads /proc/stat. Our own time includes servers that have ended.
func processorsNow() (p processors) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	// The line is: cpu user nice system idle iowait irq softirq steal, and guests, which user has.
	const idle, wait, last = 4, 5, 8
	const tick = time.Second / 100
	for i, field := range strings.Fields(line) {
		n, err := strconv.Atoi(field)
		if err != nil || i > last {
			continue
		}
		p.all += time.Duration(n) * tick
		if i != idle && i != wait {
			p.busy += time.Duration(n) * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			p.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return p
}
