package main

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// readFile and writeWhole do what package os does, without its poller, which costs a start some tens
// of microseconds to set up.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 4096)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := unix.Read(fd, data[len(data):cap(data)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
	}
}

func writeWhole(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err != nil && err != unix.EINTR {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

func bootID() (string, error) {
	data, err := readFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}

// startTimeOf is the 22nd field of /proc/PID/stat; the 2nd may hold spaces and brackets.
func startTimeOf(pid string) (string, error) {
	data, err := readFile("/proc/" + pid + "/stat")
	if err != nil {
		return "", err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return "", errors.New("unexpected form of /proc/" + pid + "/stat")
	}
	return fields[19], nil
}
