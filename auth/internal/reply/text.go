package reply

import (
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clip truncates client-supplied text, so that one request cannot fill the log.
func Clip(s string) string {
	const most = 255
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…" // drop a truncated character
}

// Visible returns text for the log, quoted if it has invisible or control characters. The JSON
// handler of slog escapes only those that JSON requires: not DEL, the controls from U+0080 on, and
// those that change the direction of writing.
func Visible(s string) string {
	invisible := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, invisible) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// Text appends an attribute with visible text, unless the text is empty.
func Text(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, Visible(value)))
}

// Group appends the client's address and the error, if any, and returns the attributes as a group.
func Group(attrs []slog.Attr, remote netip.Addr, err error) slog.Value {
	if remote.IsValid() {
		attrs = Text(attrs, "remote_addr", remote.String())
	}
	if err != nil {
		attrs = Text(attrs, "error", err.Error())
	}
	return slog.GroupValue(attrs...)
}
