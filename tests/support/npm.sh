# Sourced by checkers that are npm packages: fetches them into a folder of the build, once.
# No lock file: it would name the registry of whoever made it.
# shellcheck shell=bash

fetch_packages() (  # package.json, folder
  mkdir -p "$(dirname "$2")"
  exec 9>"$2.lock"
  flock 9  # tests that use one folder may run at the same time
  if cmp -s "$1" "$2/package.json" && [ -e "$2/complete" ]; then exit; fi
  rm -rf "$2"
  mkdir -p "$2"
  cp "$1" "$2/"
  npm install --prefix "$2" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund >&2
  touch "$2/complete"
)
