#!/usr/bin/env bash
# Builds the image, pushes it, deploys it on Cloud Run and asks it whether it holds. Every step may be run again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'TEXT'
usage: cloudrun/deploy.sh [--dry-run] [FLAG=VALUE...]

  --project=ID       by default the project of gcloud's configuration
  --region=NAME      by default run/region of gcloud's configuration, or europe-west1
  --name=NAME        of the service (pyexec)
  --environment=GEN  gen1 (gVisor, the default) or gen2 (Linux)
  --min-level=N      weakest isolation level to serve at (2)
  --image=IMAGE      an image that has been pushed already, NAME@sha256:...; nothing is built
  --public           everybody may ask; by default who has the role run.invoker
  --dry-run          prints the commands, and runs none that changes something
TEXT
}

fail() { echo "deploy.sh: $*" >&2; exit 1; }

project='' region='' name=pyexec environment=gen1 min_level=2 image='' public='' dry_run=''
for flag in "$@"; do
  case $flag in
    --project=*) project=${flag#*=} ;;
    --region=*) region=${flag#*=} ;;
    --name=*) name=${flag#*=} ;;
    --environment=*) environment=${flag#*=} ;;
    --min-level=*) min_level=${flag#*=} ;;
    --image=*) image=${flag#*=} ;;
    --public) public=yes ;;
    --dry-run) dry_run=yes ;;
    --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown: $flag" ;;
  esac
done
[[ $environment =~ ^gen[12]$ ]] || fail "--environment is gen1 or gen2, not: $environment"
[[ $min_level =~ ^[1-4]$ ]] || fail "--min-level is 1 to 4, not: $min_level"
[[ $name =~ ^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$ ]] || fail "--name is small letters, digits and -, not: $name"
[[ -z $image || $image == *@sha256:* ]] || fail "--image names no digest (NAME@sha256:...): $image"

command -v gcloud >/dev/null || fail "gcloud is missing: install the Google Cloud SDK, then: gcloud auth login"
command -v python3 >/dev/null || fail "python3 is missing: smoke.sh is run with it"
if [ -z "$image" ]; then
  command -v docker >/dev/null || fail "docker is missing: install it, or give --image=NAME@sha256:..."
  [ -n "$dry_run" ] || docker info >/dev/null 2>&1 || fail "docker's engine does not answer: start it, or see whether you may use it"
fi
configured() { gcloud config get-value "$1" 2>/dev/null | grep -vxF '(unset)' || true; }
[ -n "$(configured account)" ] || fail "nobody is logged in: gcloud auth login"
project=${project:-$(configured project)}
[ -n "$project" ] || fail "no project: --project=ID, or: gcloud config set project ID"
region=${region:-$(configured run/region)}
region=${region:-europe-west1}

run() {  # what changes something
  printf '+ %s\n' "$(printf '%q ' "$@")" >&2
  [ -n "$dry_run" ] || "$@"
}
gc() { run gcloud --quiet "--project=$project" "$@"; }
ask() { gcloud --quiet "--project=$project" "$@" 2>/dev/null; }

gc services enable run.googleapis.com artifactregistry.googleapis.com iam.googleapis.com

if [ -z "$image" ]; then
  repository() { ask artifacts repositories describe "$name" "--location=$region" '--format=value(registryUri)'; }
  repository >/dev/null || gc artifacts repositories create "$name" "--location=$region" --repository-format=docker
  uri=$(repository) || [ -n "$dry_run" ] || fail "the repository $name in $region does not say where it is"
  uri=${uri:-REPOSITORY}
  revision=$(git -C "$here" rev-parse HEAD 2>/dev/null || echo unknown)
  tag=$uri/pyexec:${revision:0:12}
  gc auth configure-docker "${uri%%/*}"
  version=$("$here/../dev" version)
  run docker build --platform linux/amd64 --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "$tag" "$here/.."
  run docker push "$tag"
  # By its digest: what is deployed is what was built here, whoever moves the tag.
  if [ -n "$dry_run" ]; then image=$uri/pyexec@sha256:DIGEST
  else
    image=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$tag" | grep -F "$uri/" | head -1) ||
      fail "docker does not know the digest of $tag"
  fi
fi

service_account=$name-jobs@$project.iam.gserviceaccount.com
ask iam service-accounts describe "$service_account" >/dev/null ||
  gc iam service-accounts create "$name-jobs" "--display-name=pyexec: no role, on purpose"

manifest=$(mktemp)
trap 'rm -f "$manifest"' EXIT
sed -e "s|\${NAME}|$name|g" -e "s|\${IMAGE}|$image|g" -e "s|\${ENVIRONMENT}|$environment|g" \
  -e "s|\${MIN_LEVEL}|$min_level|g" -e "s|\${SERVICE_ACCOUNT}|$service_account|g" "$here/service.yaml" >"$manifest"
# shellcheck disable=SC2016
if grep -n '^[^#]*\${' "$manifest" >&2; then fail "service.yaml has a place that nothing was put in"; fi
if [ -n "$dry_run" ]; then sed '/^ *#/d' "$manifest"; fi
gc run services replace "$manifest" "--region=$region"
if [ -n "$public" ]; then
  gc run services add-iam-policy-binding "$name" "--region=$region" --member=allUsers --role=roles/run.invoker
fi

if [ -n "$dry_run" ]; then
  run "$here/smoke.sh" "URL"
  exit 0
fi
url=$(ask run services describe "$name" "--region=$region" '--format=value(status.url)')
[ -n "$url" ] || fail "the service has no address; its log: gcloud run services logs read $name --region=$region --project=$project"
PYEXEC_TOKEN=$(ask auth print-identity-token || true)
export PYEXEC_TOKEN
run "$here/smoke.sh" "$url"
echo "$url"
