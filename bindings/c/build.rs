//! The shared library offers the header's functions and nothing else.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Some crates below give functions of theirs a name that C knows. They are nobody's business outside.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
}
