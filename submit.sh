#!/usr/bin/env bash
# Run a job on EMR: package, upload what changed, add the step. The work is done by `s3sync submit`; this finds a Python
# for it. `./submit.sh --help` lists the options; docs/operations.md shows the ways to use it.
#
#   ./submit.sh migrate -m s3://reports/inv/ -t new-bucket --work-uri s3://work/s3sync --cluster-id j-2AXXXXXXGAPLF --wait
#   ./submit.sh --all --cluster-id j-2AXXXXXXGAPLF        each job of conf/buckets.yml
#
#   PYTHON   the Python to use: 3.11 or newer, with the package's needs (`make` builds .venv-spark35)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

python=${PYTHON:-}
for candidate in "$here/.venv-spark35/bin/python" "$here/.venv-spark40/bin/python" "$(command -v python3 || true)"; do
  if [[ -z $python && -x $candidate ]] && "$candidate" -c 'import boto3, yaml, pyarrow, packaging' 2>/dev/null; then
    python=$candidate
  fi
done
if [[ -z $python ]]; then
  echo "submit.sh: no Python with the package's needs: run \`make .venv-spark35/.installed\`, or set PYTHON" >&2
  exit 2
fi

PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m s3sync submit "$@"
