# Shared by the scripts beside it: source it after setting SCRIPT (the name to print).
# Everything a script says about its own work goes to stderr, so that stdout stays free for results.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export ROOT

say() { printf '%s: %s\n' "${SCRIPT:-script}" "$*" >&2; }

# die STATUS MESSAGE...
die() {
    local status=$1
    shift
    say "$*"
    exit "$status"
}

# run COMMAND...: prints the command, then runs it with its output on stderr.
run() {
    printf '+ %s\n' "$*" >&2
    "$@" >&2
}

# as_root COMMAND...: runs it as root, through sudo where we are not root already.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die 1 "root is needed for '$*' and there is no sudo: run script/bootstrap once as root"
    fi
}
