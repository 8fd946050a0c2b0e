package main

import "golang.org/x/sys/unix"

// tryLocks answers whether every file could be locked now, that is, whether no trainer holds it. It
// keeps none: the daemon asks before it gives a GPU to somebody else, and Node cannot call flock.
func tryLocks(paths []string) int {
	for _, path := range paths {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			fail(codeFailed, "cannot open "+path+": "+err.Error())
		}
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
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
