package goals

import (
	"os"
	"strconv"
	"strings"
)

// processors is the time that the processors have had since the machine was started: all of it,
// that in which they were busy, and our part of that. Only Linux says so; elsewhere it is 0.
type processors struct{ all, busy, ours int }

// processorsNow reads what proc(5) explains. Our part includes servers that have ended.
func processorsNow() (p processors) {
	stat := numbers("/proc/stat") // user nice system idle iowait irq softirq steal guest…
	own := numbers("/proc/self/stat")
	const idle, wait, kinds = 3, 4, 8
	const user, childrenSystem = 10, 13 // of the numbers; the state, a letter, is none
	if len(stat) < kinds || len(own) <= childrenSystem {
		return p
	}
	for i, n := range stat[:kinds] {
		p.all += n
		if i != idle && i != wait {
			p.busy += n
		}
	}
	for _, n := range own[user : childrenSystem+1] {
		p.ours += n
	}
	return p
}

// numbers are those of the first line after its first word.
func numbers(file string) (list []int) {
	text, _ := os.ReadFile(file) //nolint:gosec // of /proc
	line, _, _ := strings.Cut(string(text), "\n")
	_, line, _ = strings.Cut(line, " ")
	for field := range strings.FieldsSeq(line) {
		if n, err := strconv.Atoi(field); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// others is the part of the processors that other programs have had since before.
func (p processors) others(before processors) float64 {
	all, busy, ours := p.all-before.all, p.busy-before.busy, p.ours-before.ours
	if all <= 0 {
		return 0
	}
	return max(0, float64(busy-ours)/float64(all))
}
