//! The other engine's secret nonce cannot be cloned, printed or serialised either.

use core::fmt::Debug;
use musig2_proto::{Crypto, K256};
use serde::Serialize;

type SecretNonce = <K256 as Crypto>::SecretNonce;

fn is_clone<T: Clone>() {}
fn is_printed<T: Debug>() {}
fn is_serialized<T: Serialize>() {}

fn main() {
    is_clone::<SecretNonce>();
    is_printed::<SecretNonce>();
    is_serialized::<SecretNonce>();
}
