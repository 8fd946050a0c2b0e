// A worker that is none: carries what the daemon says to its workers to one process that plays them all,
// and back. A thousand real workers would need sixty gigabytes.
package main

import (
	"io"
	"net"
	"os"
)

func main() {
	crowd, err := net.Dial("unix", os.Args[1])
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	go func() {
		io.Copy(crowd, os.Stdin)
		os.Exit(0)
	}()
	io.Copy(os.Stdout, crowd)
}
