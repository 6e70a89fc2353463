#!/usr/bin/env bash
# Asks a running pyexec whether it holds: the examples of the contract, and attacks that mean something from afar. Prints
# the isolation level and what went wrong; the exit code is 0 if nothing did.
# usage: smoke.sh URL
# PYEXEC_KEY: an API key of the service. PYEXEC_TOKEN: an identity token for Cloud Run (gcloud auth print-identity-token).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# != 1 || ! $1 =~ ^https?:// ]]; then
  sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
command -v python3 >/dev/null || { echo "smoke.sh: python3 is missing" >&2; exit 2; }

# What a job could reach that is not its own, and what would let it: name in tests/attacks | why
attacks=(
  02_network_every_family        # any way out
  04_network_own_loopback        # the service's own port, from inside
  05_read_passwd                 # files of the container
  08_signal_host_process         # ending the service
  10_read_process_memory         # the scripts of other jobs
  11_mount_tmpfs
  12_new_user_namespace          # the way to most bugs of kernels
  16_write_system_files          # what other jobs import
  19_io_uring
  26_inject_child_into_zygote    # a process that outlives its job
  31_network_metadata_server     # the token of the service account
  50_proc_of_others
  63_change_system_files
  92_other_jobs_files
)
arguments=()
# Cloud Run's front end may keep paths that end in z to itself.
if [[ $1 == *.run.app* ]]; then arguments+=(--skip-path /healthz); fi
# The service is the first process of its container.
exec python3 "$here/../tests/environments/check_url.py" "${1%/}" --summary --victim-pid 1 "${arguments[@]}" \
  --attacks "${attacks[@]}"
