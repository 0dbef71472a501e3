# shellcheck shell=bash
# Sourced by the programs of this folder.
# shellcheck disable=SC2034 # used there

readonly EXIT_USAGE=64        # the command line is wrong
readonly EXIT_UNAVAILABLE=69  # this machine cannot boot the kernel: a tool, the kernel or the platform is missing
readonly EXIT_GUEST=70        # the guest died without telling how the command ended

# die STATUS MESSAGE: one line on stderr, then the end.
die() {
  printf 'vm: %s\n' "$2" >&2
  exit "$1"
}

# The folder that keeps kernels and initramfs images between runs.
cache_folder() {
  local folder
  if [ -n "${DMABUF4J_VM_CACHE:-}" ]; then
    folder=$DMABUF4J_VM_CACHE
  elif [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ]; then
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/dmabuf4j/vm
  else
    die "$EXIT_UNAVAILABLE" 'no HOME to keep the kernel in: set DMABUF4J_VM_CACHE to a folder'
  fi
  if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
    die "$EXIT_UNAVAILABLE" "cannot write to the cache folder $folder: set DMABUF4J_VM_CACHE to another one"
  fi
  (cd "$folder" && pwd -P)
}

# need_tools "TOOL PACKAGE"…: ends with the one command that installs every package that is missing.
need_tools() {
  local tool package missing='' packages='' pair
  for pair in "$@"; do
    read -r tool package <<<"$pair"
    command -v "$tool" >/dev/null && continue
    missing+=" $tool"
    case " $packages " in *" $package "*) ;; *) packages+=" $package" ;; esac
  done
  [ -z "$missing" ] || die "$EXIT_UNAVAILABLE" "missing:$missing; install with: apt-get install -y$packages"
}

# Where modprobe and depmod are, which not everybody's PATH knows.
case :$PATH: in *:/usr/sbin:*) ;; *) PATH=$PATH:/usr/sbin:/sbin ;; esac
