#!/usr/bin/env bash
# Installs the Chromium that the tests drive, from Debian's packages, unless there is one. Needs root.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit
done
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends chromium
