//! What is behind the messages: the nodes, their sessions, and the partitions between nodes.

use super::data::{Cut, Lane, Session};
use super::decode;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::trace::{Action, Step};
use crate::world::World;
use musig2_proto::{Manifest, PublicKey, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The sessions of a run: those of the plan, then all others that a node saw.
pub(super) struct Sessions {
    ids: Vec<SessionId>,
    manifests: BTreeMap<SessionId, Arc<Manifest>>,
    nodes: BTreeMap<PublicKey, NodeId>,
}

impl Sessions {
    pub(super) fn of<C: Engine>(world: &World<C>) -> Self {
        let nodes = world.plan().node_ids();
        let changes = nodes.clone().flat_map(|node| world.trace().changes(node));
        let views = changes.flat_map(|(_, sessions)| sessions);
        let manifests: BTreeMap<_, _> =
            views.map(|view| (view.id, Arc::clone(&view.manifest))).collect();
        let mut ids: Vec<_> = (0..world.plan().sessions.len())
            .filter_map(|session| world.session_id(session))
            .collect();
        let others: Vec<_> = manifests.keys().filter(|id| !ids.contains(id)).copied().collect();
        ids.extend(others);
        // If several nodes have one key, the first one counts; the others are copies of it.
        let mut by_key = BTreeMap::new();
        for node in nodes {
            by_key.entry(world.public_key(node)).or_insert(node);
        }
        Self { ids, manifests, nodes: by_key }
    }

    pub(super) fn number(&self, id: &SessionId) -> Option<usize> {
        self.ids.iter().position(|known| known == id)
    }

    pub(super) fn into_shown(self) -> Vec<Session> {
        let show = |id: &SessionId| {
            let manifest = self.manifests.get(id);
            let keys = manifest.into_iter().flat_map(|manifest| manifest.signers());
            Session {
                id: id.to_string(),
                signers: keys.map(|key| self.nodes.get(key).map(|node| node.get())).collect(),
                manifest: manifest.map(|manifest| decode::manifest(manifest)),
            }
        };
        self.ids.iter().map(show).collect()
    }
}

pub(super) fn lane<C: Engine>(world: &World<C>, node: NodeId) -> Lane {
    // A node is absent until it starts.
    let (mut absent, mut paused) = (vec![(None, None)], Vec::new());
    for (step, Step { node: of, action, .. }) in world.trace().recorded().iter().enumerate() {
        match action {
            Action::Started | Action::Restarted if *of == node => {
                if let Some((_, until)) = absent.last_mut() {
                    *until = Some(step);
                }
            }
            Action::Crashed { .. } if *of == node => {
                absent.push((Some(step), None));
                go_on(&mut paused, step);
            }
            Action::Paused { .. } if *of == node => paused.push((step, None)),
            Action::Resumed if *of == node => go_on(&mut paused, step),
            _ => {}
        }
    }
    let clock = world.plan().nodes.get(node.as_usize()).and_then(|plan| clock(&plan.clock));
    let strategy = world.plan().nodes.get(node.as_usize()).and_then(|plan| plan.strategy);
    let strategy = strategy.map(|strategy| strategy.to_string());
    let strategy = strategy.or_else(|| (!world.is_honest(node)).then(|| "not honest".into()));
    Lane { strategy, key: world.public_key(node).to_string(), absent, paused, clock }
}

fn go_on(paused: &mut [(usize, Option<usize>)], step: usize) {
    if let Some((_, until)) = paused.last_mut() {
        until.get_or_insert(step);
    }
}

fn clock(clock: &Clock) -> Option<String> {
    let Clock { ahead, drift, .. } = clock;
    let words = [
        (*ahead != 0).then(|| format!("{ahead:+} ms")),
        (*drift != 0).then(|| format!("{drift:+} ppm")),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

pub(super) fn partitions<C: Engine>(world: &World<C>) -> Vec<Cut> {
    let (plan, end) = (world.plan(), world.now());
    let healed = plan.network.heals_at.unwrap_or(end).min(end);
    let cuts = plan.network.partitions.iter().filter(|partition| partition.from < healed);
    let numbers =
        |group: &std::collections::BTreeSet<NodeId>| group.iter().map(|node| node.get()).collect();
    cuts.map(|partition| Cut {
        one: numbers(&partition.one),
        other: numbers(&partition.other),
        from: partition.from.get(),
        until: partition.until.min(healed).get(),
        one_way: partition.one_way,
    })
    .collect()
}
