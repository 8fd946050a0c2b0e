package main

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockTries and lockPause bound how long a lock is tried that somebody holds only to look at it.
const (
	lockTries = 5
	lockPause = 20 * time.Millisecond
)

// takeLock locks a file of a directory that others may write too: it is opened to read, no link is
// followed, and what has lost its name meanwhile is nobody's lock any more.
func takeLock(path string, how int) (int, error) {
	for try := 1; ; try++ {
		fd, err := openLock(path)
		if err == nil {
			err = unix.Flock(fd, how|unix.LOCK_NB)
			if err == nil && isNamed(fd, path) {
				return fd, nil
			}
			_ = unix.Close(fd)
		}
		// Made by another account, and not yet open to all.
		passing := err == nil || err == unix.EWOULDBLOCK || err == unix.EACCES
		if !passing || try == lockTries {
			if err == nil {
				err = unix.ESTALE
			}
			return -1, err
		}
		time.Sleep(lockPause)
	}
}

// openLock opens the file, or makes it. What another account made may only be opened without O_CREAT
// (fs.protected_regular).
func openLock(path string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	for {
		fd, err := unix.Open(path, flags, 0)
		if err == unix.ENOENT {
			fd, err = unix.Open(path, flags|unix.O_CREAT|unix.O_EXCL, 0o644)
			if err == unix.EEXIST {
				continue
			}
			if err == nil {
				// Whatever our umask is: to lock it, others have to open it.
				_ = unix.Fchmod(fd, 0o644)
			}
		}
		if err != nil {
			return -1, err
		}
		var stat unix.Stat_t
		if err = unix.Fstat(fd, &stat); err == nil && stat.Mode&unix.S_IFMT != unix.S_IFREG {
			err = unix.EINVAL
		}
		if err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
		return fd, nil
	}
}

// isNamed tells whether the file still has its name: else whoever opens that name locks another one.
func isNamed(fd int, path string) bool {
	var ours, named unix.Stat_t
	if unix.Fstat(fd, &ours) != nil || unix.Lstat(path, &named) != nil {
		return false
	}
	return ours.Dev == named.Dev && ours.Ino == named.Ino
}

// tryLocks answers whether every file could be locked now, that is, whether no trainer holds it. It
// keeps none: the daemon asks before it gives a GPU to somebody else, and Node cannot call flock.
// `shared:` before a path asks for a lock together with others.
func tryLocks(paths []string) int {
	for _, wanted := range paths {
		path, shared := strings.CutPrefix(wanted, "shared:")
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			fail(codeFailed, "cannot open "+path+": "+err.Error())
		}
		how := unix.LOCK_EX
		if shared {
			how = unix.LOCK_SH
		}
		err = unix.Flock(fd, how|unix.LOCK_NB)
		_ = unix.Close(fd)
		if err == unix.EWOULDBLOCK {
			return codeHeld
		}
		if err != nil {
			fail(codeFailed, "cannot lock "+path+": "+err.Error())
		}
	}
	return 0
}
