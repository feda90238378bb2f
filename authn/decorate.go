package authn

// Decorate returns an authenticator that authenticates with authenticate and is a [Directory] and a
// [Confirmer] when source is. It is for decorators, which change how credentials are checked and
// not who the subjects are.
func Decorate(source Authenticator, authenticate Func) Authenticator {
	d, isDirectory := source.(Directory)
	c, isConfirmer := source.(Confirmer)
	switch {
	case isDirectory && isConfirmer:
		return struct {
			Func
			Directory
			Confirmer
		}{authenticate, d, c}
	case isDirectory:
		return struct {
			Func
			Directory
		}{authenticate, d}
	case isConfirmer:
		return struct {
			Func
			Confirmer
		}{authenticate, c}
	default:
		return authenticate
	}
}
