//! What the types of the core do not let anyone write: see the files in `cases`, each with what the
//! compiler says about it.

/// The compiler whose messages the files hold.
const RUST: &str = "rustc 1.95.";

#[test]
fn a_secret_nonce_signs_once_and_is_neither_copied_nor_read() {
    let rustc = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .arg("--version")
        .output()
        .expect("the compiler that built this test");
    let version = String::from_utf8_lossy(&rustc.stdout);
    if !version.starts_with(RUST) {
        // Another compiler words its messages differently.
        eprintln!("SKIPPED: cases holds the words of {RUST}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
