// Package extauth asks programs who somebody is and what they may do, in the way of docker_auth's ext_auth and ext_authz.
//
// A program for ext_auth reads the user name, a space and the password from its standard input. It ends with
//
//	0  the password is right; it may have written {"labels": {"group": ["devs"]}}
//	1  the password is wrong
//	2  there is no such user
//
// A program for ext_authz reads a JSON object with Account, Type, Name, Service, IP, Actions and Labels, and ends with
//
//	0  all of the actions are granted
//	1  none is
//
// Anything else is an error, as are too much output and too long a time: the client reads 503 and tries again later. Unlike
// docker_auth, a program is given up after a time, only so many run at once, one is killed with all that it started, also with what
// it leaves behind when it ends, and the environment variables in which the server finds its secrets are not handed on. One that
// has hung five times in a row is not asked for more than a trial every two seconds until it answers; meanwhile the client
// reads 503 at once.
package extauth
