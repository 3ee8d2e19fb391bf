//! How many files this process may have open, and how many connections that allows.

use musig2_libp2p::NodeConfig;
#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process has open besides its nodes' connections: standard streams, the runtime's own
/// files, listeners, files being read or written, 32 clients each on a daemon's socket and HTTP
/// address, and 32 clients that wait for what they proposed.
const OTHERS: u64 = 128;

/// Raises the limit on open files if it is too low for this node and may be raised. If it may not,
/// gives the node fewer connections, so that descriptors are left for co-signers however many
/// others connect.
pub(crate) fn fit(config: NodeConfig) -> NodeConfig {
    let limit = allow(u64::from(config.max_sockets()) + OTHERS);
    let wanted = config.max_connections;
    let fits = |most: &u32| {
        u64::from(config.clone().with_max_connections(*most).max_sockets()) + OTHERS <= limit
    };
    match (NodeConfig::MIN_CONNECTIONS..=wanted).rev().find(fits) {
        Some(most) if most == wanted => config,
        most => {
            let most = most.unwrap_or(NodeConfig::MIN_CONNECTIONS).min(wanted);
            tracing::warn!(
                "this process may open only {limit} files, so this node has at most {most} connections instead of {wanted}: \
                 raise the limit (`LimitNOFILE` in a systemd unit, `ulimit -Hn` in a shell), or set `max_connections`"
            );
            config.with_max_connections(most)
        }
    }
}

/// Raises the limit on open files for this many nodes in this process, each connected to all
/// others.
pub(crate) fn allow_demo(nodes: usize) {
    let nodes = nodes as u64;
    // Two nodes that dial each other have two connections for a moment, and each end of a
    // connection has a descriptor.
    let needed = OTHERS + nodes * (2 * nodes + 8);
    let limit = allow(needed);
    if limit < needed {
        tracing::warn!(
            "this process may open only {limit} files, but {nodes} nodes may need {needed}: raise the limit (`ulimit -Hn`), or use fewer nodes"
        );
    }
}

/// Raises the limit on open files to this, or as far as the system allows, and returns the limit
/// then. It never lowers it. Programs that this process starts inherit the limit, so it is raised
/// no further than necessary.
#[cfg(unix)]
fn allow(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let [now, most] = [current, maximum].map(|limit| limit.unwrap_or(u64::MAX));
    let wanted = needed.min(most);
    if now >= wanted {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => {
            tracing::info!("raised the limit on open files from {now} to {wanted}");
            wanted
        }
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit on open files from {now} to {wanted}");
            now
        }
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
fn allow(_: u64) -> u64 {
    u64::MAX
}
