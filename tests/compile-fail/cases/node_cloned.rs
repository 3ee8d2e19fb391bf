//! A node cannot be cloned: its nonces would be in two places.

use musig2_proto::Node;

fn clone(node: &Node) -> Node {
    node.clone()
}

fn main() {}
