#!/usr/bin/env bash
# Installs the Slurm that the tests start, from Debian's or Ubuntu's packages. Needs root.
set -euo pipefail
export PATH=$PATH:/usr/sbin
for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || missing=yes
done
[ "${missing:-}" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends munge slurmctld slurmd slurm-client
