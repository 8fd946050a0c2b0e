"""Messages of the control API, made by gen.sh from schemas/runyard/v1/orchestrator.proto."""
