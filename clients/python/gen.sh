#!/bin/sh
# Makes the stubs of schemas/runyard/v1/orchestrator.proto, and client.py: `gen.sh [DIR]`, default the package itself.
# The stubs by the compiler of the oldest protobuf that we support: what a newer one writes refuses older runtimes.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname "$(dirname "$here")")
out=${1:-$here/src}
tools=grpcio-tools==1.49.1
venv=$root/.cache/python-client/gen

if [ ! -f "$venv/runyard-stamp" ] || [ "$(cat "$venv/runyard-stamp")" != "$tools" ]; then
  rm -rf "$venv"
  "${PYTHON:-python3.11}" -m venv "$venv"
  # The compiler asks for pkg_resources, which newer setuptools no longer have.
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$tools" 'setuptools<70' >&2
  printf '%s\n' "$tools" >"$venv/runyard-stamp"
fi
"$venv/bin/python" -m grpc_tools.protoc -I "$root/schemas" --python_out="$out" --pyi_out="$out" \
  runyard/v1/orchestrator.proto
# That compiler's types lack what a strict checker asks for.
sed -i -e 's/_Mapping\]/_Mapping[str, object]]/g; s/\*\*kwargs)/**kwargs: object)/' \
  -e 's/__slots__ = \[/__slots__: list[str] = [/' "$out/runyard/v1/orchestrator_pb2.pyi"

# The blocking client is the asyncio one without its words.
{
  printf '# Made by gen.sh from aio.py: do not edit.\n'
  sed -e 's/async def /def /; s/async with /with /; s/async for /for /; s/await //g' \
    -e 's/AsyncTrainerClient/TrainerClient/g; s/from \._aio /from ._sync /' \
    -e 's/__aenter__/__enter__/g; s/__aexit__/__exit__/g; s/__anext__/__next__/g' \
    -e '1s/The client for asyncio/The client that blocks/' "$here/src/runyard/aio.py"
} >"$out/runyard/client.py"
