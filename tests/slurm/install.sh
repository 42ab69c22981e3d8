#!/usr/bin/env bash
# Installs the Slurm that the tests start, from Debian's or Ubuntu's packages. Needs root.
set -euo pipefail
packages="munge slurmctld slurmd slurm-client"
dpkg --status $packages >/dev/null 2>&1 && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends $packages
