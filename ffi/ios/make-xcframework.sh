#!/bin/sh
# Makes CKinglet.xcframework beside this script, on a Mac with Xcode and rustup: the static library for phones, for the
# simulator on both kinds of processors, and for macOS, with the header and its module map.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build="$here/build"
rm -rf "$build" "$here/CKinglet.xcframework"
mkdir -p "$build/headers"
cp "$here/../include/kinglet.h" "$here/module.modulemap" "$build/headers/"
cp "$here/../c-tests/small.kgl" "$here/Tests/KingletTests/small.kgl"

library() {
    rustup target add "$1"
    (cd "$here/.." && CARGO_TARGET_DIR="$build/$1" cargo rustc --release --lib --crate-type staticlib --target "$1")
}

# One file for all processors of a platform.
joined() {
    name=$1
    shift
    mkdir -p "$build/$name"
    files=""
    for target in "$@"; do
        library "$target"
        files="$files $build/$target/$target/release/libkinglet.a"
    done
    # shellcheck disable=SC2086
    lipo -create $files -output "$build/$name/libkinglet.a"
}

joined ios aarch64-apple-ios
joined simulator aarch64-apple-ios-sim x86_64-apple-ios
joined macos aarch64-apple-darwin x86_64-apple-darwin
xcodebuild -create-xcframework \
    -library "$build/ios/libkinglet.a" -headers "$build/headers" \
    -library "$build/simulator/libkinglet.a" -headers "$build/headers" \
    -library "$build/macos/libkinglet.a" -headers "$build/headers" \
    -output "$here/CKinglet.xcframework"
