"""Work on other machines: portions of a verb as jobs, on Slurm or here, by way of submitit."""

LOCAL = "local"  # in the place of a fleet: this machine, without jobs
