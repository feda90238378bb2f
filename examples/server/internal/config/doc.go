// Package config reads the server's configuration: the YAML file that users of docker_auth have, with some keys more.
//
//	cfg, err := config.Load("config.yml", os.Getenv)
//
// What [Load] returns is checked: files were read, keys and hashes parsed, rules compiled. Every key is known or refused, and
// every problem is one line with its file and line number. Nothing is ignored in silence: what is read in another way than
// docker_auth does is among the warnings.
package config
