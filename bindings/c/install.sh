#!/bin/sh
# Installs Prism for C and C++: the libraries, the headers, and what pkg-config and CMake ask for.
# It builds nothing unless it is told to, and a refusal changes nothing.
set -eu

usage='usage: install.sh --prefix DIR [--libdir NAME] [--from DIR] [--destdir DIR] [--build]
  --prefix DIR    where programs look for Prism: DIR/include, DIR/lib
  --libdir NAME   the folder of libraries below the prefix, such as lib64 (otherwise: lib)
  --from DIR      the folder with libprism.so and libprism.a (otherwise: target/release of this checkout)
  --destdir DIR   puts everything below DIR, for those who make packages
  --build         runs `cargo build --release -p prism-c` first'

refuse() { printf 'install.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s' "$PWD/$1" ;; esac; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
workspace=$(dirname -- "$(dirname -- "$here")")
prefix='' libdir=lib destdir='' build='' from=${CARGO_TARGET_DIR:-$workspace/target}/release

while [ $# -gt 0 ]; do
  case $1 in
    --help|-h) printf '%s\n' "$usage"; exit ;;
    --build) build=1; shift; continue ;;
    --prefix|--libdir|--from|--destdir) [ $# -gt 1 ] || refuse "expected a value after $1, found none
$usage" 2 ;;
    *) refuse "expected one of the options below, found $1
$usage" 2 ;;
  esac
  case $1 in
    --prefix) prefix=$2 ;; --libdir) libdir=${2%/} ;; --from) from=$2 ;; --destdir) destdir=$2 ;;
  esac
  shift 2
done
[ -n "$prefix" ] || refuse "expected --prefix DIR, found none
$usage" 2
case $libdir in
  ''|/*|*..*|*//*|*[!A-Za-z0-9._/+-]*)
    refuse "expected a folder below the prefix after --libdir, such as lib64, found '$libdir'" 2 ;;
esac
prefix=$(absolute "$prefix")
[ -z "$destdir" ] || destdir=$(absolute "$destdir")
root=$destdir$prefix

# One place for each of them: the workspace's Cargo.toml, and the header.
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\([^"]*\)".*/\1/p' "$workspace/Cargo.toml")
abi=$(sed -n 's/^#define PRISM_ABI \([0-9][0-9]*\)$/\1/p' "$here/include/prism.h")
[ -n "$version" ] && [ -n "$abi" ] || refuse "expected a checkout of Prism around $here, found no version in it"

writable() { # would DIR be one that files can be put into?
  at=$1
  while [ ! -e "$at" ] && [ ! -L "$at" ]; do at=$(dirname -- "$at"); done
  [ -d "$at" ] && [ -w "$at" ] || refuse "expected to be allowed to write $1, found that $at is not a folder for it;
  take another --prefix, or run this as somebody who may"
}
for dir in include "$libdir/pkgconfig" "$libdir/cmake/Prism" .; do writable "$root/$dir"; done

if [ -n "$build" ]; then
  command -v cargo >/dev/null || refuse "expected cargo for --build, found none; see https://rustup.rs"
  (cd "$workspace" && cargo build --release -p prism-c)
fi
for file in libprism.so libprism.a; do
  [ -f "$from/$file" ] || refuse "expected libprism.so and libprism.a in $from, found no $file;
  run \`cargo build --release -p prism-c\`, give --build, or name their folder with --from"
done
grep -q "libprism\.so\.$abi" "$from/libprism.so" || refuse "expected a library with the contract of the header \
(libprism.so.$abi), found another in $from; build it again"

# Everything is made beside its place and then renamed: nothing half-written is ever found under its name.
work=$root/.prism-$$
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 022
tree=$work/tree
mkdir -p "$tree/include" "$tree/$libdir/pkgconfig" "$tree/$libdir/cmake/Prism" || refuse "$root cannot be written to;
  take another --prefix, or run this as somebody who may"

# One object that shows the header's functions only: no name of a crate below can meet one of the program's own. What no
# function of the header needs is left out, with the names that it needed; so are notes for debuggers, and bitcode, over
# which plugins of ar and nm stumble.
private() {
  "${NM:-nm}" -D --defined-only "$from/libprism.so" | sed -n 's/.* T \(prism_[a-z0-9_]*\)$/\1/p' >"$work/names" &&
    [ -s "$work/names" ] &&
    # shellcheck disable=SC2046 # names of functions have no spaces
    "${LD:-ld}" -r -S --gc-sections --force-group-allocation $(sed 's/^/-u /' "$work/names") \
      -o "$work/all.o" "$from/libprism.a" &&
    "${OBJCOPY:-objcopy}" -R .llvmbc -R .llvmcmd --strip-unneeded --keep-global-symbols="$work/names" \
      "$work/all.o" "$work/prism.o" &&
    "${AR:-ar}" rcs "$work/libprism.a" "$work/prism.o" && mv -f "$work/libprism.a" "$tree/$libdir/libprism.a"
}
private 2>"$work/why" || {
  printf 'install.sh: libprism.a is as cargo made it, with the names of the crates below (%s)\n' \
    "$(sed -n 1p "$work/why")" >&2
  cp "$from/libprism.a" "$tree/$libdir/libprism.a"
}

real=libprism.so.$abi.0.0
cp "$from/libprism.so" "$tree/$libdir/$real"
ln -s "$real" "$tree/$libdir/libprism.so.$abi"
ln -s "libprism.so.$abi" "$tree/$libdir/libprism.so"
cp "$here"/include/* "$tree/include/"
cp "$here/packaging/PrismTargets.cmake" "$tree/$libdir/cmake/Prism/"
up=$(printf '%s' "$libdir" | sed 's|[^/][^/]*|..|g')
for file in "$here"/packaging/*.in; do
  name=$(basename -- "$file" .in)
  case $name in *.pc) to=$libdir/pkgconfig ;; *) to=$libdir/cmake/Prism ;; esac
  sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@UP@|$up|g" "$file" >"$tree/$to/$name"
done
find "$tree" -type f -exec chmod 644 {} +
chmod 755 "$tree/$libdir/$real"

(cd "$tree" && find . ! -type d) >"$work/files"
while read -r file; do
  [ ! -d "$root/$file" ] || [ -L "$root/$file" ] || refuse "expected a file at $root/$file, found a folder; move it away"
done <"$work/files"
while read -r file; do
  mkdir -p "$root/$(dirname -- "$file")"
  mv -f "$tree/$file" "$root/$file"
done <"$work/files"

printf 'Prism %s is in %s\n' "$version" "$root"
printf '  pkg-config:  export PKG_CONFIG_PATH=%s\n' "$prefix/$libdir/pkgconfig"
printf '  CMake:       -DCMAKE_PREFIX_PATH=%s\n' "$prefix"
printf '  at run time: export LD_LIBRARY_PATH=%s (or ldconfig, or an rpath)\n' "$prefix/$libdir"
