package authn

import "context"

// Decorate returns an authenticator that authenticates with authenticate and has the abilities of
// source, [Directory] and [Confirmer]: what a decorator needs, which changes how credentials are
// checked and not who the subjects are.
func Decorate(source Authenticator, authenticate Func) Authenticator {
	_, looksUp := source.(Directory)
	_, confirms := source.(Confirmer)
	if !looksUp && !confirms {
		return authenticate
	}
	return decorated{authenticate, source}
}

type decorated struct {
	Func

	source Authenticator
}

func (d decorated) Lookup(ctx context.Context, name string) (Subject, error) {
	return Lookup(ctx, d.source, name)
}

func (d decorated) Confirm(ctx context.Context, remembered Subject) (Subject, error) {
	return Confirm(ctx, d.source, remembered)
}
