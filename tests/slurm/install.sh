#!/usr/bin/env bash
# Installs the Slurm that the tests start, from Debian's or Ubuntu's packages. Needs root.
set -euo pipefail
command -v munged slurmctld slurmd sbatch >/dev/null && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends munge slurmctld slurmd slurm-client
