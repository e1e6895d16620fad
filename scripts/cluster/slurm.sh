#!/usr/bin/env bash
# A Slurm of one machine, to try things on: `slurm.sh start FOLDER`, and `slurm.sh stop FOLDER`. Its state, its logs and its
# key are in FOLDER alone. Commands find it by the variable that `start` prints: export SLURM_CONF=FOLDER/slurm.conf
# Needs root, and Debian's packages: apt-get install slurm-wlm munge
set -euo pipefail

usage="usage: slurm.sh start|stop FOLDER"
what=${1:?$usage}
folder=$(realpath -m "${2:?$usage}")

start() {
    for program in munged slurmctld slurmd; do
        command -v "$program" >/dev/null || { echo "there is no $program: apt-get install slurm-wlm munge" >&2; exit 1; }
    done
    [ "$(id -u)" = 0 ] || { echo "Slurm's daemons start jobs as any user: run this as root" >&2; exit 1; }
    mkdir -p "$folder"/{state,spool,log} "$folder/munge"
    # munged checks that nobody else could write on the way to its key and its socket.
    chmod 755 "$folder"
    head -c 1024 /dev/urandom >"$folder/munge/key"
    chown -R munge: "$folder/munge"
    chmod 711 "$folder/munge"
    chmod 400 "$folder/munge/key"
    runuser -u munge -- munged --force --key-file "$folder/munge/key" --socket "$folder/munge/socket" \
        --pid-file "$folder/munge/pid" --log-file "$folder/munge/log" --seed-file "$folder/munge/seed"

    local host processors
    host=$(hostname -s)
    processors=$(nproc)
    cat >"$folder/slurm.conf" <<CONF
ClusterName=zoo
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerParameters=bf_interval=5,sched_min_interval=500000
NodeName=$host NodeAddr=127.0.0.1 CPUs=$processors State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$folder/slurm.conf
    slurmctld
    slurmd
    for _ in $(seq 60); do
        case $(sinfo -h -o %T 2>/dev/null || true) in idle | mixed | allocated)
            echo "export SLURM_CONF=$SLURM_CONF"
            return
            ;;
        esac
        sleep 0.5
    done
    echo "the node does not come up; $folder/log says why" >&2
    exit 1
}

stop() {
    local file process
    for file in "$folder"/slurmd.pid "$folder"/slurmctld.pid "$folder"/munge/pid; do
        [ -f "$file" ] || continue
        process=$(cat "$file")
        kill "$process" 2>/dev/null || continue
        # They write down their state at their end.
        for _ in $(seq 40); do
            kill -0 "$process" 2>/dev/null || break
            sleep 0.5
        done
    done
}

case $what in
start) start ;;
stop) stop ;;
*) echo "$usage" >&2; exit 2 ;;
esac
