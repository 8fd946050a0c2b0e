package main

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// searchPath is what execvp takes where PATH is not set.
const searchPath = "/bin:/usr/bin"

// lookProgram finds a program as execvp would in the trainer's own PATH, relative to its directory.
// A name with a slash is taken as it is: exec itself says what is wrong with it.
func lookProgram(name, cwd string, environment []string) (string, syscall.Errno) {
	if name == "" {
		return "", unix.ENOENT
	}
	if strings.ContainsRune(name, '/') {
		return name, 0
	}
	path, is := lookupEnv(environment, "PATH")
	if !is {
		path = searchPath
	}
	errno := syscall.Errno(unix.ENOENT)
	for directory := range strings.SplitSeq(path, ":") {
		candidate := name
		if directory != "" {
			candidate = directory + "/" + name
		}
		switch executable(candidate, cwd) {
		case 0:
			if candidate == name {
				candidate = "./" + name
			}
			return candidate, 0
		case unix.EACCES:
			errno = unix.EACCES
		}
	}
	return "", errno
}

func executable(path, cwd string) syscall.Errno {
	var status unix.Stat_t
	path = within(cwd, path)
	if err := unix.Stat(path, &status); err != nil {
		return errnoOf(err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return errnoOf(err)
	}
	return 0
}

// enterable says why a directory cannot be a working directory; 0 if it can.
func enterable(path string) syscall.Errno {
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		return errnoOf(err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return errnoOf(err)
	}
	return 0
}

func isThere(path, cwd string) bool {
	var status unix.Stat_t
	return unix.Stat(within(cwd, path), &status) == nil
}

func within(cwd, path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return cwd + "/" + path
}
