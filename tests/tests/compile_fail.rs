//! What the types of the core do not let anyone write: see the files in `compile_fail`, each with what the compiler says to it.

#[test]
fn a_secret_nonce_signs_once_and_is_neither_copied_nor_read() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
