# shellcheck shell=bash
# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What .ci/run is made of: the machine, steps, virtual environments, copies of the tree.

# pyenv's shims stand for interpreters that are not enabled, and ansible-test trips over them: take the real ones.
use_real_interpreters() {
  local versions=${PYENV_ROOT:-$HOME/.pyenv}/versions folder own
  [ -d "$versions" ] || return 0
  own=$(python3 -c 'import sys; print(sys.base_prefix)')/bin
  PATH="$own:$(tr : '\n' <<< "$PATH" | grep -v '/\.pyenv/shims$' | paste -sd:)"
  for folder in "$versions"/3.*/bin; do PATH="$PATH:$folder"; done
}

# Debian's packages of what the tests call. Only in CI: a user's machine stays as it is.
install_tools() {
  local missing=() root=() pair
  PATH="$PATH:/usr/sbin:/sbin"
  case ${CI:-} in '' | 0 | false) return 0 ;; esac
  for pair in mke2fs:e2fsprogs qemu-img:qemu-utils node:nodejs npm:npm shellcheck:shellcheck openssl:openssl curl:curl; do
    command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || root=(sudo -n)
  step apt-update 300 "${root[@]}" apt-get update -q
  step apt-install 600 "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

# first_python 3.11 3.12: the first of these versions that this machine has.
first_python() {
  local version
  for version in "$@"; do command -v "python$version" && return 0; done
  echo "none of these Python versions is installed: $*" >&2
  return 1
}

# report NAME RESULT SECONDS: results go through a file because steps also run in subshells.
report() {
  printf '%-20s %-6s %4ds\n' "$1" "$2" "$3"
  echo "$1 $2" >> "$WORK/results"
}

# step NAME LIMIT COMMAND...: run a program or a function within LIMIT seconds, show the end of its log if it fails.
step() {
  local name=$1 limit=$2 start=$SECONDS; shift 2
  if limited "$limit" "$@" > "$WORK/logs/$name.log" 2>&1; then
    report "$name" ok $((SECONDS - start))
  else
    report "$name" FAILED $((SECONDS - start))
    tail -n 60 "$WORK/logs/$name.log" | sed 's/^/  | /'
    return 1
  fi
}

# The lock of .ci/run (descriptor 9) must not live on in what a step leaves behind.
limited() {
  local limit=$1; shift
  timeout --kill-after=10 "$limit" bash -c '"$@"' step "$@" < /dev/null 9>&-
}

# venv NAME PYTHON ARGUMENT...: make $WORK/NAME for these arguments of pip, unless it is there already.
venv() {
  local folder=$WORK/$1 python=$2 wanted; shift 2
  wanted="$python $* $(cat .ci/requirements-*.txt)"
  [ "$(cat "$folder/.wanted" 2> /dev/null)" != "$wanted" ] || return 0
  [ -x "$WORK/uv/bin/uv" ] || { python3 -m venv "$WORK/uv" && "$WORK/uv/bin/python" -m pip install -q uv==0.13.9; } || return
  "$WORK/uv/bin/uv" venv -q --clear --seed --python "$python" "$folder" || return
  "$WORK/uv/bin/uv" pip install -q --python "$folder/bin/python" "$@" && printf %s "$wanted" > "$folder/.wanted"
}

# copy NAME: the collection as git sees it, in $WORK/NAME. ansible-test refuses a symlink, and asks git for its files.
copy() {
  local target=$WORK/$1/ansible_collections/xapi/xen
  rm -rf "${WORK:?}/$1" && mkdir -p "$target" || return
  git ls-files -z --cached --others --exclude-standard | existing | tar --null -T - -cf - | tar -C "$target" -xf - &&
    git -C "$target" init -q && git -C "$target" add -A
}

# A file that was deleted but not committed is still in git's list.
existing() {
  local file
  while IFS= read -rd '' file; do
    if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
  done
}

# core CORE PYTHON...: a virtual environment, a home and a copy of the collection for this ansible-core.
core() {
  local version=$1 python pip; shift
  python=$(first_python "$@") || return
  venv "core-$version" "$python" "ansible-core~=$version.0" -r .ci/requirements-core.txt && copy "tree-$version" || return
  mkdir -p "$WORK/home-$version/.ansible/test/cache"
  for pip in 23_1_2 24_2 25_2; do cp .ci/get_pip.py "$WORK/home-$version/.ansible/test/cache/get_pip_$pip.py"; done
}

# ansible_test CORE ARGUMENT...: one home per core, for two runs that share a folder of virtual environments break each other.
ansible_test() {
  local bin=$WORK/core-$1/bin home=$WORK/home-$1
  cd "$WORK/tree-$1/ansible_collections/xapi/xen" || return
  shift
  HOME=$home PATH=$bin:$PATH PIP_QUIET=1 "$bin/ansible-test" "$@" --color no
}
