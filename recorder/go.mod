module runyard/recorder

go 1.26.0

// Without these the runtime keeps a descriptor of its CPU cgroup open, which we would close.
godebug (
	containermaxprocs=0
	updatemaxprocs=0
)

require golang.org/x/sys v0.49.0
