//! Says when to compile again; the packages are compiled in, and a new file among them is a change.

fn main() {
    println!("cargo:rerun-if-changed=packages");
    println!("cargo:rerun-if-changed=build.rs");
}
