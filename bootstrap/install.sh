#!/usr/bin/env bash
# Bootstrap action of EMR: put s3sync and its dependencies on a node, for `s3sync submit --preinstalled`.
#
#   install.sh s3://work/s3sync/artifacts/packages/s3sync-0.1.0-HASH.tar.gz s3://.../deps-py3.11-x86_64-HASH.tar.gz
#
# `s3sync submit ... --dry-run` prints both URIs; a submission without --preinstalled uploads them. The order is: the
# package, then its dependencies. Running it again changes nothing, and an installation is either whole or not there.
#
#   S3SYNC_HOME   where it is installed; /opt/s3sync
set -euo pipefail

home=${S3SYNC_HOME:-/opt/s3sync}

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

as_root() {
  if [[ -w $(dirname "$home") || -w $home ]]; then "$@"; else sudo "$@"; fi
}

# The first 16 digits of the SHA-256 stand in the archive's name: what comes from S3 is what was uploaded.
verify() {
  local file=$1 name=$2 expected actual
  expected=$(sed -nE 's/.*-([0-9a-f]{16})\.tar\.gz$/\1/p' <<<"$name")
  [[ -n $expected ]] || fail "$name: the name has no hash; take the URI that \`s3sync submit --dry-run\` prints"
  actual=$(sha256sum "$file" | cut -c1-16)
  [[ $actual == "$expected" ]] || fail "$name: has the hash $actual; it was changed, or not fetched whole"
}

install_archive() {
  local uri=$1 name target aside
  name=$(basename "$uri")
  target=$home/versions/${name%.tar.gz}
  if [[ -d $target ]]; then
    echo "install.sh: $name is installed"
  else
    aside=$(mktemp -d)
    aws s3 cp --only-show-errors "$uri" "$aside/$name" || fail "$uri: cannot be fetched; has the node's role s3:GetObject?"
    verify "$aside/$name" "$name"
    as_root mkdir -p "$target.partial.$$"
    as_root tar -xzf "$aside/$name" -C "$target.partial.$$" --no-same-owner
    as_root chmod -R a+rX "$target.partial.$$"
    as_root mv -T "$target.partial.$$" "$target"
    rm -rf "$aside"
    echo "install.sh: $name installed"
  fi
  as_root ln -sfn "$target" "$home/$2.new"
  as_root mv -T "$home/$2.new" "$home/$2"
}

[[ $# -eq 2 ]] || fail "give two URIs: the package's and the dependencies'"
for uri in "$@"; do
  [[ $uri == s3://*/*.tar.gz ]] || fail "$uri: is no s3://BUCKET/....tar.gz"
done

as_root mkdir -p "$home/versions"
install_archive "$1" app
install_archive "$2" deps

python=$(basename "$2" | sed -nE 's/^deps-py([0-9.]+)-.*/python\1/p')
if [[ -n $python ]] && ! command -v "$python" >/dev/null; then
  as_root dnf install -y "$python" || fail "$python is not on the node and cannot be installed"
fi
echo "install.sh: done, in $home"
