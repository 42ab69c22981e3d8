#!/usr/bin/env bash
# Installs the Chromium that the tests drive, from Debian's packages. Needs root.
set -euo pipefail
command -v chromium >/dev/null && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends chromium
