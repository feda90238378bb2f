package goals

import "time"

// processors is the time that the processors have had since the machine was started: all of it,
// that in which they were busy, and our part of that. It is 0 where this cannot be found out.
type processors struct{ all, busy, ours time.Duration }

// others is the part of the processors that other programs have had since before.
func (p processors) others(before processors) float64 {
	all, busy, ours := p.all-before.all, p.busy-before.busy, p.ours-before.ours
	if all <= 0 {
		return 0
	}
	return max(0, (busy-ours).Seconds()/all.Seconds())
}
