//! Tells Cargo to compile again when a file is added to the packages that are compiled in.

fn main() {
    println!("cargo:rerun-if-changed=../../packages");
    println!("cargo:rerun-if-changed=build.rs");
}
