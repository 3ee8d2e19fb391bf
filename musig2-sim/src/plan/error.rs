//! Contradictions in a plan.

use crate::ids::NodeId;
use musig2_proto::ConfigError;

/// Why a plan cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// More nodes than can be numbered.
    #[error("{0} nodes, and at most {max} can be numbered", max = u16::MAX)]
    TooManyNodes(usize),
    /// A session names a node that does not exist.
    #[error("session {session} names {node}, and there are only {nodes}")]
    NoSuchNode {
        /// Which session, from 0.
        session: usize,
        /// The node it names.
        node: NodeId,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A crash is planned for a node that does not exist.
    #[error("{node} is to crash, and there are only {nodes}")]
    NoSuchNodeToCrash {
        /// The node.
        node: NodeId,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A pause is planned for a node that does not exist.
    #[error("{node} is to stand still, and there are only {nodes}")]
    NoSuchNodeToPause {
        /// The node.
        node: NodeId,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A link names a node that does not exist.
    #[error("a link of {node}, and there are only {nodes}")]
    NoSuchNodeToLink {
        /// The node.
        node: NodeId,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A clock is too far off or too fast.
    #[error(
        "the clock of {node}: offset and jumps are a year at most, and the drift half of the true rate"
    )]
    Clock {
        /// Whose.
        node: NodeId,
    },
    /// A node is to be the twin of a node that does not exist, or that is itself a twin.
    #[error("{node} is to be the twin of {of}, which is no node or a twin itself")]
    NoSuchNodeToDouble {
        /// The twin.
        node: NodeId,
        /// Whose twin it is to be.
        of: NodeId,
    },
    /// A session's coordinator is not one of its signers.
    #[error("session {session}: its coordinator, {coordinator}, is not one of its signers")]
    CoordinatorNotSigner {
        /// Which session, from 0.
        session: usize,
        /// Its coordinator.
        coordinator: NodeId,
    },
    /// The nodes' configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
