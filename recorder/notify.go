package main

import (
	"bufio"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// notify sends each line of its standard input as a datagram to the service manager's socket, until the
// input ends: Node has no datagram sockets of this kind. It lives as long as the daemon that speaks through
// it, because a manager looks up who sent a message and drops it when that process is gone.
func notify(address string) int {
	if address == "" {
		os.Stderr.WriteString("recorder: --notify: NOTIFY_SOCKET is not set\n")
		return codeUsage
	}
	// A name that begins with @ is not in the file system; the kernel wants a zero byte there, which
	// x/sys/unix puts.
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		os.Stderr.WriteString("recorder: --notify: " + err.Error() + "\n")
		return codeFailed
	}
	to := &unix.SockaddrUnix{Name: address}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		if err := unix.Sendto(socket, []byte(text+"\n"), 0, to); err != nil {
			os.Stderr.WriteString("recorder: --notify: " + err.Error() + "\n")
		}
	}
	return 0
}
