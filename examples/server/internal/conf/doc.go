// Package conf reads YAML with lines. It is strict: every key is known and comes once. A mistake
// does not end the reading, so that the owner sees all of them at once.
//
// A mapping is read by [Node.Fields]. From its fields come the checks, the secrets, the files to
// watch, the settings that need a restart, and the list of all keys.
package conf
