package authn

import (
	"context"
	"sync"
	"time"
)

// NewThrottleMemory returns a [ThrottleStore] in memory, with room for so many states of each kind, at least one. When a kind is
// full, the state of it that was not updated for the longest time is forgotten.
//
// An attacker can wash his own failures out, but not at a profit: a place in the table costs him an attempt that is counted, and
// as many of these as fill the table take longer than any wait that he would save. Accounts and addresses are bounded each on its
// own, so that a flood of invented names does not wash out the addresses it comes from. What is cheap to come by for the owner of
// very many addresses is a place for an account that is under attack already; that can cost others their appointment, and no
// failure is forgotten for it before all appointments are.
func NewThrottleMemory(maxEntries int) ThrottleStore {
	m := &throttleMemory{}
	for i := range m.tables {
		m.tables[i] = newLRU[ThrottleKey, ThrottleState](maxEntries)
	}
	return m
}

const throttleKinds = 3

type throttleMemory struct {
	mu     sync.Mutex
	tables [throttleKinds + 1]*lru[ThrottleKey, ThrottleState] // by kind, and the appointments of those who have not failed
}

var _ ThrottleStore = (*throttleMemory)(nil)

// Update never fails. What it does under the lock is less than a hash of the key costs.
func (m *throttleMemory) Update(_ context.Context, keys []ThrottleKey, _ time.Duration, change func([]ThrottleState)) error {
	var room [throttleKinds]ThrottleState
	states := room[:0]
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		states = append(states, m.get(key))
	}
	change(states)
	for i, key := range keys {
		m.put(key, states[i])
	}
	return nil
}

func (m *throttleMemory) get(key ThrottleKey) ThrottleState {
	for _, table := range []*lru[ThrottleKey, ThrottleState]{m.tables[key.Kind], m.tables[throttleKinds]} {
		if state := table.get(key); state != nil {
			return *state
		}
	}
	return ThrottleState{}
}

func (m *throttleMemory) put(key ThrottleKey, state ThrottleState) {
	counted, appointments := m.tables[key.Kind], m.tables[throttleKinds]
	switch {
	case state.Failures > 0:
		appointments.drop(key)
		counted.set(key, state)
	case !state.Appointment.IsZero():
		counted.drop(key)
		appointments.set(key, state)
	default:
		counted.drop(key)
		appointments.drop(key)
	}
}
