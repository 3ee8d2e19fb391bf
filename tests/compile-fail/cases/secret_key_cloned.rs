//! A secret key cannot be cloned.

use musig2_proto::SecretKey;

fn clone(key: &SecretKey) -> SecretKey {
    key.clone()
}

fn main() {}
