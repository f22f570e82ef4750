# What the scripts share; sourced, not run. Names the script in every line it prints.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# Runs a command as root: directly, or through sudo where there is one.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -E "$@"
    else
        die "needs root to run: $*"
    fi
}

# What is kept between checkouts and builds: libcurl, the lab's images.
nodeboot_cache() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/nodeboot"; }

# A headline with the time since the script began, so that a long run can be followed: step "building"
step() { printf '\n=== %s [%d:%02d]\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)) >&2; }
