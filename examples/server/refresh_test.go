package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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

// login returns a request with a new refresh token, as a form.
func (p *process) login() url.Values {
	p.t.Helper()
	status, refreshToken := p.post(url.Values{
		"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"},
		"access_type": {"offline"},
	})
	if status != http.StatusOK || refreshToken == "" {
		p.t.Fatalf("login: status %d", status)
	}
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
}

// wantStatus checks the status of a request with a refresh token.
func (p *process) wantStatus(when string, refresh url.Values, want int) {
	p.t.Helper()
	if status, _ := p.post(refresh); status != want {
		p.t.Errorf("%s: status %d, want %d", when, status, want)
	}
}

// TestRefreshTokens: a refresh token works until it is revoked or the program ends. Both times the
// client reads 401 and logs in again.
func TestRefreshTokens(t *testing.T) {
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const token = "0123456789abcdef0123456789abcdef"
	write(t, dir, "oncall", token)
	write(t, dir, "config.yml", string(text)+
		"refresh_admin: {addr: \"127.0.0.1:0\", admins: {oncall: {token_file: oncall}}}\n")

	p := start(t, binary, dir)
	revoked, lost := p.login(), p.login()
	p.wantStatus("a new token", revoked, http.StatusOK)
	p.revoke(token, "alice")
	p.wantStatus("a revoked token", revoked, http.StatusUnauthorized)
	p.wantStatus("the other revoked token", lost, http.StatusUnauthorized)
	lost = p.login()
	p.wantStatus("a token after the revocation", lost, http.StatusOK)
	p.kill()

	p = start(t, binary, dir)
	p.wantStatus("a token of an earlier process", lost, http.StatusUnauthorized)
	p.wantStatus("a login after a restart", p.login(), http.StatusOK)
	p.kill()
}

// revoke revokes the refresh tokens of a user, at the address for administrators.
func (p *process) revoke(token, subject string) {
	p.t.Helper()
	at := "http://" + p.wait("listening for operators")["addr"].(string) +
		"/refresh-tokens?" + url.Values{"subject": {subject}}.Encode()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodDelete, at, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = w.Body.Close()
	if w.StatusCode != http.StatusOK {
		p.t.Errorf("revoke: status %d", w.StatusCode)
	}
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
