package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// post sends a form as clients do, and returns the status and the refresh token of the answer.
func (p *process) post(form url.Values) (status int, refreshToken string) {
	p.t.Helper()
	form.Set("service", "registry.test")
	w, err := http.PostForm(p.url+"/auth/token", form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Body.Close()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil {
		p.t.Fatal(err)
	}
	return w.StatusCode, answer.RefreshToken
}

// TestKill: whatever ends the program, a refresh token that was given out works afterwards, and one that was revoked does not. An
// authority goes with it, so that the signing key is another one each time.
func TestKill(t *testing.T) {
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	if out, code := run(t, binary, dir, "", "keygen", "--authority", "--key", "ca.key", "--cert", "ca.crt"); code != 0 {
		t.Fatal(out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const token = "0123456789abcdef0123456789abcdef"
	write(t, dir, "oncall", token)
	write(t, dir, "config.yml", strings.NewReplacer("my.crt", "ca.crt", "my.key", "ca.key", "  issuer:", "  authority: true\n  issuer:").Replace(string(text))+`
refresh_tokens: {file: tokens, key_file: tokens.key}
refresh_admin: {addr: "127.0.0.1:0", admins: {oncall: {token_file: oncall}}}
`)
	password := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}, "access_type": {"offline"}}
	refresh := url.Values{"grant_type": {"refresh_token"}}

	p := start(t, binary, dir)
	status, given := p.post(password)
	if status != http.StatusOK || given == "" {
		t.Fatalf("status %d", status)
	}
	p.kill()

	p = start(t, binary, dir)
	refresh.Set("refresh_token", given)
	if status, _ := p.post(refresh); status != http.StatusOK {
		t.Errorf("after a kill: status %d", status)
	}
	admin := "http://" + p.wait("listening for operators")["addr"].(string)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, admin+"/refresh-tokens?subject=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Body.Close()
	if w.StatusCode != http.StatusOK {
		t.Errorf("revoking: status %d", w.StatusCode)
	}
	p.kill()

	p = start(t, binary, dir)
	if status, _ := p.post(refresh); status != http.StatusUnauthorized {
		t.Errorf("revoked before a kill: status %d", status)
	}
	p.kill()
}

// kill ends the program as a lack of memory does.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	for range p.lines {
	}
	_ = p.cmd.Wait()
}
