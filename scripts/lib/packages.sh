# Debian 12 packages, by what needs them.  Sourced by scripts/run, scripts/test and .ci/run.

# llvm-19 for its archiver: CMake would take another version's, which cannot read what clang-19 writes under LTO.
BUILD_PACKAGES=(clang-19 lld-19 llvm-19 cmake ninja-build ccache pkg-config libboost1.81-dev libssl-dev
  libsimdjson-dev
  nlohmann-json3-dev libspdlog-dev libyaml-cpp-dev libsqlite3-dev libcli11-dev libmimalloc-dev libc-ares-dev
  zlib1g-dev libbrotli-dev libzstd-dev ca-certificates curl)
TEST_PACKAGES=(libgtest-dev libgmock-dev libbenchmark-dev python3 openssl sqlite3)
CHECK_PACKAGES=(clang-format-19 clang-tidy-19 libclang-rt-19-dev git)
BENCH_PACKAGES=(nginx-light haproxy util-linux binutils)
CONTAINER_PACKAGES=(buildah podman runc debootstrap python3-yaml)
# What the built binary needs to run, in the container image.
RUNTIME_PACKAGES=(libssl3 libc-ares2 libyaml-cpp0.7 libsqlite3-0 libspdlog1.10 libfmt9 libsimdjson14 libmimalloc2.0
  zlib1g libbrotli1 libzstd1 ca-certificates)

# install_packages NAME...: installs what is missing and says what that is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    echo "  packages   all there"
    return 0
  fi
  echo "  packages   installing ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "Installing packages needs root or sudo: apt-get install ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
